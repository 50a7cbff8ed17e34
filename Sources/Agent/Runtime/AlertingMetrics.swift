import Alerting
import Logging
import Telemetry

/// Counts what alerting does, under Alertmanager's names, and logs what went wrong.
final class AlertingMetrics: AlertingObserver {
    private let metrics: MetricRegistry
    private let logger: Logger

    init(_ metrics: MetricRegistry, logger: Logger) {
        self.metrics = metrics
        self.logger = logger
    }

    func observed(_ step: EngineStep) {
        for held in step.suppressions {
            metrics.counter(
                "alertmanager_notifications_suppressed_total",
                help: "Alerts of which nobody was told at a look at their group, by what held them back.",
                ["reason": held.suppression.reason]
            ).add()
        }
        if step.changesHeld > 0 {
            metrics.counter(
                "tocsin_alert_flapping_changes_suppressed_total",
                help: "Beginnings and ends of flapping alerts, which nobody is told of."
            ).add(step.changesHeld)
        }
    }

    func attempted(_ attempt: DeliveryAttempt) {
        metrics.histogram(
            "alertmanager_notification_latency_seconds", help: "Seconds that attempts to deliver took.",
            bounds: [0.05, 0.25, 1, 5, 10, 20, 30],
            ["integration": attempt.kind, "receiver_name": attempt.delivery.receiver]
        ).observe(attempt.seconds)
    }

    func delivered(_ delivery: Delivery, kind: String, _ result: DeliveryResult) {
        let labels: LabelSet = ["integration": kind, "receiver_name": delivery.receiver]
        metrics.counter(
            "alertmanager_notifications_total",
            help: "Notifications that were tried, until they were taken or given up.",
            labels
        ).add()
        let failures = { (reason: String) in
            self.metrics.counter(
                "alertmanager_notifications_failed_total",
                help: "Notifications that were given up, until the next look.",
                labels.overridden(by: ["reason": reason]))
        }
        switch result {
        case .delivered: break
        case .retry(let reason, _): tell(delivery, kind, reason, failures("serverError"))
        case .refused(let reason): tell(delivery, kind, reason, failures("clientError"))
        }
    }

    private func tell(_ delivery: Delivery, _ kind: String, _ reason: String, _ counter: Counter) {
        counter.add()
        logger.error(
            "notification not delivered",
            metadata: [
                "receiver": "\(delivery.receiver)", "integration": "\(kind)", "reason": "\(reason)",
                "group": "\(delivery.notification.groupKey)",
            ])
    }

    func templateFailed(_ kind: String, _ key: String, _ error: String) {
        metrics.counter(
            "tocsin_notification_template_failures_total",
            help: "Templates that failed and were replaced by the default text.", ["integration": kind]
        ).add()
        logger.error(
            "template failed; the default text was sent",
            metadata: ["integration": "\(kind)", "field": "\(key)", "error": "\(error)"])
    }

    /// Shows a dispatcher's numbers at each scrape.
    func watch(_ dispatcher: AlertDispatcher, _ metrics: MetricRegistry) {
        metrics.onCollect { [weak dispatcher] metrics in
            guard let numbers = dispatcher?.numbers else { return }
            func set(_ name: String, _ help: String, _ labels: LabelSet, _ value: Int) {
                metrics.gauge(name, help: help, labels).set(value)
            }
            for (state, count) in [("active", numbers.active), ("suppressed", numbers.suppressed)] {
                set("alertmanager_alerts", "Alerts that fire, by whether they are held back.", ["state": state], count)
            }
            for state in Silence.State.allCases {
                set(
                    "alertmanager_silences", "Silences by state.", ["state": state.rawValue],
                    numbers.silences[state] ?? 0)
            }
            set(
                "alertmanager_dispatcher_aggregation_groups", "Groups of alerts that are looked after.", [:],
                numbers.groups)
            set("tocsin_notifications_under_way", "Notifications that are being delivered.", [:], numbers.underWay)
            set(
                "tocsin_alerts_flapping", "Alerts that change too often to be told of each time.", [:], numbers.flapping
            )
        }
    }
}
