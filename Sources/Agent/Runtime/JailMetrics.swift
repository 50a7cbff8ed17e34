import Bytes
import Jails
import Logging
import Synchronization
import Telemetry

/// Counts what jails do, under the names of fail2ban's exporters where there are some, and logs it. Never an address in a label.
final class JailMetrics: JailObserver {
    private struct Series {
        var lines: Counter
        var undated: Counter
        var lastLine: Gauge
        var failures: Counter
        var bans: Counter
        var observed: Counter
        var events: [String: Counter] = [:]
    }

    private let metrics: MetricRegistry
    private let readiness: Readiness
    private let logger: Logger
    private let series = Mutex<[String: Series]>([:])
    private let problems = Mutex<[String: String]>([:])
    private let misconfigured = Mutex(0)
    private let listener = Mutex<(@Sendable (BanChange, Double) -> Void)?>(nil)

    private let alerts: BanAlerts

    init(_ metrics: MetricRegistry, alerts: BanAlerts, readiness: Readiness, logger: Logger) {
        self.metrics = metrics
        self.alerts = alerts
        self.readiness = readiness
        self.logger = logger
    }

    /// Makes the series of these jails, so that they are there before anything happens, and withdraws those of others.
    func expect(_ jails: [String]) {
        let gone = series.withLock { series in
            let gone = series.keys.filter { !jails.contains($0) }
            for jail in gone { series[jail] = nil }
            return gone
        }
        for jail in gone { metrics.removeAll(matching: ["jail": jail]) }
        for jail in jails { with(jail) { _ in } }
    }

    private func with(_ jail: String, _ body: (inout Series) -> Void) {
        series.withLock { series in
            if series[jail] == nil {
                series[jail] = Series(
                    lines: metrics.counter(
                        "tocsin_jail_lines_total", help: "Lines that a jail has read.", ["jail": jail]),
                    undated: metrics.counter(
                        "tocsin_jail_undated_lines_total", help: "Lines in which no date could be read.", ["jail": jail]
                    ),
                    lastLine: metrics.gauge(
                        "tocsin_jail_last_line_timestamp_seconds",
                        help: "When the jail read a line last, or began; since 1970.", ["jail": jail]),
                    failures: metrics.counter(
                        "f2b_jail_failed_total", help: "Failures found since the start.", ["jail": jail]),
                    bans: metrics.counter(
                        "f2b_jail_banned_total", help: "Bans since the start.", ["jail": jail]),
                    observed: metrics.counter(
                        "tocsin_jail_observed_total",
                        help: "Bans that there would have been since the start, of a jail that only observes.",
                        ["jail": jail]))
            }
            if series[jail]?.lastLine.current == 0 { series[jail]?.lastLine.set(Timestamp.now.secondsSince1970) }
            if var found = series[jail] {
                body(&found)
                series[jail] = found
            }
        }
    }

    /// Since the start, for commands of actions.
    func counts(of jail: String) -> ActionFacts.Counts {
        var counts = ActionFacts.Counts()
        with(jail) { series in
            counts.bannedTotal = Int(clamping: series.bans.current)
            counts.foundTotal = Int(clamping: series.failures.current)
        }
        counts.found = counts.foundTotal
        return counts
    }

    /// Who hears of each change of what is enforced, on the crew's thread.
    func listen(_ new: (@Sendable (BanChange, Double) -> Void)?) { listener.withLock { $0 = new } }

    func read(lines: Int, undated: Int, in jail: String) {
        with(jail) { series in
            series.lines.add(lines)
            series.undated.add(undated)
            series.lastLine.set(Timestamp.now.secondsSince1970)
        }
    }

    func observed(_ event: JailEvent, in jail: String, now: Double) {
        with(jail) { series in
            switch event {
            case .found: series.failures.add()
            case .banned(_, let isObserved): (isObserved ? series.observed : series.bans).add()
            default: break
            }
            let name = event.name
            if series.events[name] == nil {
                series.events[name] = metrics.counter(
                    "tocsin_jail_events_total", help: "What became of failures and bans.",
                    ["jail": jail, "event": name])
            }
            series.events[name]?.add()
        }
        if case .banned(let ban, let isObserved) = event { alerts.note(ban, isObserved: isObserved, now: now) }
        if let change = event.change { listener.withLock { $0 }?(change, now) }
        log(event, jail)
    }

