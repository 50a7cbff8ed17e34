/// Blocking work for asynchronous callers: on a thread of its own, never the cooperative pool.
package enum Blocking {
    package static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            WorkerThread(name: "blocking") { continuation.resume(with: Swift.Result { try body() }) }.detach()
        }
    }
}
