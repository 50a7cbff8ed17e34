import Synchronization
import Web

/// How many queries run at once: further ones wait for their turn, a bounded number of them.
final class QueryGate: Sendable {
    private struct State {
        var running = 0
        var nextTicket = 0
        /// In the order in which they came.
        var waiting: [(ticket: Int, continuation: CheckedContinuation<Void, any Error>)] = []
        /// Of waiters that were canceled before they had begun to wait.
        var canceled: Set<Int> = []
    }

    private let limit: Int
    private let waitingLimit: Int
    private let state = Mutex(State())

    init(limit: Int, waitingLimit: Int = 100) {
        self.limit = max(1, limit)
        self.waitingLimit = waitingLimit
    }

    /// Throws 503 where too many wait already, and `CancellationError` when nobody wants the answer any more.
    func run<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        try await enter()
        defer { leave() }
        return try await body()
    }

    private func enter() async throws {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        // One that is canceled while its turn comes leaves its number.
        defer { state.withLock { _ = $0.canceled.remove(ticket) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let answer: Swift.Result<Void, any Error>? = state.withLock { state in
                    if state.canceled.remove(ticket) != nil { return .failure(CancellationError()) }
                    if state.running < limit {
                        state.running += 1
                        return .success(())
                    }
                    guard state.waiting.count < waitingLimit else {
                        return .failure(HTTPError(503, "\(waitingLimit) queries wait already; ask again later."))
                    }
                    state.waiting.append((ticket, continuation))
                    return nil
                }
                if let answer { continuation.resume(with: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Void, any Error>? in
                guard let index = state.waiting.firstIndex(where: { $0.ticket == ticket }) else {
                    state.canceled.insert(ticket)
                    return nil
                }
                return state.waiting.remove(at: index).continuation
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    private func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard !state.waiting.isEmpty else {
                state.running -= 1
                return nil
            }
            return state.waiting.removeFirst().continuation
        }
        next?.resume()
    }
}
