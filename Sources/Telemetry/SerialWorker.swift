/// A thread of our own that does one thing after the other, for blocking work that comes again and again: started with the
/// first, ended after a while without any.
package final class SerialWorker: Sendable {
    private struct State {
        var queue: [@Sendable () -> Void] = []
        var isRunning = false
    }

    private let name: String
    private let state = Condition(State())
    /// Seconds without work after which the thread ends.
    private static let idleTime = 60.0

    /// - Parameter name: the thread's, at most 15 bytes.
    package init(name: String) { self.name = name }

    /// Does `body` on the thread and hands back what it returns. The queue has no bound of its own: callers wait, and the
    /// server bounds their number.
    package func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            add { continuation.resume(with: Swift.Result { try body() }) }
        }
    }

    private func add(_ work: @escaping @Sendable () -> Void) {
        let mustStart = state.change { state in
            state.queue.append(work)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustStart { WorkerThread(name: name) { [state] in Self.work(state) }.detach() }
    }

    private static func work(_ state: Condition<State>) {
        while true {
            let next = state.wait(until: Timestamp.monotonic.adding(seconds: idleTime)) { state in
                state.queue.isEmpty ? nil : state.queue.removeFirst()
            }
            if let next {
                next()
                continue
            }
            let isOver = state.withLock { state in
                // Work may have come between the wait and this look.
                if !state.queue.isEmpty { return false }
                state.isRunning = false
                return true
            }
            if isOver { return }
        }
    }
}
