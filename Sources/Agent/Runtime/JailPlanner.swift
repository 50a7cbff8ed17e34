import Bytes
import Configuration
import Jails
import Logs
import Telemetry

/// Works out which jails run, from the native ones and fail2ban's configuration.
struct JailPlanner {
    private let section: JailsSection
    private var jails: [JailPlan] = []
    private var problems: [String] = []
    private var warnings: [String] = []
    private var labels: LabelSet = [:]
    private var running: [JailPlan] = []

    private let stateDirectory: String

    init(_ section: JailsSection, stateDirectory: String) {
        self.section = section
        self.stateDirectory = stateDirectory
    }

    /// - Parameters:
    ///   - labels: which every alert has.
    ///   - running: jails that run. Those of fail2ban whose files have become wrong go on as they are: a slip of the pen must not let in
    ///     whom they have banned.
    func plan(labels: LabelSet = [:], running: [JailPlan] = []) -> JailsRoad.Plan {
        var planner = self
        planner.labels = labels
        planner.running = running.filter(\.comesFromFail2ban)
        planner.addNative()
        planner.addFail2ban()
        planner.addManual()
        planner.addPeers()
        return JailsRoad.Plan(
            jails: planner.jails, problems: planner.problems, warnings: planner.warnings, section: section)
    }

    /// What is wrong with jails, whose filters are compiled for that, and what works otherwise than one might think.
    func check() -> (problems: [String], warnings: [String]) {
        let plan = plan()
        var problems = plan.problems
        for jail in plan.jails where jail.readsLines {
            do throws(JailConfigurationError) {
                _ = try jail.makeFilter(Timestamp.now.secondsSince1970)
            } catch {
                problems.append(Self.problem(error, jail.settings.name))
            }
        }
        return (problems, plan.warnings)
    }

    private var zone: ZoneFile { section.zone ?? .utc }

    private mutating func addNative() {
        warnings += IgnoreSettings.remarks(on: section.ignored).map { "jails.ignore: \($0)" }
        for jail in section.native where jail.isEnabled {
            warnings += IgnoreSettings.remarks(on: jail.settings.ignoring.entries).map {
                "jail \(jail.settings.name): ignore_ips: \($0)"
            }
            var settings = jail.settings
            settings.isObserving = jail.mode.map { $0 == .observe } ?? (section.mode == .observe)
            settings.ignoring.entries += section.ignored
            var sources: [JailSource] = []
            if !jail.sources.files.isEmpty {
                sources.append(.files(jail.sources.files.map { .init(pattern: $0, isFromTail: false) }))
            }
            if !jail.sources.journal.isEmpty {
                sources.append(.journal(JournalPlace(), match: jail.sources.journal.joined(separator: "\n")))
            }
            if !jail.sources.logs.isEmpty { sources.append(.stored(jail.sources.logs.map(\.matchers))) }
            add(
                JailPlan(
                    settings: settings, fingerprint: "\(jail) \(settings) \(section.timeZone)", sources: sources,
                    makeFilter: { [zone] now throws(JailConfigurationError) in try jail.makeFilter(now: now, zone: zone)
                    },
                    actions: jail.actions.compactMap { action($0) }),
                alert: jail.alert ?? section.alert,
                silentAfter: jail.silentAfter
                    ?? (jail.sources.files.isEmpty && jail.sources.logs.isEmpty ? 0 : section.silentAfter))
        }
    }

    private func action(_ name: String) -> JailAction? {
        if name == "firewall" { return .firewall }
        guard let kind = section.actions.first(where: { $0.name == name })?.kind else { return nil }
        let directory = stateDirectory
        return .other(name: name) { context in
            let userAgent = "tocsin/\(Version.current)"
            switch kind {
            case .webhook(let settings):
                return WebhookAction(settings, host: ProcessFacts.hostName, userAgent: userAgent, context: context)
            case .file(let settings): return FileAction(settings, context: context)
            case .httpList(let settings):
                let file = String(context.name.map { $0 == "/" ? "_" : $0 })
                return HTTPListAction(
                    settings, path: "\(directory)/bans/\(file).ids", host: ProcessFacts.hostName, userAgent: userAgent,
                    context: context)
            }
        }
    }

    private mutating func addFail2ban() {
        guard let fail2ban = section.fail2ban else { return }
        let configuration: JailsConfiguration
        do throws(JailConfigurationError) {
            configuration = try JailsConfiguration(directory: fail2ban.directory, only: fail2ban.jails)
        } catch {
            problems.append(error.description + (running.isEmpty ? "" : "; its jails go on as they were"))
            for jail in running { keep(jail) }
            if running.isEmpty { for jail in fail2ban.jails ?? [] { hold(jail) } }
            return
        }
        // What is off may be broken.
        for (jail, error, isEnabled) in configuration.problems where isEnabled { note(error, jail) }
        for name in fail2ban.jails ?? [] where !configuration.jails.contains(where: { $0.name == name }) {
            if configuration.problems.contains(where: { $0.jail == name }) { continue }
            problems.append("\(fail2ban.directory): expected a jail [\(name)], found none")
        }
        for definition in configuration.jails where definition.isEnabled {
            do throws(JailConfigurationError) {
                let plan = try plan(definition, fail2ban)
                if running.contains(where: { $0.settings.name == definition.name }) {
                    _ = try plan.makeFilter(Timestamp.now.secondsSince1970)
                }
                let readsFiles = plan.sources.contains { if case .files = $0 { true } else { false } }
                add(plan, alert: section.alert, silentAfter: readsFiles ? section.silentAfter : 0)
                if definition.filter?.failurePatterns.isEmpty == true {
                    warnings.append(
                        definition.places.error("filter", "there is no failregex, so that nobody is banned").description
                    )
                }
                let ignored = plan.settings.ignoring.entries.dropLast(section.ignored.count)
                for remark in IgnoreSettings.remarks(on: Array(ignored)) {
                    warnings.append(definition.places.error("ignoreip", remark).description)
                }
                for action in definition.actions where action.isPython {
                    warnings.append(
                        "\(fail2ban.directory)/action.d/\(action.name): jail [\(definition.name)]: it is written in Python and is not run"
                    )
                }
            } catch {
                note(error, definition.name)
            }
        }
    }

