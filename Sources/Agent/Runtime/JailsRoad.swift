import Bytes
import Configuration
import Jails
import Logging
import Logs
import Loki
import Rules
import Synchronization
import Telemetry

/// The jails of one agent: what they read, whom they ban, and who enforces it. Brings what runs into line with a configuration.
final class JailsRoad: Sendable {
    /// What is to run, worked out before anything is changed.
    struct Plan: Sendable {
        var jails: [JailPlan]
        /// What is wrong with jails that do not run.
        var problems: [String]
        /// What works otherwise than one might think.
        var warnings: [String]
        var section: JailsSection
    }

    struct Running: Sendable {
        var crew: JailCrew
        var plans: [JailPlan]
        var guarding: LockoutGuard
        var section: JailsSection
    }

    let store: BanStore
    private let stateDirectory: String
    private let streams: StoredStreams
    let observer: JailMetrics
    private let alerts: BanAlerts
    let metrics: MetricRegistry
    let readiness: Readiness
    let logger: Logger
    private let firewalls: Firewalls
    let lists: BanLists
    let sharing = Mutex<Sharing?>(nil)
    /// What was last logged of each part of it, and when.
    let toldOfSharing = Mutex<[String: (text: String, time: Timestamp)]>([:])
    private let runner = CommandRunner()
    private let ignoreCommands = IgnoreCommands()
    let running = Mutex<Running?>(nil)

    init(
        stateDirectory: String, logs: LogStore, alerts: any AlertSink, metrics: MetricRegistry, readiness: Readiness,
        logger: Logger
    ) {
        self.stateDirectory = stateDirectory
        store = BanStore(directory: "\(stateDirectory)/bans")
        for sentence in store.trouble { logger.error("state of bans: \(sentence)") }
        streams = StoredStreams(feed: logs) { StreamLabelsReader.read($0) }
        self.alerts = BanAlerts(alerts)
        observer = JailMetrics(metrics, alerts: self.alerts, readiness: readiness, logger: logger)
        self.metrics = metrics
        self.readiness = readiness
        self.logger = logger
        let firewalls = Firewalls(metrics: metrics, readiness: readiness, logger: logger)
        self.firewalls = firewalls
        lists = BanLists(
            stateDirectory: stateDirectory, metrics: metrics, readiness: readiness, logger: logger,
            block: { firewalls.block($0, allowing: $1) })
        observer.provide { [weak self] in self?.statuses ?? [] }
    }

    /// How each jail is doing.
    var statuses: [(plan: JailPlan, status: JailStatus)] {
        running.withLock { $0?.crew }?.ask { $0.statuses } ?? []
    }

    /// Has the crew's thread do something; throws where no jail runs.
    func ask<Answer: Sendable>(_ body: @escaping @Sendable (CrewCore) -> Answer) throws(BanActionError) -> Answer {
        guard let crew = running.withLock({ $0?.crew }) else {
            throw BanActionError("no jail runs; see jails: in the configuration")
        }
        guard let answer = crew.ask(body) else { throw BanActionError("the jails do not answer; is the agent ending?") }
        return answer
    }

    /// A line for each jail that bans somebody: whether the kernel keeps them out, by its own word.
    func enforcement(of target: BanTarget) -> [String] {
        let jails = running.withLock { $0?.plans ?? [] }.filter(\.usesFirewall).map(\.settings.name)
        return lists.explanation(of: target)
            + jails.compactMap { jail in
                do throws(BanActionError) {
                    guard let found = try firewalls.enforcement(of: target, jail: jail) else { return nil }
                    let time = found.remaining.map { "for another \(Int($0)) s" } ?? "for ever"
                    return "[\(jail)] the kernel keeps it out \(time)"
                } catch {
                    return "[\(jail)] \(error)"
                }
            }
    }

    // MARK: Configuration

