import Telemetry

/// What a service said at one delivery and wants to hear again at the next of the same group: the time stamp of a message
/// that is to be updated, for example. Kept in the notification log.
package typealias DeliveryMemory = [String: String]

/// What came of one attempt to deliver.
package enum DeliveryResult: Sendable, Equatable {
    /// The service took it. `memory` replaces what was remembered of the group.
    case delivered(memory: DeliveryMemory)
    /// It may be taken later, not before `after` seconds where the service asked for that.
    case retry(reason: String, after: Double?)
    /// It will not be taken, however often it is sent.
    case refused(reason: String)
}

/// One entry of a receiver's `…_configs`: a way to tell people.
package protocol Integration: Sendable {
    /// `webhook`, `slack`, `email` …: what metrics and logs call it.
    var kind: String { get }
    /// Whether the end of alerts is told (`send_resolved`).
    var sendsResolved: Bool { get }
    /// Makes one attempt. Blocks, for as long as its own timeout at most; called on a thread made for that.
    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult
}
