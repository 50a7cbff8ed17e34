import Bytes
import Logs
import Telemetry

/// What jails would have done with what their logs have: every line is judged at its own time, nothing is enforced or kept.
///
/// The logs of a jail are read one after the other, each from where `since` begins, also the rotated one before it.
package final class JailBacktest {
    /// A ban that there would have been.
    package struct FoundBan: Sendable, Equatable {
        package var ban: Ban
        /// When the ban was made; seconds since 1970.
        package var time: Double
        /// When it was over, with what further failures added to it; infinite where it is for ever.
        package var end: Double
        /// A line by which the same address got in later, within the ban or a day after it: perhaps it was banned wrongly.
        package var laterSuccess: String?
    }

    package private(set) var bans: [FoundBan] = []
    /// By jail, in the order of the plans.
    package private(set) var counts: [(jail: String, lines: Int, failures: Int, bans: Int)] = []
    /// What could not be read, a sentence each.
    package private(set) var problems: [String] = []

    private let since: Double
    private let until: Double
    private let streams: StoredStreams?
    private var plans: [JailPlan]
    private var jails: [Jail] = []
    /// Seconds since 1970.
    private var clock = 0.0
    /// The place of everybody's latest ban, by jail.
    private var newest: [[BanTarget: Int]] = []

    /// Seconds after a ban's end in which a login tells something about it.
    private static let successTime = 86_400.0

    /// - Parameters:
    ///   - since: seconds since 1970, as `until`, which dates without a year count from.
    ///   - names: for names in logs and in ignore lists; asked without waiting, so they should know at once.
    package init(
        _ plans: [JailPlan], since: Double, until: Double, streams: StoredStreams?, names: any NameResolving,
        commands: (any IgnoreCommandRunner)? = nil
    ) {
        self.since = since
        self.until = until
        self.streams = streams
        self.plans = []
        let history = MemoryBanHistory(capacity: 1_000_000)
        let surroundings = JailSurroundings(
            history: history, names: names, trustedNames: names, host: HostAddresses(resolver: names),
            commands: commands)
        for plan in plans {
            var settings = plan.settings
            settings.isObserving = false
            do throws(JailConfigurationError) {
                jails.append(try Jail(settings, surroundings: surroundings))
                self.plans.append(plan)
                counts.append((settings.name, 0, 0, 0))
                newest.append([:])
            } catch {
                problems.append(error.description)
            }
        }
    }

    /// Reads everything. Blocks.
    package func run() {
        var groups: [(source: JailSource, jails: [Int])] = []
        for (index, plan) in plans.enumerated() {
            for source in plan.sources {
                if let known = groups.firstIndex(where: { $0.source.description == source.description }) {
                    groups[known].jails.append(index)
                } else {
                    groups.append((source, [index]))
                }
            }
        }
        for (source, jails) in groups {
            guard let set = filters(jails) else { continue }
            clock = since
            switch source {
            case .files(let paths):
                for path in paths.flatMap({ JailReader.paths(matching: $0.pattern) }) { read(path, set) }
            case .journal(let place, let match): read(place, match, set)
            case .stored(let selectors): read(selectors, set)
            case .bans: break
            }
            for jail in jails { settle(jail, until) }
        }
        bans.sort { ($0.time, $0.ban.target.description) < ($1.time, $1.ban.target.description) }
    }

    private func filters(_ jails: [Int]) -> JailSet? {
        var filters: [(jail: Int, filter: any LineFilter)] = []
        for jail in jails {
            do throws(JailConfigurationError) {
                filters.append((jail, try plans[jail].makeFilter(until)))
            } catch {
                problems.append(error.description)
            }
        }
        return filters.isEmpty ? nil : JailSet(filters)
    }

    // MARK: Reading

    private func read(_ path: String, _ set: JailSet) {
        clock = since
        let log = FollowedLog(path: path)
        do throws(FileError) {
            try log.open(.time(since) { [until] in set.time(of: $0, now: until) })
            while try log.read({ take($0, nil, set) }) {}
        } catch {
            problems.append(error.description)
        }
    }

    private func read(_ place: JournalPlace, _ match: String, _ set: JailSet) {
        do {
            let journal = FollowedJournal(place: place, matchers: [try JournalMatcher(match)])
            try journal.open(from: since)
            repeat {
                journal.isDue = true
            } while try journal.read { if $2 <= until { take($1, $2, set) } }
        } catch {
            problems.append("\(error)")
        }
    }

    private func read(_ selectors: [[LabelMatcher]], _ set: JailSet) {
        guard let streams else {
            problems.append("stored streams can only be read by a running agent")
            return
        }
        let store = FollowedStore(streams, selectors.map { (0, $0) }, from: since)
        defer { store.stop() }
        do throws(StoreError) {
            while try store.read({ take($1, $2, set) }) {}
        } catch {
            problems.append(error.description)
        }
    }

    private func take(_ line: RawSpan, _ given: Double?, _ set: JailSet) {
        let time = given ?? set.time(of: line, now: until) ?? clock
        guard time >= since, time <= until else { return }
        for jail in set.jails { counts[jail].lines += 1 }
        // Logs of several writers are a little out of order; a jail's clock never goes back.
        if time > clock {
            clock = time
            for jail in set.jails { settle(jail, time) }
        }
        set.read(line, time: given, now: clock, dateNow: until) { jail, failure in
            judge(failure, line, jail)
        }
    }

    private func judge(_ failure: Failure, _ line: RawSpan, _ jail: Int) {
        if failure.isNoFail {
            if failure.text("mlfgained") != nil, let id = failure.id { noteSuccess(BanTarget(id), line) }
            return
        }
        handle(jails[jail].take(failure, now: max(clock, failure.time)), jail)
    }

    /// Somebody got in who was banned before.
    private func noteSuccess(_ target: BanTarget, _ line: RawSpan) {
        for index in bans.indices.reversed().prefix(10_000) {
            guard bans[index].laterSuccess == nil, bans[index].end + Self.successTime > clock else { continue }
            let banned = bans[index].ban.target
            if banned == target || target.network.map({ banned.network?.contains($0) ?? false }) == true {
                bans[index].laterSuccess = String(lossy: line)
            }
        }
    }

    /// Unbans and forgets as of `time`.
    private func settle(_ jail: Int, _ time: Double) { handle(jails[jail].tick(now: time), jail) }

    private func handle(_ events: [JailEvent], _ jail: Int) {
        for event in events {
            switch event {
            case .found: counts[jail].failures += 1
            case .banned(let ban, _):
                counts[jail].bans += 1
                newest[jail][ban.target] = bans.count
                bans.append(FoundBan(ban: ban, time: clock, end: ban.end))
                for other in plans.indices where other != jail && plans[other].sources.contains(where: \.isBans) {
                    handle(jails[other].take(banOf: ban, now: clock), other)
                }
            case .prolonged(let ban, _, _):
                if let index = newest[jail][ban.target] { bans[index].end = ban.end }
            default: break
            }
        }
    }
}

/// Asks the system's resolver and waits for it.
package final class WaitingNames: NameResolving {
    package init() {}

    package func addresses(of name: String, now: Double) -> NameAnswer {
        let found = NameResolver.systemAddresses(name)
        return found.isEmpty ? .unknown : .known(found)
    }
}
