/// An expression that is evaluated again and again: it keeps what it found out about its series from one time to the next.
///
/// For one thread at a time.
package protocol PreparedQuery: AnyObject {
    var expression: Expression { get }

    /// What the expression is worth at `time`, milliseconds since 1970.
    func instant(at time: Int64, in reader: any SampleReader) throws(QueryError) -> QueryResult

    /// What it is worth at `start`, `start + step`, … up to `end`, all in milliseconds; a matrix.
    func range(
        from start: Int64, through end: Int64, step: Int64, in reader: any SampleReader
    ) throws(QueryError) -> QueryResult
}

/// Makes queries that share options and memory. Safe from any thread; each query is for one at a time.
package final class QueryEngine: Sendable {
    /// Bytes of stack for threads that read, print or evaluate expressions: all of it recurs as deep as they are nested and high.
    /// The deepest take 6 MiB in a debug build, less in a release. What is not used costs addresses only.
    package static let stackSize = 16 << 20

    package let options: QueryOptions
    private let pool = BufferPool()

    package init(_ options: QueryOptions = QueryOptions()) { self.options = options }

    /// Reads and compiles a query.
    package func prepare(_ text: String) throws(QueryError) -> PromQLQuery {
        try prepare(try Expression.parse(text), text: text)
    }

    /// - Parameter text: what the expression was read from, for the places in annotations.
    package func prepare(_ expression: Expression, text: String) throws(QueryError) -> PromQLQuery {
        try PromQLQuery(expression, text: text, options, pool)
    }
}
