// What stands between operators: literals, calls, aggregations, parentheses.
extension ExpressionParser {
    mutating func primary() throws(SyntaxError) -> Expression {
        let token = try peek()
        switch token.kind {
        case .number, .duration:
            height = 1
            if let literal = try numberLiteral() { return .number(literal) }
        case .string:
            try take()
            height = 1
            return .string(StringLiteral(value: Lexer.unquoted(token), range: token.range))
        case .leftParenthesis: return try parenthesized()
        case .leftBrace:
            height = 1
            return .vectorSelector(try vectorSelector())
        case .aggregation(let operation): return try aggregation(operation)
        case .identifier, .start, .end, .step, .range, .maxOf, .minOf: return try callOrSelector()
        default:
            if token.isMetricName {
                height = 1
                return .vectorSelector(try vectorSelector())
            }
        }
        throw unexpected(token)
    }

    private mutating func parenthesized() throws(SyntaxError) -> Expression {
        let opening = try take()
        let inner = try nested { (parser) throws(SyntaxError) in try parser.expression() }
        guard let closing = try take(.rightParenthesis) else { throw unexpected(try peek()) }
        try grow(above: height)
        return .parenthesized(inner, TextRange(start: opening.range.start, end: closing.range.end))
    }

    private mutating func callOrSelector() throws(SyntaxError) -> Expression {
        let name = try take()
        guard try peek().kind == .leftParenthesis else {
            height = 1
            return .vectorSelector(try vectorSelector(named: name))
        }
        let arguments = try arguments()
        guard FunctionSignature.named(name.text) != nil else {
            throw SyntaxError(name, "unknown function with name \(GoText.quoted(name.text))")
        }
        try grow(above: height)
        let range = TextRange(start: name.range.start, end: lastEnd)
        return .call(Call(function: name.text, arguments: arguments, range: range))
    }

    /// `(a, b)`; the height is that of the highest.
    private mutating func arguments() throws(SyntaxError) -> [Expression] {
        guard try take(.leftParenthesis) != nil else { throw unexpected(try peek()) }
        height = 0
        if try take(.rightParenthesis) != nil { return [] }
        var arguments: [Expression] = []
        var highest = 0
        while true {
            arguments.append(try nested { (parser) throws(SyntaxError) in try parser.expression() })
            highest = max(highest, height)
            height = highest
            if try take(.rightParenthesis) != nil { return arguments }
            guard let comma = try take(.comma) else { throw unexpected(try peek()) }
            guard try peek().beginsExpression else {
                throw SyntaxError(comma, "trailing commas not allowed in function call args")
            }
        }
    }

    private mutating func aggregation(_ operation: AggregationOperator) throws(SyntaxError) -> Expression {
        let name = try take()
        let next = try peek().kind
        guard next == .leftParenthesis || next == .by || next == .without else {
            height = 1
            return .vectorSelector(try vectorSelector(named: name))
        }
        var grouping: (labels: [String], isWithout: Bool)?
        if next != .leftParenthesis { grouping = try groupingClause() }
        openAggregations += 1
        let arguments = try arguments()
        openAggregations -= 1
        if grouping == nil { grouping = try groupingClause() }
        try grow(above: height)

        func failure(_ message: String) -> SyntaxError { SyntaxError(name, message) }
        guard let last = arguments.last else {
            throw failure("no arguments for aggregate expression provided")
        }
        let expected = operation.takesParameter ? 2 : 1
        guard arguments.count == expected else {
            throw failure(
                "wrong number of arguments for aggregate expression provided, expected \(expected), "
                    + "got \(arguments.count)")
        }
        return .aggregation(
            Aggregation(
                operation: operation, expression: last, parameter: operation.takesParameter ? arguments[0] : nil,
                labels: grouping?.labels ?? [], isWithout: grouping?.isWithout ?? false,
                range: TextRange(start: name.range.start, end: lastEnd)))
    }

    /// `by (job)`, `without (instance)`; nil where there is none.
    private mutating func groupingClause() throws(SyntaxError) -> (labels: [String], isWithout: Bool)? {
        if try take(.by) != nil { return (try labelNames(), false) }
        if try take(.without) != nil { return (try labelNames(), true) }
        return nil
    }

    /// nil where no number stands.
    mutating func numberLiteral() throws(SyntaxError) -> NumberLiteral? {
        let token = try peek()
        switch token.kind {
        case .number:
            try take()
            do throws(NumberText.Failure) {
                return NumberLiteral(value: try NumberText.parse(token.text), range: token.range)
            } catch {
                throw SyntaxError(token, error.message(of: token.text))
            }
        case .duration:
            try take()
            do throws(PrometheusDuration.Failure) {
                let milliseconds = try PrometheusDuration.milliseconds(token.text)
                return NumberLiteral(value: Double(milliseconds) / 1000, isDuration: true, range: token.range)
            } catch {
                throw SyntaxError(token, error.description)
            }
        default: return nil
        }
    }
}

extension AggregationOperator {
    /// `topk(3, …)`
    var takesParameter: Bool {
        switch self {
        case .topk, .bottomk, .quantile, .countValues, .limitk, .limitRatio: true
        case .sum, .avg, .count, .min, .max, .group, .stddev, .stdvar: false
        }
    }
}

extension Token {
    fileprivate var beginsExpression: Bool {
        switch kind {
        case .number, .duration, .string, .leftParenthesis, .leftBrace, .add, .subtract: true
        default: isMetricName
        }
    }
}
