import Telemetry

/// One alert of a rule, from the first time its condition is seen to 15 minutes after its end. Times are milliseconds since
/// 1970.
package struct Alert: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        /// Seen, and not yet for as long as the rule's `for`.
        case pending
        /// `keptSince`: since when it goes on by `keep_firing_for` alone.
        case firing(since: Int64, keptSince: Int64?)
        /// `since`: when it had begun to fire.
        case resolved(since: Int64, at: Int64)
    }

    /// The result's without `__name__`, the rule's, and `alertname`: what it is known by.
    package let labels: LabelSet
    /// The result's, with `__name__`: what templates see.
    package var source: LabelSet
    package var annotations: LabelSet
    package var state: State
    /// When its condition was first seen.
    package var activeAt: Int64
    /// The last one seen.
    package var value: Double
    /// What the expression without its last comparison gave when the alert ended.
    package var resolvedValue: Double?
    /// Since when it is held only because its data is not there.
    package var heldSince: Int64?
    /// The evaluation with which it was last sent.
    package var lastSent: Int64?

    /// After its end it is sent again for so long, so that a receiver that was away learns of it.
    package static let resolvedRetention: Int64 = 15 * 60_000

    package init(
        labels: LabelSet, source: LabelSet, annotations: LabelSet, state: State, activeAt: Int64, value: Double
    ) {
        self.labels = labels
        self.source = source
        self.annotations = annotations
        self.state = state
        self.activeAt = activeAt
        self.value = value
    }

    package var isResolved: Bool { if case .resolved = state { true } else { false } }
    package var isFiring: Bool { if case .firing = state { true } else { false } }

    /// `pending`, `firing`, `inactive`.
    package var stateName: String {
        switch state {
        case .pending: "pending"
        case .firing: "firing"
        case .resolved: "inactive"
        }
    }

    /// Whether it is to be sent at `time` (Prometheus `rules/alerting.go`, `needsSending`).
    func needsSending(at time: Int64, resendDelay: Int64) -> Bool {
        if state == .pending { return false }
        guard let lastSent else { return true }
        if case .resolved(_, let end) = state, end > lastSent { return true }
        // A clock that was set back must not silence it.
        return lastSent + resendDelay < time || lastSent > time
    }
}

/// A change of an alert's state.
package struct AlertTransition: Sendable, Equatable {
    /// Milliseconds since 1970.
    package var time: Int64
    package var labels: LabelSet
    /// `inactive`, `pending` or `firing`.
    package var from: String
    package var to: String
    package var value: Double
    /// A few words, for people.
    package var reason: String

    package init(time: Int64, labels: LabelSet, from: String, to: String, value: Double, reason: String) {
        self.time = time
        self.labels = labels
        self.from = from
        self.to = to
        self.value = value
        self.reason = reason
    }
}
