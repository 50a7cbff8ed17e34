import Alerting
import Logging
import Telemetry

/// The history of alerts of one agent: its files, and what is known of how they do.
final class AlertHistory: Sendable {
    let log: HistoryLog
    private let readiness: Readiness

    init(stateDirectory: String, section: HistorySection, metrics: MetricRegistry, readiness: Readiness, logger: Logger)
    {
        log = HistoryLog(directory: HistoryFiles.directory(stateDirectory), limits: section.limits)
        self.readiness = readiness
        for sentence in log.trouble { logger.error("history of alerts: \(sentence)") }
        metrics.computed("tocsin_alert_history_bytes", help: "Size of the files of alerts' history.") { [log] in
            Double(log.numbers.size)
        }
        metrics.computed(
            "tocsin_alert_history_events_total", help: "Events written into alerts' history.", type: .counter
        ) { [log] in Double(log.numbers.written) }
        metrics.computed(
            "tocsin_alert_history_dropped_total", help: "Events that could not be written into alerts' history.",
            type: .counter
        ) { [log] in Double(log.numbers.dropped) }
    }

    func apply(_ section: HistorySection) {
        log.setLimits(section.limits)
        look()
    }

    /// Tells how the disk is doing.
    func look() {
        readiness.set(
            "alert-history", log.numbers.failure.map { .degraded("events of alerts are lost: \($0)") } ?? .ok)
    }
}
