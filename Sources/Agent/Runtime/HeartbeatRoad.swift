import Alerting
import Bytes
import Logging
import Rules
import Synchronization
import Telemetry
import Transport
import Web

/// The agent's heartbeat, while there is a configuration for it: beats as long as rules are evaluated on time and
/// notifications leave.
final class HeartbeatRoad: Sendable {
    private struct Running: Sendable {
        var configuration: HeartbeatConfiguration
        var http: HTTPClientConfiguration
        var heartbeat: Heartbeat
        var stop: StopToken
        var thread: WorkerThread
    }

    private let groups: RuleGroups
    private let alerting: AlertingRoad
    private let metrics: MetricRegistry
    private let readiness: Readiness
    private let logger: Logger
    private let running = Mutex<Running?>(nil)

    init(
        groups: RuleGroups, alerting: AlertingRoad, metrics: MetricRegistry, readiness: Readiness, logger: Logger
    ) {
        self.groups = groups
        self.alerting = alerting
        self.metrics = metrics
        self.readiness = readiness
        self.logger = logger
    }

    /// nil where there is none.
    var report: Heartbeat.Report? { running.withLock { $0?.heartbeat.report } }

    /// Brings what runs into line with a configuration.
    func apply(_ section: AlertingSection) {
        let http = section.configuration?.global.http ?? HTTPClientConfiguration()
        let isSame = running.withLock { $0.map { $0.configuration == section.heartbeat && $0.http == http } ?? false }
        if isSame { return }
        stop()
        guard let configuration = section.heartbeat else { return }
        let judge = Mutex(HeartbeatJudge(failingFor: Int64(configuration.failingFor * 1000)))
        let heartbeat = Heartbeat(
            configuration, http: http, userAgent: "tocsin/\(Version.current)",
            look: { [groups, alerting] in
                let groups = groups.fullReport.groups.map { group in
                    HeartbeatJudge.Group(
                        name: group.file.isEmpty ? group.name : "\(group.file);\(group.name)", interval: group.interval,
                        lastEvaluation: group.lastEvaluation)
                }
                let backlog = alerting.dispatcher?.backlog ?? HeartbeatJudge.Backlog()
                return judge.withLock {
                    $0.troubles(
                        groups: groups, backlog: backlog, failures: alerting.health.failures,
                        at: Timestamp.now.milliseconds)
                }
            }, observe: { [self] report, before in observe(report, before) })
        let stop = StopToken()
        let thread = WorkerThread(name: "heartbeat") { heartbeat.run(stop: stop) }
        running.withLock {
            $0 = Running(
                configuration: configuration, http: http, heartbeat: heartbeat, stop: stop, thread: thread)
        }
        readiness.set("heartbeat", .ok)
    }

    func stop() {
        let ended = running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let ended else { return }
        ended.stop.stop()
        ended.thread.join()
        readiness.remove("heartbeat")
    }

    private func observe(_ report: Heartbeat.Report, _ before: Heartbeat.Report) {
        let reason = report.state.reason
        count(report.state)
        readiness.set("heartbeat", reason.map { .degraded($0) } ?? .ok)
        guard report.state.kinds != before.state.kinds else { return }
        if let reason {
            logger.error("no heartbeat", metadata: ["reason": "\(reason)"])
        } else if before.state != .starting {
            logger.info("heartbeat is all right")
        }
    }

    private func count(_ state: Heartbeat.State) {
        let result =
            switch state {
            case .withheld: "withheld"
            case .failed: "failed"
            case .sent, .starting: "sent"
            }
        metrics.counter(
            "tocsin_heartbeats_total", help: "Heartbeats by what became of them.", ["result": result]
        ).add()
        for kind in HeartbeatJudge.Trouble.Kind.allCases {
            metrics.gauge(
                "tocsin_heartbeat_withheld", help: "Whether the heartbeat is withheld, by what is wrong.",
                ["reason": kind.rawValue]
            ).set(state.kinds.contains(kind.rawValue) ? 1 : 0)
        }
        if state == .sent {
            metrics.gauge(
                "tocsin_heartbeat_last_success_timestamp_seconds",
                help: "When the last heartbeat was taken, since 1970."
            ).set(Double(Timestamp.now.milliseconds) / 1000)
        }
    }
}

extension Heartbeat.State {
    /// What is wrong, in words; nil where all is well.
    var reason: String? {
        switch self {
        case .starting, .sent: nil
        case .withheld(let troubles): "withheld: " + troubles.map(\.reason).joined(separator: "; ")
        case .failed(let reason): "not sent: \(reason)"
        }
    }

    /// What is wrong, without what changes from beat to beat.
    fileprivate var kinds: Set<String> {
        switch self {
        case .starting, .sent: []
        case .withheld(let troubles): Set(troubles.map(\.kind.rawValue))
        case .failed: ["failed"]
        }
    }
}

extension Router {
    /// `GET /api/v1/alerts/heartbeat`: `{"state": "off", "starting", "sent", "withheld" or "failed", "reason": …, "last_success": …}`.
    mutating func addHeartbeat(_ road: HeartbeatRoad, stateDirectory: String) {
        on(.get, "/api/v1/alerts/heartbeat") { request in
            try request.expect(stateDirectory: stateDirectory)
            let report = road.report
            return .json { json in
                json.beginObject()
                json.key("state")
                switch report?.state {
                case nil: json.string("off")
                case .starting?: json.string("starting")
                case .sent?: json.string("sent")
                case .withheld?: json.string("withheld")
                case .failed?: json.string("failed")
                }
                if let reason = report?.state.reason {
                    json.key("reason")
                    json.string(reason)
                }
                if let time = report?.lastSuccess {
                    json.key("last_success")
                    json.string(RFC3339.text(time * 1_000_000))
                }
                json.endObject()
            }
        }
    }
}
