extension Expression {
    /// Over several lines where it is longer than 100 bytes, as `/api/v1/format_query` answers (`promql/parser/prettier.go`).
    package var prettyDescription: String { pretty(0) }

    private static let longestLine = 100

    private func pretty(_ level: Int) -> String {
        let indent = String(repeating: "  ", count: level)
        let isLong = ExpressionPrinter.isLonger(self, than: Expression.longestLine)
        switch self {
        case .unary(let operation):
            let inner = operation.expression.pretty(level).drop { $0 == " " }
            return indent + (operation.isNegation ? "-" : "+") + inner
        case .subquery(let subquery):
            // Not indented where it is short: so it is there.
            guard isLong else { return description }
            var suffix = ExpressionPrinter()
            suffix.writeSuffix(of: subquery)
            return subquery.expression.pretty(level) + suffix.text
        case _ where !isLong: return indent + description
        case .aggregation(let aggregation):
            var head = ExpressionPrinter()
            head.writeHead(of: aggregation)
            let parameter = aggregation.parameter.map { $0.pretty(level + 1) + ",\n" } ?? ""
            return "\(indent)\(head.text)(\n\(parameter)\(aggregation.expression.pretty(level + 1))\n\(indent))"
        case .binary(let operation):
            var symbol = ExpressionPrinter()
            symbol.writeOperator(of: operation)
            return "\(operation.left.pretty(level + 1))\n\(indent)\(symbol.text)\n\(operation.right.pretty(level + 1))"
        case .call(let call):
            let arguments = call.arguments.map { $0.pretty(level + 1) }.joined(separator: ",\n")
            return "\(indent)\(call.function)(\n\(arguments)\n\(indent))"
        case .parenthesized(let inner, _): return "\(indent)(\n\(inner.pretty(level + 1))\n\(indent))"
        case .number, .string, .vectorSelector, .matrixSelector: return indent + description
        }
    }
}
