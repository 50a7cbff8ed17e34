/// Whom a notification of a group goes to: what the notification log is kept by.
package struct NotificationKey: Hashable, Sendable {
    package var groupKey: String
    package var receiver: String
    /// `webhook`, `slack` …
    package var kind: String
    /// Its place among those of its kind.
    package var index: Int

    package init(groupKey: String, receiver: String, kind: String, index: Int) {
        self.groupKey = groupKey
        self.receiver = receiver
        self.kind = kind
        self.index = index
    }
}

/// What was told last, and when: an entry of the notification log.
package struct NotificationEntry: Sendable, Equatable {
    /// The time of the flush, milliseconds since 1970.
    package var timestamp: Int64
    package var firing: Set<AlertID>
    package var resolved: Set<AlertID>
    /// What the service wants to hear again.
    package var memory: DeliveryMemory
    /// Milliseconds after `timestamp` from which it may be forgotten once its group is gone.
    package var lifetime: Int64

    package init(
        timestamp: Int64, firing: Set<AlertID>, resolved: Set<AlertID>, memory: DeliveryMemory = [:],
        lifetime: Int64 = NotificationEntry.longestLifetime
    ) {
        self.timestamp = timestamp
        self.firing = firing
        self.resolved = resolved
        self.memory = memory
        self.lifetime = lifetime
    }

    /// Alertmanager's `data.retention`, 120 hours.
    package static let longestLifetime: Int64 = 120 * 3_600_000
}

/// A notification that is under way, or was when the process ended: nobody knows whether it arrived.
package struct NotificationAttempt: Sendable, Equatable {
    package var since: Int64
    package var firing: Set<AlertID>
    package var resolved: Set<AlertID>
}
