/// How a rule's text becomes something that is evaluated. PromQL, and in tests whatever they like.
package struct RuleLanguage: Sendable {
    /// Makes queries that share memory; each of them is for one thread at a time.
    package typealias Preparer = (_ expression: Expression, _ text: String) throws(QueryError) -> any PreparedQuery

    package var parse: @Sendable (String) throws(QueryError) -> Expression
    package var makePreparer: @Sendable () -> Preparer

    package init(
        parse: @escaping @Sendable (String) throws(QueryError) -> Expression,
        makePreparer: @escaping @Sendable () -> Preparer
    ) {
        self.parse = parse
        self.makePreparer = makePreparer
    }

    package static func promQL(_ options: QueryOptions = QueryOptions()) -> RuleLanguage {
        let engine = QueryEngine(options)
        return RuleLanguage(
            parse: { (text: String) throws(QueryError) -> Expression in try Expression.parse(text) },
            makePreparer: {
                return { (expression: Expression, text: String) throws(QueryError) -> any PreparedQuery in
                    try engine.prepare(expression, text: text)
                }
            })
    }

    /// The same, whose queries end when they are canceled.
    package func canceled(by cancellation: QueryCancellation) -> RuleLanguage {
        let makePreparer = makePreparer
        return RuleLanguage(parse: parse) {
            let prepare = makePreparer()
            return { (expression: Expression, text: String) throws(QueryError) -> any PreparedQuery in
                let query = try prepare(expression, text)
                (query as? PromQLQuery)?.cancellation = cancellation
                return query
            }
        }
    }

    /// A query, or where it cannot be made one that says why whenever it is evaluated.
    static func query(_ expression: Expression, _ text: String, _ prepare: Preparer) -> any PreparedQuery {
        do throws(QueryError) {
            return try prepare(expression, text)
        } catch {
            return FailedQuery(expression, error)
        }
    }
}

/// A query that could not be made.
private final class FailedQuery: PreparedQuery {
    let expression: Expression
    private let error: QueryError

    init(_ expression: Expression, _ error: QueryError) {
        self.expression = expression
        self.error = error
    }

    func instant(at time: Int64, in reader: any SampleReader) throws(QueryError) -> QueryResult { throw error }

    func range(
        from start: Int64, through end: Int64, step: Int64, in reader: any SampleReader
    ) throws(QueryError) -> QueryResult { throw error }
}
