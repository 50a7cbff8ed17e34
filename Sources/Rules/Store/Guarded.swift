import Synchronization

/// State under a lock, for who holds two such at a time and moves things between them, which `Mutex` does not allow.
final class Guarded<State: ~Copyable>: @unchecked Sendable {
    private let lock = Mutex(())
    // Only under the lock.
    private var state: State

    init(_ state: consuming State) { self.state = state }

    func withLock<Result: ~Copyable, E: Error>(_ body: (inout State) throws(E) -> Result) throws(E) -> Result {
        try lock.withLock { _ throws(E) in try body(&state) }
    }
}