    private func log(_ event: JailEvent, _ jail: String) {
        let place: Logger.Metadata = ["jail": "\(jail)"]
        func with(_ ban: Ban) -> Logger.Metadata {
            place.merging([
                "ip": "\(ban.target)", "until": "\(ban.endText)", "times": "\(ban.count)", "by": "\(ban.origin)",
            ]) { $1 }
        }
        switch event {
        case .banned(let ban, false): logger.notice("banned", metadata: with(ban))
        case .banned(let ban, true): logger.notice("would be banned; the jail only observes", metadata: with(ban))
        case .prolonged(let ban, _, false): logger.info("the ban ends later", metadata: with(ban))
        case .unbanned(let ban, false): logger.info("the ban is over", metadata: with(ban))
        case .alreadyBanned(let ban, let delay) where delay > 60:
            logger.warning(
                "is banned and still gets through",
                metadata: with(ban).merging(["delay": "\(Int(delay))s"]) { $1 })
        case .guarded(let ban, let reason):
            logger.warning("not banned", metadata: with(ban).merging(["because": "\(reason)"]) { $1 })
        case .refused(let text, let refusal):
            logger.debug(
                "not counted", metadata: place.merging(["who": "\(text)", "because": "\(refusal.rawValue)"]) { $1 })
        default: break
        }
    }

    /// What is wrong with the configuration of jails.
    func configured(_ problems: [String]) {
        for problem in problems { logger.error("jails: \(problem)") }
        misconfigured.withLock { $0 = problems.count }
        readiness.set(
            "jails/configuration", problems.isEmpty ? .ok : .degraded(problems.prefix(5).joined(separator: "; ")))
    }

    func troubled(_ new: [String: String]) {
        let old = problems.withLock { problems in
            defer { problems = new }
            return problems
        }
        for (place, problem) in new.sorted(by: { $0.key < $1.key }) where old[place] != problem {
            logger.warning("jails: \(problem)", metadata: ["place": "\(place)"])
        }
        let texts = new.sorted { $0.key < $1.key }.map(\.value)
        readiness.set("jails", texts.isEmpty ? .ok : .degraded(texts.prefix(5).joined(separator: "; ")))
    }

    /// What is measured when somebody asks.
    func provide(_ statuses: @escaping @Sendable () -> [(plan: JailPlan, status: JailStatus)]) {
        metrics.provide("jails") { [self] in
            let jails = statuses()
            let problems = self.problems.withLock(\.count) + misconfigured.withLock { $0 }
            typealias Value = ((plan: JailPlan, status: JailStatus)) -> Double?
            let families: [(name: String, help: String, value: Value)] = [
                (
                    "f2b_jail_banned_current", "Bans that hold.",
                    { $0.status.isObserving ? 0 : Double($0.status.banned) }
                ),
                (
                    "tocsin_jail_observed_current", "Bans that would hold, of a jail that only observes.",
                    { $0.status.isObserving ? Double($0.status.banned) : 0 }
                ),
                ("f2b_jail_failed_current", "Whose failures are counted.", { Double($0.status.failing) }),
                ("f2b_config_jail_ban_time", "Seconds of a ban, -1 for ever.", { $0.plan.settings.banTime }),
                ("f2b_config_jail_find_time", "Seconds within which failures count.", { $0.plan.settings.findTime }),
                (
                    "f2b_config_jail_max_retries", "Failures that lead to a ban.",
                    { Double($0.plan.settings.maximumRetries) }
                ),
                (
                    "tocsin_jail_silent_after_seconds", "Without a line for so long something is wrong with the jail.",
                    { $0.plan.silentAfter }
                ),
            ]
            return families.map { family in
                var made = MetricRegistry.Family(name: family.name, help: family.help, type: .gauge, series: [:])
                for jail in jails {
                    guard let value = family.value(jail) else { continue }
                    made.series[["jail": jail.status.name]] = .computed { value }
                }
                return made
            } + [
                Self.evicted(jails.map(\.status)),
                MetricRegistry.Family(
                    name: "f2b_up", help: "Whether jails run.", type: .gauge,
                    series: [[:]: .computed { jails.isEmpty ? 0 : 1 }]),
                MetricRegistry.Family(
                    name: "f2b_errors", help: "Things that are wrong with jails, which readiness names.", type: .gauge,
                    series: [["type": "jail"]: .computed { Double(problems) }]),
                MetricRegistry.Family(
                    name: "f2b_jail_count", help: "Jails that run.", type: .gauge,
                    series: [[:]: .computed { Double(jails.count) }]),
            ]
        }
    }
}

extension JailMetrics {
    /// What jails forgot because there was no more room.
    private static func evicted(_ jails: [JailStatus]) -> MetricRegistry.Family {
        var family = MetricRegistry.Family(
            name: "tocsin_jail_evicted_total",
            help: "Addresses whose failures were forgotten, and bans that ended, before their time for want of room.",
            type: .counter, series: [:])
        for jail in jails {
            for (what, count) in [("failures", jail.evictedFailing), ("bans", jail.evictedBans)] {
                family.series[["jail": jail.name, "what": what]] = .computed { Double(count) }
            }
        }
        return family
    }
}

extension Ban {
    /// When it ends, for people.
    var endText: String {
        duration < 0 ? "for ever" : String(RFC3339.text(Int64(min(max(end, 0), 9e9)) * 1_000_000_000))
    }
}
