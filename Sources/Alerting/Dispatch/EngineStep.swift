/// What follows from something that happened: to be written first, then done.
package struct EngineStep: Sendable {
    /// To be written as one record.
    package var changes: [StateChange] = []
    /// To be sent, once the changes are written.
    package var deliveries: [Delivery] = []
    /// Alerts of which nobody was told, and why.
    package var suppressions: [Held] = []
    /// Changes of alerts that flap, which nobody is told of.
    package var changesHeld = 0
    /// For the history.
    package var events: [HistoryEvent] = []

    /// An alert that a look at its group held back.
    package struct Held: Sendable, Equatable {
        package var groupKey: String
        package var alert: AlertID
        package var suppression: Suppression
    }

    package init() {}

    package var mustBeSynchronised: Bool { changes.contains(where: \.mustBeSynchronised) }
}

/// One notification for one entry of a receiver's `…_configs`.
package struct Delivery: Sendable {
    /// To be given back with the result.
    package var id: Int
    package var receiver: String
    /// Place of the way among the receiver's ways.
    package var way: Int
    package var notification: Notification
    package var memory: DeliveryMemory
    /// Until when it is tried, milliseconds since 1970.
    package var deadline: Int64
}
