extension RuleLanguage {
    /// PromQL, evaluated by `engine`.
    package static func promQL(_ engine: QueryEngine) -> RuleLanguage {
        RuleLanguage(
            parse: { text throws(QueryError) in try Expression.parse(text) },
            prepare: { expression in
                do throws(QueryError) {
                    // As Prometheus: places in remarks are those of the expression on one line.
                    return try engine.prepare(expression.description)
                } catch {
                    return FailingQuery(expression: expression, error: error)
                }
            })
    }
}

/// A query that cannot be evaluated; each evaluation says why.
private final class FailingQuery: PreparedQuery {
    let expression: Expression
    private let error: QueryError

    init(expression: Expression, error: QueryError) {
        self.expression = expression
        self.error = error
    }

    func instant(at time: Int64, in reader: any SampleReader) throws(QueryError) -> QueryResult { throw error }

    func range(
        from start: Int64, through end: Int64, step: Int64, in reader: any SampleReader
    ) throws(QueryError) -> QueryResult { throw error }
}