    private mutating func note(_ error: JailConfigurationError, _ jail: String) {
        guard let old = running.first(where: { $0.settings.name == jail }) else {
            problems.append(Self.problem(error, jail))
            return hold(jail)
        }
        problems.append("\(error); jail [\(jail)] goes on as it was")
        keep(old)
    }

    /// Whom a jail has banned that cannot run stays out, whatever the port, until it can.
    private mutating func hold(_ jail: String) {
        guard let fail2ban = section.fail2ban, fail2ban.enforcement == .firewall,
            !jails.contains(where: { $0.settings.name == jail })
        else { return }
        addSilent(jail, isObserving: (fail2ban.mode ?? section.mode) == .observe)
    }

    private mutating func keep(_ old: JailPlan) {
        var plan = old
        plan.settings.isObserving = (section.fail2ban?.mode ?? section.mode) == .observe
        if plan.settings.isObserving != old.settings.isObserving { plan.fingerprint += " otherwise" }
        jails.append(plan)
    }

    private static func problem(_ error: JailConfigurationError, _ jail: String) -> String {
        "\(error); jail [\(jail)] does not run"
    }

    private func plan(
        _ definition: JailDefinition, _ fail2ban: Fail2banSection
    ) throws(JailConfigurationError) -> JailPlan {
        guard let filter = definition.filter else {
            throw definition.places.error("filter", "expected one, found none")
        }
        var settings = try JailSettings(definition)
        settings.isObserving = (fail2ban.mode ?? section.mode) == .observe
        settings.ignoring.entries += section.ignored
        var zone = zone
        if let name = definition.options["logtimezone"], !name.isEmpty {
            guard let named = TimeZones.zone(named: name) ?? ZoneFile(rule: name) else {
                throw definition.places.error(
                    "logtimezone", "expected a zone such as UTC+0200, found \"\(name)\"")
            }
            zone = named
        }
        var actions: [JailAction] = []
        for action in definition.actions {
            if action.isPython { continue }
            if fail2ban.enforcement == .firewall, let equivalent = NativeEquivalent(action) {
                settings.ports = equivalent.ports
                settings.rejects = equivalent.rejects
                if !actions.contains(where: \.isFirewall) { actions.append(.firewall) }
            } else {
                actions.append(.shell(action))
            }
        }
        var plan = JailPlan(
            settings: settings, fingerprint: "\(definition) \(settings) \(fail2ban) \(section.timeZone)",
            sources: [try definition.source()],
            makeFilter: { [zone] now throws(JailConfigurationError) in
                try Filter(filter, now: now, settings: Filter.Settings(zone: zone))
            }, actions: actions)
        plan.comesFromFail2ban = true
        return plan
    }

    /// For bans by hand; nothing else leads to one there. It enforces as soon as anything else uses the firewall.
    private mutating func addManual() {
        guard !jails.isEmpty || section.mode == .enforce else { return }
        addSilent(
            JailPlan.manualName,
            isObserving: section.mode == .observe && !jails.contains(where: \.usesFirewall))
    }

    /// For the bans of one's other hosts.
    private mutating func addPeers() {
        guard let sharing = section.sharing, !sharing.peers.isEmpty || sharing.redis != nil else { return }
        addSilent(JailPlan.peersName, isObserving: section.mode == .observe)
    }

    /// A jail that reads nothing.
    private mutating func addSilent(_ name: String, isObserving: Bool) {
        var settings = JailSettings(name: name)
        settings.banTime = 86_400
        settings.isObserving = isObserving
        settings.ignoring.entries = section.ignored
        add(
            JailPlan(
                settings: settings, fingerprint: "\(settings)", sources: [],
                makeFilter: { now throws(JailConfigurationError) in
                    throw JailConfigurationError(file: "", message: "jail [\(name)] reads nothing")
                }, actions: [.firewall]))
    }

    private mutating func add(_ plan: JailPlan, alert: BanAlerting = BanAlerting(), silentAfter: Double = 0) {
        if jails.contains(where: { $0.settings.name == plan.settings.name }) {
            problems.append("two jails are named \(plan.settings.name): expected one")
            return
        }
        var plan = plan
        plan.alert = alert.labels(of: plan.settings.name, over: section.alert, labels)
        plan.silentAfter = silentAfter > 0 ? silentAfter : nil
        plan.fingerprint += " \(silentAfter)"
        // See docs/firewall.md.
        if plan.usesFirewall, plan.settings.rejects, plan.settings.ports.map({ !$0.isTCP || $0.isUDP }) ?? true {
            warnings.append(
                "jail \(plan.settings.name): over IPv6 it drops in silence instead of refusing: only jails with ports of TCP alone refuse there"
            )
        }
        jails.append(plan)
    }
}

extension JailPlan {
    fileprivate var readsLines: Bool { sources.contains { if case .bans = $0 { false } else { true } } }

    /// The jail of bans by hand.
    static let manualName = "manual"
    /// The jail of other hosts' bans.
    static let peersName = "peers"
}
