import Synchronization

/// How a part of the agent is doing, as `/-/ready` tells it.
package enum PartState: Sendable, Equatable {
    case starting
    case ok
    /// It goes on, with the named trouble; the sentence says what to do about it.
    case degraded(String)
    /// It does nothing until the named trouble is gone; the sentence says what to do about it.
    case failed(String)

    package var isReady: Bool { self == .ok }
}

/// The state of every source, destination and other part, by name (`source/journal`, `destination/loki-0`).
/// Safe from any thread.
package final class Readiness: Sendable {
    package struct Part: Sendable {
        package var name: String
        package var state: PartState
        package var since: Timestamp
    }

    private let parts = Mutex<[String: Part]>([:])

    package init() {}

    package func set(_ name: String, _ state: PartState) {
        parts.withLock {
            guard $0[name]?.state != state else { return }
            $0[name] = Part(name: name, state: state, since: .now)
        }
    }

    package func remove(_ name: String) { parts.withLock { _ = $0.removeValue(forKey: name) } }

    /// By name.
    package var all: [Part] { parts.withLock { $0.values.sorted { $0.name < $1.name } } }
}
