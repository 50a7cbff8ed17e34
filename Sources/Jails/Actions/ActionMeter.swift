import Telemetry

/// Counts what an action did, and tells how it is doing.
struct ActionMeter: Sendable {
    enum Result: String, CaseIterable {
        case ok, failed
        /// There were too many that waited.
        case dropped
    }

    let queued: Gauge
    let cut: Counter
    /// Seconds from a jail's decision to its being done, of the oldest change of each batch.
    let delay: Histogram
    private let counters: [BanChange.Kind: [Result: Counter]]
    private let failures: Counter
    private let readiness: Readiness
    private let part: String

    init(action: String, metrics: MetricRegistry, readiness: Readiness) {
        self.readiness = readiness
        part = "action/" + action
        var counters: [BanChange.Kind: [Result: Counter]] = [:]
        for kind in BanChange.Kind.allCases {
            for result in Result.allCases {
                counters[kind, default: [:]][result] = metrics.counter(
                    "tocsin_ban_action_changes_total",
                    help: "Bans, prolonged bans and unbans that an action was given.",
                    ["action": action, "change": kind.rawValue, "result": result.rawValue])
            }
        }
        self.counters = counters
        failures = metrics.counter(
            "tocsin_ban_action_failures_total", help: "How often an action failed as a whole and had to begin anew.",
            ["action": action])
        delay = metrics.histogram(
            "tocsin_ban_action_delay_seconds",
            help: "From a jail's decision until the action has done it, of the oldest change of each batch.",
            bounds: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.02, 0.1, 1, 10], ["action": action])
        cut = metrics.counter(
            "tocsin_ban_action_cut_total",
            help: "Changes that wait for an action without their log lines, for want of room.", ["action": action])
        queued = metrics.gauge(
            "tocsin_ban_action_queued", help: "Changes that wait for an action.", ["action": action])
    }

    func count(_ changes: [BanChange], as result: Result) {
        for change in changes { counters[change.kind]?[result]?.add() }
    }

    /// All of them are done except for so many.
    func count(_ changes: [BanChange], failures: [BanChange.Kind: Int]) {
        count(failures: failures)
        for kind in BanChange.Kind.allCases {
            let count = changes.count { $0.kind == kind }
            counters[kind]?[.ok]?.add(count - failures[kind, default: 0])
        }
    }

    /// Changes that an action could not make though it goes on.
    func count(failures: [BanChange.Kind: Int]) {
        for (kind, count) in failures { counters[kind]?[.failed]?.add(count) }
    }

    func failed() { failures.add() }
    func tell(_ state: PartState) { readiness.set(part, state) }
    func forget() { readiness.remove(part) }
}
