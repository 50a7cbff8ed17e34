import Rules
import Telemetry

extension HistoryLog: AlertingObserver {
    package func observed(_ step: EngineStep) { append(step.events) }

    package func attempted(_ attempt: DeliveryAttempt) {
        append([HistoryEvent(attempt, at: Timestamp.now.milliseconds)])
    }
}

extension HistoryLog {
    /// Writes down what became of a group's alerts at an evaluation.
    package func note(_ transitions: [AlertTransition], group: String) {
        append(transitions.map { HistoryEvent($0, group: group) })
    }
}

extension HistoryEvent {
    /// What became of a rule's alert.
    init(_ transition: AlertTransition, group: String) {
        let kind: Kind =
            switch (transition.from, transition.to) {
            case (_, "firing"): .firing
            case (_, "pending"): .pending
            case ("firing", _): .resolved
            default: .inactive
            }
        var details: LabelSet = ["rule_group": group, "from": transition.from, "reason": transition.reason]
        if !transition.value.isNaN { details["value"] = QueryValue.text(of: transition.value) }
        self.init(time: transition.time, kind, [transition.labels], details)
    }

    /// An attempt to deliver.
    init(_ attempt: DeliveryAttempt, at time: Int64) {
        let notification = attempt.delivery.notification
        var details: LabelSet = [
            "receiver": attempt.delivery.receiver, "integration": attempt.kind, "group": notification.groupKey,
            "reason": notification.reason.rawValue, "attempt": "\(attempt.number)",
            "duration": "\(Int64((attempt.seconds * 1000).rounded()))ms",
            "alert_count": "\(notification.alerts.count)", "status": notification.isFiring ? "firing" : "resolved",
        ]
        var kind = attempt.isLast ? Kind.failed : .retried
        switch attempt.result {
        case .delivered: kind = .notified
        case .retry(let reason, _), .refused(let reason): details["error"] = reason
        }
        if attempt.delivery.way > 0 { details["way"] = "\(attempt.delivery.way)" }
        self.init(time: time, kind, notification.alerts.map(\.labels), details)
    }
}
