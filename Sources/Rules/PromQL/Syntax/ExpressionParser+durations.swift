// Durations in brackets and after `offset`: `5m`, `step() * 2`, `max_of(1m, range())`.
extension ExpressionParser {
    /// A plain number is kept apart from what was composed, as other rules hold for it.
    private enum Duration {
        case number(NumberLiteral)
        case composed(DurationExpression)

        var expression: DurationExpression {
            switch self {
            case .composed(let expression): return expression
            case .number(let literal):
                let milliseconds = (literal.value * 1000).rounded()
                guard milliseconds / 1000 == literal.value, let whole = Int64(exactly: milliseconds) else {
                    return .number(literal.value)
                }
                return .literal(milliseconds: whole, hasUnit: literal.isDuration)
            }
        }

        /// As a range or an offset that is a number alone: fractions of a millisecond are cut off.
        var whole: DurationExpression {
            guard case .number(let literal) = self else { return expression }
            let nanoseconds = (literal.value * 1e9).rounded(.toNearestOrAwayFromZero)
            let milliseconds = Int64(exactly: (nanoseconds / 1e6).rounded(.towardZero)) ?? 0
            return .literal(milliseconds: milliseconds, hasUnit: literal.isDuration)
        }
    }

    /// What is open, for the message about a token that does not fit.
    private struct Context {
        var name: String
        var expected: String
    }

    mutating func positiveDuration(
        in name: String, expected: String
    ) throws(SyntaxError) -> DurationExpression {
        let context = Context(name: name, expected: expected)
        let below = height
        defer { height = below }
        let duration = try duration(context, atLeast: 1)
        if case .number(let literal) = duration, literal.value <= 0 || literal.value.isNaN {
            throw SyntaxError(start: literal.range.start, message: "duration must be greater than 0")
        }
        return duration.whole
    }

    /// After `offset` a number, a call or a sign before one of them stands for itself: `foo offset -2^2` is
    /// `(foo offset -2)^2`; only what begins with a parenthesis goes on.
    mutating func offsetDuration() throws(SyntaxError) -> DurationExpression {
        let context = Context(name: "offset", expected: "number, duration, step(), or range()")
        let below = height
        defer { height = below }
        let first = try peek()
        guard first.kind == .add || first.kind == .subtract else {
            let operand = try durationOperand(context)
            guard first.kind == .leftParenthesis else { return operand.whole }
            return try operation(after: operand, context, atLeast: 1).whole
        }
        try take()
        let isNegation = first.kind == .subtract
        let second = try peek().kind
        if second == .add || second == .subtract {
            let operand = try nested { (parser) throws(SyntaxError) in
                try parser.duration(context, atLeast: ExpressionParser.powerPrecedence)
            }
            return try operation(after: try signed(operand, first, isNegation), context, atLeast: 1).whole
        }
        return try signed(try durationOperand(context), first, isNegation).whole
    }

    private static let powerPrecedence = 3

    private static func durationOperator(_ kind: Token.Kind) -> (ArithmeticOperator, precedence: Int)? {
        switch kind {
        case .add: (.add, 1)
        case .subtract: (.subtract, 1)
        case .multiply: (.multiply, 2)
        case .divide: (.divide, 2)
        case .modulo: (.modulo, 2)
        case .power: (.power, powerPrecedence)
        default: nil
        }
    }

    private mutating func duration(_ context: Context, atLeast lowest: Int) throws(SyntaxError) -> Duration {
        let first = try peek()
        guard first.kind == .add || first.kind == .subtract else {
            return try operation(after: try durationOperand(context), context, atLeast: lowest)
        }
        try take()
        let operand = try nested { (parser) throws(SyntaxError) in
            try parser.duration(context, atLeast: ExpressionParser.powerPrecedence)
        }
        let signed = try signed(operand, first, first.kind == .subtract)
        return try operation(after: signed, context, atLeast: lowest)
    }

    private mutating func operation(
        after first: Duration, _ context: Context, atLeast lowest: Int
    ) throws(SyntaxError) -> Duration {
        var left = first
        while let (operation, precedence) = ExpressionParser.durationOperator(try peek().kind), precedence >= lowest {
            let sign = try take()
            let leftHeight = height
            let right = try nested { (parser) throws(SyntaxError) in
                try parser.duration(context, atLeast: operation == .power ? precedence : precedence + 1)
            }
            if case .number(let literal) = right, literal.value == 0 {
                if operation == .divide { throw SyntaxError(sign, "division by zero") }
                if operation == .modulo { throw SyntaxError(sign, "modulo by zero") }
            }
            try grow(above: max(leftHeight, height))
            left = .composed(.binary(operation, left.expression, right.expression))
        }
        return left
    }

    private func signed(_ operand: Duration, _ sign: Token, _ isNegation: Bool) throws(SyntaxError) -> Duration {
        switch operand {
        case .composed(let expression): return .composed(isNegation ? .negated(expression) : expression)
        case .number(var literal):
            if isNegation { literal.value *= -1 }
            literal.range.start = sign.range.start
            return .number(literal)
        }
    }

    private mutating func durationOperand(_ context: Context) throws(SyntaxError) -> Duration {
        let token = try peek()
        height = 1
        switch token.kind {
        case .number, .duration:
            guard let literal = try numberLiteral() else { break }
            guard abs(literal.value) <= 0x1p63 / 1e9 || literal.value.isNaN else {
                throw SyntaxError(token, "duration out of range")
            }
            return .number(literal)
        case .step, .range:
            try take()
            try expect(.leftParenthesis, context)
            try expect(.rightParenthesis, context)
            return .composed(token.kind == .step ? .step : .range)
        case .minOf, .maxOf:
            try take()
            try expect(.leftParenthesis, context)
            let first = try nested { (parser) throws(SyntaxError) in try parser.duration(context, atLeast: 1) }
            let firstHeight = height
            try expect(.comma, context)
            let second = try nested { (parser) throws(SyntaxError) in try parser.duration(context, atLeast: 1) }
            try expect(.rightParenthesis, context)
            try grow(above: max(firstHeight, height))
            return .composed(
                token.kind == .minOf
                    ? .minOf(first.expression, second.expression) : .maxOf(first.expression, second.expression))
        case .leftParenthesis:
            try take()
            let inner = try nested { (parser) throws(SyntaxError) in try parser.duration(context, atLeast: 1) }
            try expect(.rightParenthesis, context)
            if case .parenthesized = inner.expression { return inner }
            try grow(above: height)
            return .composed(.parenthesized(inner.expression))
        default: break
        }
        throw unexpected(token, in: context.name, expected: context.expected)
    }

    private mutating func expect(_ kind: Token.Kind, _ context: Context) throws(SyntaxError) {
        guard try take(kind) == nil else { return }
        throw unexpected(try peek(), in: context.name, expected: context.expected)
    }
}
