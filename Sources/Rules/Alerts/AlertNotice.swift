import Telemetry

/// An alert as it is handed on to those who tell people. Times are milliseconds since 1970.
package struct AlertNotice: Sendable, Equatable {
    package enum State: String, Sendable {
        case firing, resolved
    }

    package var labels: LabelSet
    package var annotations: LabelSet
    package var state: State
    package var startsAt: Int64
    /// When it ended; while it fires, when it counts as ended unless it is sent again.
    package var endsAt: Int64
    /// Where its expression can be looked at.
    package var generatorURL: String
    /// The last one for which it fired.
    package var value: Double
    /// Of a resolved one: what was measured at its end, where that is known.
    package var resolvedValue: Double?

    package init(
        labels: LabelSet, annotations: LabelSet, state: State, startsAt: Int64, endsAt: Int64, generatorURL: String,
        value: Double, resolvedValue: Double? = nil
    ) {
        self.labels = labels
        self.annotations = annotations
        self.state = state
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.generatorURL = generatorURL
        self.value = value
        self.resolvedValue = resolvedValue
    }
}

/// Whom alerts are handed to, with Prometheus's timing: when one begins to fire, once more than `resendDelay` has passed since
/// the last time, and from its end on for 15 minutes.
package protocol AlertSink: Sendable {
    /// Takes what one rule has to say after an evaluation, from any thread; does not wait. After a crash in the middle an
    /// alert may come a second time.
    func take(_ alerts: [AlertNotice])
}
