/// How a rule's text becomes something that is evaluated. PromQL, and in tests whatever they like.
package struct RuleLanguage: Sendable {
    package var parse: @Sendable (String) throws(QueryError) -> Expression
    package var prepare: @Sendable (Expression) -> any PreparedQuery

    package init(
        parse: @escaping @Sendable (String) throws(QueryError) -> Expression,
        prepare: @escaping @Sendable (Expression) -> any PreparedQuery
    ) {
        self.parse = parse
        self.prepare = prepare
    }
}
