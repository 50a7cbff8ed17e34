import Logging
import Rules
import Synchronization
import Telemetry

/// Writes alerts that begin and end into the agent's log.
final class LoggedAlerts: AlertSink {
    private let logger: Logger
    /// Those that were told to fire.
    private let firing = Mutex<Set<LabelSet>>([])

    init(logger: Logger) { self.logger = logger }

    func take(_ alerts: [AlertNotice]) {
        for alert in alerts {
            let isNew = firing.withLock { firing in
                switch alert.state {
                case .firing: firing.insert(alert.labels).inserted
                case .resolved: firing.remove(alert.labels) != nil
                }
            }
            guard isNew else { continue }
            logger.warning(
                "alert \(alert.state.rawValue)",
                metadata: [
                    "alert": "\(alert.labels["alertname"] ?? "")", "labels": "\(alert.labels)",
                    "summary": "\(alert.annotations["summary"] ?? "")", "value": "\(QueryValue.text(of: alert.value))",
                ])
        }
    }
}
