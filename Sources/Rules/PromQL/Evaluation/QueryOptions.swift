import Synchronization

/// How queries are evaluated.
package struct QueryOptions: Sendable {
    /// How old the newest sample of a series may be to count, in milliseconds.
    package var lookback: Int64 = 300_000
    /// The resolution of a subquery that names none, in milliseconds.
    package var subqueryStep: Int64 = 60_000
    /// Whether `increase` and `rate` count the first value of a counter whose birth is known from 0.
    package var countsFromBirth = false
    /// How many samples a query may hold at once.
    package var maximalSamples = 50_000_000
    /// Seconds after which a query is given up.
    package var timeout: Double = 120

    package init() {}
}

/// Ends a query from another thread.
package final class QueryCancellation: Sendable {
    private let flag = Atomic<Bool>(false)
    private let parent: QueryCancellation?

    /// - Parameter parent: what ends all queries of its children.
    package init(_ parent: QueryCancellation? = nil) { self.parent = parent }

    package func cancel() { flag.store(true, ordering: .relaxed) }

    package var isCanceled: Bool { flag.load(ordering: .relaxed) || parent?.isCanceled ?? false }
}
