import Bytes
import Logs
import Telemetry

/// What the crew's thread has in hand. Not for any other thread.
package final class CrewCore {
    /// A jail that runs.
    struct Member {
        let plan: JailPlan
        let jail: Jail
        var lanes: [ActionLane]
        /// To be handed to the lanes.
        var changes: [BanChange] = []
        var lines = 0
        var undated = 0
    }

    private(set) var members: [Member] = []
    private let plans: [JailPlan]
    /// Why a jail does not run, by its name.
    private(set) var failures: [String: String] = [:]
    /// Jails whose bans go when the crew ends.
    var removed: Set<String> = []
    let surroundings: CrewSurroundings
    private let stop: StopToken
    private let bell: Bell
    private var reader: JailReader?
    private var sets: [Int: JailSet] = [:]
    /// Jails that are fed with the others' bans.
    private var recidives: [Int] = []
    /// Whose failures before a time are forgiven: they are read again at a start.
    private var forgiven: [BanTarget: Double] = [:]
    /// None yet at the start: what was wrong before a reload must go.
    private var shownProblems: [String: String]?
    private var nextCommit = Timestamp(nanoseconds: 0)
    /// Which hosts want somebody banned in the jail of other hosts' bans, since this start.
    var wishes: [BanTarget: Set<String>] = [:]
    /// When the oldest change was decided that its lanes do not have yet.
    private var undelivered: Timestamp?
    /// Events that the store was told since its last commit.
    private var uncommitted = 0

    /// At least so many seconds between two rounds of reading, so that a busy log does not wake us for each line.
    private static let pace = 0.002
    /// Changes wait for those that come at the same time for so many seconds while a busy log is read.
    private static let patience = 0.0003
    /// Events that the store is told of at most before it writes them.
    private static let mostUncommitted = 2048
    /// Bans that end at once; the others end in the next round.
    private static let mostUnbans = 2048

    init(_ plans: [JailPlan], _ surroundings: CrewSurroundings, stop: StopToken, bell: Bell) {
        self.plans = plans
        self.surroundings = surroundings
        self.stop = stop
        self.bell = bell
    }

    /// Works until it is stopped. `serve` answers what others ask.
    func run(_ serve: (CrewCore) -> Void) {
        begin()
        while !stop.isStopped {
            bell.silence()
            serve(self)
            let now = Timestamp.now.secondsSince1970
            let hasMore = readRound(now)
            tick(now)
            flush(now)
            if hasMore { continue }
            if stop.wait(seconds: Self.pace) { break }
            reader?.wait(seconds: pause(Timestamp.now.secondsSince1970))
        }
        end()
        serve(self)
    }

    private func pause(_ now: Double) -> Double {
        // What is committed later is the history alone.
        var pause = min(60, nextCommit.seconds(since: .monotonic))
        for member in members { if let next = member.jail.nextTick { pause = min(pause, next - now) } }
        if surroundings.throttle?.isHolding == true { pause = min(pause, 1) }
        return max(0, pause)
    }

    // MARK: Beginning and end

    private func begin() {
        let now = Timestamp.now.secondsSince1970
        var shared = JailSurroundings(
            history: surroundings.store, commands: surroundings.commands, wake: { [bell] in bell.ring() })
        shared.allowed = surroundings.guarding.listed
        if let throttle = surroundings.throttle { shared.admits = { throttle.hasRoom($0, now: Self.clock) } }
        for plan in plans {
            let name = plan.settings.name
            do throws(JailConfigurationError) {
                let jail = try Jail(plan.settings, surroundings: shared)
                // Compiled once here, so that a jail with a filter that cannot be used is not there at all.
                if plan.sources.contains(where: \.isLines) { _ = try plan.makeFilter(now) }
                let lanes = plan.settings.isObserving ? [] : plan.actions.compactMap { lane($0, name) }
                members.append(Member(plan: plan, jail: jail, lanes: lanes))
                if plan.sources.contains(where: \.isBans) { recidives.append(members.count - 1) }
            } catch {
                failures[name] = error.description
            }
        }
        restore(now)
        for lane in lanes { lane.start() }
        readForgiven(now)
        do throws(SourceError) {
            reader = try JailReader(
                members.map {
                    .init(
                        name: $0.plan.settings.name, sources: $0.plan.sources, findTime: $0.plan.settings.findTime)
                },
                streams: surroundings.streams, wake: [stop.descriptor, bell.descriptor], time: now,
                timeOf: { [unowned self] number, line in
                    set(number)?.time(of: line, now: Timestamp.now.secondsSince1970)
                })
        } catch {
            failures["logs"] = error.description
        }
    }

    /// One by one: there may be a million.
    private func restore(_ now: Double) {
        var jails: [String: Jail] = [:]
        for member in members { jails[member.plan.settings.name] = member.jail }
        var over: [Ban] = []
        surroundings.store.forEachBan { ban in
            if let jail = jails[ban.jail], jail.restore(ban, now: now) == nil { over.append(ban) }
        }
        for ban in over { surroundings.store.end(ban, why: "it is ignored, or over, at the start") }
    }

    /// Seconds, of a clock that goes on evenly.
    private static var clock: Double { Double(Timestamp.monotonic.nanoseconds) / 1e9 }

    private func lane(_ action: JailAction, _ jail: String) -> ActionLane? {
        if case .firewall = action { return surroundings.firewallLane }
        return surroundings.makeLane(action, jail)
    }

    /// Each once.
    private var lanes: [ActionLane] {
        var lanes: [ActionLane] = []
        for lane in members.flatMap(\.lanes) where !lanes.contains(where: { $0 === lane }) { lanes.append(lane) }
        return lanes
    }

    /// The configuration was read again and changes nothing here.
    package func reload() { for lane in lanes { lane.reload() } }

    private func readForgiven(_ now: Double) {
        var query = BanEventQuery()
        query.kinds = [.forgotten]
        query.since = now - (members.map(\.plan.settings.findTime).max() ?? 0)
        query.limit = 10_000
        guard let events = try? surroundings.store.events(query) else { return }
        for event in events { forgiven[event.ban.target] = event.time }
    }

    private func end() {
        let now = Timestamp.now.secondsSince1970
        flush(now)
        surroundings.store.commit()
        surroundings.banLog?.write()
        // All at the same time: one that hangs takes none of the others' time.
        let (deadline, lanes) = (Timestamp.monotonic.adding(seconds: 2), lanes)
        for lane in lanes {
            let users = members.filter { $0.lanes.contains { $0 === lane } }
            let isRemoved =
                lane !== surroundings.firewallLane && users.allSatisfy { removed.contains($0.plan.settings.name) }
            lane.end(isRemoved: isRemoved, within: 2)
        }
        for lane in lanes { lane.stop(isRemoved: false, within: max(0.1, deadline.seconds(since: .monotonic))) }
        reader?.stop()
    }

    // MARK: Reading

    private func set(_ number: Int) -> JailSet? {
        if let set = sets[number] { return set }
        guard let reader, reader.sets.indices.contains(number) else { return nil }
        var filters: [(jail: Int, filter: any LineFilter)] = []
        let now = Timestamp.now.secondsSince1970
        for index in reader.sets[number].jails {
            do throws(JailConfigurationError) {
                filters.append((index, try members[index].plan.makeFilter(now)))
            } catch {
                failures[members[index].plan.settings.name] = error.description
            }
        }
        let set = JailSet(filters)
        sets[number] = set
        return set
    }

    private func readRound(_ now: Double) -> Bool {
        guard let reader else { return false }
        let hasMore = reader.readRound(time: now) { number, line, time, isLive in
            guard let set = self.set(number) else { return }
            let now = Timestamp.now.secondsSince1970
            for jail in set.jails { self.members[jail].lines &+= 1 }
            set.read(line, time: time, now: now) { jail, failure in
                self.take(failure, jail, now, isLive)
            }
            if let since = self.undelivered, Timestamp.monotonic.seconds(since: since) > Self.patience {
                self.deliver(now)
            }
            if self.uncommitted >= Self.mostUncommitted { self.flush(now) }
        }
        // Compiled before the first line that matters.
        for number in reader.sets.indices where sets[number] == nil { _ = set(number) }
        for set in sets.values { set.takeUndated { members[$0].undated &+= $1 } }
        for index in members.indices where members[index].lines > 0 {
            surroundings.observer.read(
                lines: members[index].lines, undated: members[index].undated, in: members[index].plan.settings.name)
            (members[index].lines, members[index].undated) = (0, 0)
        }
        let problems = self.problems
        if problems != shownProblems {
            shownProblems = problems
            surroundings.observer.troubled(problems)
        }
        return hasMore
    }

    private func take(_ failure: Failure, _ jail: Int, _ now: Double, _ isLive: Bool) {
        if !isLive, !forgiven.isEmpty, let id = failure.id, let time = forgiven[BanTarget(id)], failure.time <= time {
            return
        }
        handle(members[jail].jail.take(failure, now: now, isFollowing: isLive), jail, now)
    }

    /// What is wrong with what is read, and why jails do not run.
    var problems: [String: String] {
        var problems = reader?.problems ?? [:]
        for (jail, problem) in failures { problems["jail \(jail)"] = problem }
        if let problem = surroundings.banLog?.problem { problems["ban log"] = problem }
        for member in members {
            for (index, problem) in member.jail.problems.enumerated() {
                problems["jail \(member.plan.settings.name) ignore \(index)"] = problem
            }
        }
        return problems
    }

    // MARK: Events

    private func tick(_ now: Double) {
        for index in members.indices {
            if let next = members[index].jail.nextTick, next <= now || members[index].jail.counts.waiting > 0 {
                handle(members[index].jail.tick(now: now, mostUnbans: Self.mostUnbans), index, now)
            }
        }
    }

    /// Does what follows from events of a jail.
    func handle(_ events: [JailEvent], _ index: Int, _ now: Double) {
        for var event in events {
            let name = members[index].plan.settings.name
            if let refusal = refused(event, index, now) {
                surroundings.observer.observed(refusal, in: name, now: now)
                continue
            }
            surroundings.observer.observed(event, in: name, now: now)
            surroundings.banLog?.note(event, of: members[index].plan.settings, now: now)
            switch event {
            case .banned(let ban, let isObserved):
                uncommitted += 1
                if isObserved { surroundings.store.note(BanEvent(.observed, ban, time: now)) }
                for other in recidives where other != index {
                    handle(members[other].jail.take(banOf: ban, now: now), other, now)
                }
            case .unbanned(let ban, let isObserved):
                guard !isObserved else { break }
                event = .unbanned(withGroups(ban, index), isObserved: false)
                uncommitted += 1
                surroundings.store.end(ban, why: "its time is over")
            case .alreadyBanned(_, let delay):
                // It was banned a while ago and still gets through.
                if delay > 3 { for lane in members[index].lanes { lane.check() } }
            default: break
            }
            if let change = event.change, isDue(change, now) {
                members[index].changes.append(change)
                undelivered = undelivered ?? .monotonic
            }
        }
    }

    /// With what its pattern took, which commands may ask for: of older bans it is on disk only.
    private func withGroups(_ ban: Ban, _ index: Int) -> Ban {
        guard ban.groups.isEmpty, members[index].lanes.contains(where: { $0 !== surroundings.firewallLane }) else {
            return ban
        }
        var ban = ban
        ban.groups = surroundings.store.groups(of: ban)
        return ban
    }

    /// Whether it is not one of too many at once, whose turn comes later.
    private func isDue(_ change: BanChange, _ now: Double) -> Bool {
        guard let throttle = surroundings.throttle else { return true }
        switch change {
        case .ban(let ban): return !throttle.admit([ban], now: Self.clock).isEmpty
        case .prolong: return true
        case .unban(let ban):
            throttle.cancel(ban.target, jail: ban.jail, isOver: ban.end <= now)
            return true
        }
    }

    /// A ban that must not be is taken back at once; the event that says so.
    private func refused(_ event: JailEvent, _ index: Int, _ now: Double) -> JailEvent? {
        guard case .banned(let ban, _) = event, let network = ban.target.network,
            let reason = surroundings.guarding.refusal(of: .network(network))?.description
        else { return nil }
        _ = members[index].jail.unban(ban.target)
        surroundings.store.note(BanEvent(.ignored, ban, why: reason, time: now))
        return .guarded(ban, reason: reason)
    }

    /// Hands what has changed to the lanes.
    ///
    /// - Returns: whether there was anything.
    @discardableResult
    private func deliver(_ now: Double) -> Bool {
        for ban in surroundings.throttle?.due(now: Self.clock, wallClock: now) ?? [] {
            guard let index = members.firstIndex(where: { $0.plan.settings.name == ban.jail }) else { continue }
            submit([.ban(ban)], index, since: .monotonic)
        }
        guard let since = undelivered else { return false }
        undelivered = nil
        for index in members.indices where !members[index].changes.isEmpty {
            let changes = members[index].changes
            members[index].changes = []
            submit(changes, index, since: since)
        }
        return true
    }

    private func submit(_ changes: [BanChange], _ index: Int, since: Timestamp) {
        for lane in members[index].lanes {
            // The firewall wants no lines, which would be most of what waits for it.
            lane.submit(lane === surroundings.firewallLane ? changes.map(\.bare) : changes, since: since)
        }
    }

    private func flush(_ now: Double) {
        // After the firewall has them: what a crash in between loses is read again from the logs.
        if deliver(now) || uncommitted >= Self.mostUncommitted || Timestamp.monotonic >= nextCommit {
            uncommitted = 0
            surroundings.store.commit()
            surroundings.banLog?.write()
            nextCommit = Timestamp.monotonic.adding(seconds: 5)
        }
    }
}

extension JailSource {
    var isBans: Bool { if case .bans = self { true } else { false } }
    var isLines: Bool { !isBans }
}