    /// Brings the jails into line. A configuration that changes nothing of them leaves them, and what they count, alone.
    ///
    /// - Parameter labels: which every alert has.
    func apply(_ section: JailsSection, labels: LabelSet) {
        let plan = JailPlanner(section, stateDirectory: stateDirectory).plan(
            labels: labels, running: running.withLock { $0?.plans ?? [] })
        observer.configured(plan.problems)
        for warning in plan.warnings { logger.warning("jails: \(warning)") }
        let alerts = plan.jails.compactMap { jail in jail.alert.map { (jail.settings.name, $0) } }
        self.alerts.apply(Dictionary(alerts, uniquingKeysWith: { first, _ in first }))
        let hasImported = importBans(plan)
        let old = running.withLock { $0 }
        if let old, !hasImported, old.section.firewall == section.firewall, old.section.banLog == section.banLog,
            old.section.actions == section.actions, old.crew.fingerprints == plan.jails.map(\.fingerprint),
            // The firewall that jails use is there for lists, too.
            old.section.enforcesLists == section.enforcesLists || plan.jails.contains(where: \.usesFirewall)
        {
            _ = old.crew.ask { $0.reload() }
            running.withLock { $0?.section = section }
            apply(section, guarding: old.guarding)
            if old.section.sharing != section.sharing {
                stopSharing()
                share(section, guarding: old.guarding)
            }
            return
        }
        var gone: [String] = []
        if let old {
            let names = Set(plan.jails.map(\.settings.name))
            gone = old.plans.map(\.settings.name).filter { !names.contains($0) }
            stopSharing()
            old.crew.stop(within: 3, removed: Set(gone))
            running.withLock { $0 = nil }
        }
        observer.expect(plan.jails.map(\.settings.name))
        start(plan)
    }

    private func apply(_ section: JailsSection, guarding: LockoutGuard) {
        lists.apply(
            section.lists, isEnforced: section.enforcesLists, guarding: guarding,
            release: { [weak self] in self?.release() })
    }

    private func release() {
        _ = running.withLock { $0?.crew }?.ask { $0.release(now: Timestamp.now.secondsSince1970) }
    }

    /// Takes over what fail2ban has kept, before anybody asks the store which bans hold: once, so that who is forgiven later is not
    /// banned again at the next start, and not while all jails observe, as fail2ban goes on beside them.
    ///
    /// - Returns: whether it did.
    private func importBans(_ plan: Plan) -> Bool {
        guard let path = plan.section.importPath, store.position("import:\(path)") == nil,
            plan.jails.contains(where: { !$0.settings.isObserving })
        else {
            readiness.remove("bans/import")
            return false
        }
        do throws(Fail2BanDatabase.Failure) {
            let now = Timestamp.now.secondsSince1970
            let found = try Fail2BanDatabase(path: path).read(into: store, now: now)
            store.setPosition("import:\(path)", Array("\(Int64(now))".utf8))
            store.commit()
            readiness.remove("bans/import")
            let names = Set(plan.jails.map(\.settings.name))
            let lost = Set(store.bans(of: nil).map(\.jail)).subtracting(names).sorted()
            logger.notice(
                "took over fail2ban's bans",
                metadata: [
                    "file": "\(path)", "bans": "\(found.active)", "counts": "\(found.ended)",
                    "without_a_jail": "\(lost.joined(separator: ", "))",
                ])
            return true
        } catch {
            let text = "fail2ban's bans are not taken over before the next start or reload: \(error)"
            logger.error("jails: \(text)")
            readiness.set("bans/import", .degraded(text))
            return false
        }
    }

