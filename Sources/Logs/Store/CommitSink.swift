import Telemetry

/// What happens to a commit while the store is at its size cap.
package enum FullPolicy: Sendable {
    /// The source can be read again later: wait until there is room.
    case wait
    /// The source cannot be read again: the oldest segments go, counted and logged.
    case dropOldest
}

/// Why a commit did not happen.
package enum CommitError: Error, Equatable, CustomStringConvertible {
    /// The part was told to stop while the store had no room. The record is as it was; nothing of it is stored.
    case stopped
    /// The store is closed.
    case closed

    package var description: String {
        switch self {
        case .stopped: "stopped while the store had no room"
        case .closed: "the store is closed"
        }
    }
}

/// Where sources put their lines: the store, or a test's recorder. Called from source threads.
package protocol CommitSink: AnyObject, Sendable {
    /// Finishes the record with `positions`, writes it and makes it durable; waits through a full store (as `policy`
    /// says) and a full disk. After it returns the lines and the positions are stored, or, when it throws, neither.
    func commit(
        _ record: inout RecordBuilder, positions: [PositionUpdate], policy: FullPolicy, stop: StopToken
    ) throws(CommitError)

    /// The position last committed under `key`, or nil.
    func position(_ key: String) -> [UInt8]?

    /// All positions whose key starts with `prefix`.
    func positions(prefix: String) -> [PositionUpdate]
}
