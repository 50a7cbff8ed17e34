/// Blocking work for asynchronous callers: on a thread of its own, never the cooperative pool.
package enum Blocking {
    /// - Parameter stackSize: bytes, for what recurs deeply.
    package static func run<Result: Sendable>(
        stackSize: Int = WorkerThread.stackSize, _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            WorkerThread(name: "blocking", stackSize: stackSize) {
                continuation.resume(with: Swift.Result { try body() })
            }.detach()
        }
    }
}