    private func start(_ plan: Plan) {
        let enforcing = plan.jails.filter(\.usesFirewall).map(\.settings)
        let guarding = plan.section.firewall.guarding(
            allowed: plan.section.ignored.compactMap { IPNetwork($0) }, listed: lists.allowed)
        let hasLists = plan.section.enforcesLists
        let shared = Mutex<[String: ActionLane]>([:])
        let surroundings = CrewSurroundings(
            store: store, streams: streams, observer: observer, guarding: guarding, commands: ignoreCommands,
            makeLane: { [self] action, jail in
                if case .other(let name, let make) = action {
                    return shared.withLock { lanes in
                        let lane: ActionLane = lanes[name] ?? self.lane(name, of: plan, make)
                        lanes[name] = lane
                        return lane
                    }
                }
                return lane(action, plan.jails.first { $0.settings.name == jail }?.settings ?? JailSettings(name: jail))
            },
            firewallLane: firewalls.lane(
                enforcing, plan.section.firewall, guarding: guarding, hasLists: hasLists,
                holding: { [store] take in store.forEachBan(take) }),
            throttle: BanThrottle(
                perMinute: plan.section.firewall.bansPerMinute, metrics: metrics,
                note: { [logger] text in logger.warning("\(text)") }),
            banLog: plan.section.banLog.map { BanLog(path: $0, zone: plan.section.zone ?? .utc) })
        apply(plan.section, guarding: guarding)
        let crew = JailCrew(plan.jails, surroundings)
        running.withLock { $0 = Running(crew: crew, plans: plan.jails, guarding: guarding, section: plan.section) }
        // A list may have come between what the jails have restored and this.
        if !lists.allowed.isEmpty { release() }
        share(plan.section, guarding: guarding)
    }

    /// A file or a list is one, whatever number of jails name it: they share a lane.
    private func lane(_ name: String, of plan: Plan, _ make: (ActionContext) -> any BanAction) -> ActionLane {
        let users = plan.jails.filter { jail in
            !jail.settings.isObserving
                && jail.actions.contains { if case .other(let other, _) = $0 { other == name } else { false } }
        }.map(\.settings.name)
        let context = ActionContext(name: name)
        return ActionLane(
            make(context), context: context, metrics: metrics, readiness: readiness,
            holding: { [store] in users.flatMap { store.bans(of: $0, withGroups: true) } })
    }

    /// Of one jail alone.
    private func lane(_ action: JailAction, _ jail: JailSettings) -> ActionLane? {
        guard case .shell(let definition) = action else { return nil }
        let context = ActionContext(name: "\(jail.name)/\(definition.identifier)")
        let made = ShellAction(definition, jail: jail.name, facts: facts(jail), runner: runner, context: context)
        return ActionLane(
            made, context: context, metrics: metrics, readiness: readiness,
            holding: { [store] in store.bans(of: jail.name, withGroups: true) })
    }

    /// What tags of an action's commands ask for.
    private func facts(_ jail: JailSettings) -> ActionFacts {
        var facts = ActionFacts()
        facts.banTime = jail.banTime
        facts.counts = { [observer, store] in
            var counts = observer.counts(of: jail.name)
            counts.banned = store.bans(of: jail.name).count
            return counts
        }
        facts.holding = { [store] in store.bans(of: jail.name, withGroups: true) }
        facts.merged = { [store] target, isOfAllJails in
            var query = BanEventQuery()
            query.target = target
            query.kinds = [.banned]
            query.jail = isOfAllJails ? nil : jail.name
            query.limit = 100
            guard let events = try? store.events(query), !events.isEmpty else { return nil }
            return ActionFacts.Merged(
                matches: events.flatMap(\.ban.matches), failures: events.reduce(0) { $0 + $1.ban.failures })
        }
        return facts
    }

    func look() {
        if let guarding = running.withLock({ $0?.guarding }) { firewalls.allow(guarding) }
        alerts.look(now: Timestamp.now.secondsSince1970)
    }

    /// What has become of the state, of lists and of other hosts, for readiness. Quick.
    func tell() {
        let failure = store.numbers.failure
        readiness.set("bans", failure.map { .degraded("the state of bans cannot be written: \($0)") } ?? .ok)
        lists.tell()
        tellOfSharing()
    }

    /// Ends; bans stay in force.
    func stop() {
        stopSharing()
        lists.stop()
        let crew = running.withLock { running in
            defer { running = nil }
            return running?.crew
        }
        ignoreCommands.stop()
        crew?.stop(within: 2)
        store.commit()
        firewalls.stop()
    }
}

extension JailPlan {
    /// Whether its bans are in the agent's firewall.
    var usesFirewall: Bool { !settings.isObserving && actions.contains(where: \.isFirewall) }
}
