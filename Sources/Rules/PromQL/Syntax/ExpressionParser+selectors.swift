import Bytes
import Telemetry

// Selectors, and what may follow an expression: ranges, subqueries, `offset`, `@`, `anchored`, `smoothed`.
extension ExpressionParser {
    /// An expression between operators with all that follows it.
    mutating func selection() throws(SyntaxError) -> Expression {
        var result = try primary()
        while true {
            switch try peek().kind {
            case .leftBracket:
                let below = height
                result = try bracketed(result)
                try grow(above: below)
            case .offset:
                try take()
                result = try result.modified(by: .offset(try offsetDuration()), endingAt: lastEnd)
            case .at:
                try take()
                let modifier = try timestamp(of: result)
                result = try result.modified(by: .at(modifier), endingAt: lastEnd)
            case .anchored:
                try take()
                result = try result.modified(by: .extension(.anchored), endingAt: lastEnd)
            case .smoothed:
                try take()
                result = try result.modified(by: .extension(.smoothed), endingAt: lastEnd)
            default: return result
            }
        }
    }

    /// `12.5`, `start()`
    private mutating func timestamp(of expression: Expression) throws(SyntaxError) -> AtModifier {
        func failure(_ token: Token) -> SyntaxError { unexpected(token, in: "@", expected: "timestamp") }
        let token = try peek()
        if token.kind == .start || token.kind == .end {
            try take()
            guard try take(.leftParenthesis) != nil else { throw failure(try peek()) }
            guard try take(.rightParenthesis) != nil else { throw failure(try peek()) }
            return token.kind == .start ? .start : .end
        }
        let isNegative = try take(.subtract) != nil
        if !isNegative { _ = try take(.add) }
        guard let literal = try numberLiteral() else { throw failure(try peek()) }
        let seconds = isNegative ? -literal.value : literal.value
        let bound = 0x1p63
        guard seconds > -bound, seconds < bound else {
            throw SyntaxError(
                start: expression.range.start,
                message: "timestamp out of bounds for @ modifier: \(GoNumber.fixed(seconds, places: 6))")
        }
        let milliseconds = (seconds * 1000).rounded(.toNearestOrAwayFromZero)
        return .time(Int64(exactly: milliseconds) ?? (milliseconds < 0 ? .min : .max))
    }

    /// `[5m]`, `[1h:5m]`
    private mutating func bracketed(_ expression: Expression) throws(SyntaxError) -> Expression {
        let opening = try take()
        let window = try positiveDuration(
            in: "subquery or range selector", expected: "number, duration, step(), or range()")
        if let closing = try take(.rightBracket) { return try range(of: expression, window, opening, closing) }
        guard try take(.colon) != nil else {
            throw unexpected(try peek(), in: "subquery or range", expected: "\":\" or \"]\"")
        }
        var step: DurationExpression?
        if try peek().kind != .rightBracket {
            step = try positiveDuration(
                in: "subquery selector", expected: "number, duration, step(), range(), or \"]\"")
        }
        guard try take(.rightBracket) != nil else {
            throw unexpected(try peek(), in: "subquery selector", expected: "\"]\"")
        }
        let range = TextRange(start: expression.range.start, end: lastEnd)
        return .subquery(Subquery(expression: expression, window: window, step: step, range: range))
    }

    private func range(
        of expression: Expression, _ window: DurationExpression, _ opening: Token, _ closing: Token
    ) throws(SyntaxError) -> Expression {
        guard case .vectorSelector(let selector) = expression else {
            throw SyntaxError(opening, "ranges only allowed for vector selectors")
        }
        if selector.offset != nil { throw SyntaxError(opening, "no offset modifiers allowed before range") }
        if selector.at != nil { throw SyntaxError(opening, "no @ modifiers allowed before range") }
        let range = TextRange(start: selector.range.start, end: closing.range.end)
        return .matrixSelector(MatrixSelector(selector: selector, window: window, range: range))
    }

    // MARK: - Matchers

    mutating func vectorSelector() throws(SyntaxError) -> VectorSelector {
        try vectorSelector(named: try peek().kind == .leftBrace ? nil : try take())
    }

    mutating func vectorSelector(named name: Token?) throws(SyntaxError) -> VectorSelector {
        var matchers: [LabelMatcher] = []
        let first = if let name { name.range } else { try peek().range }
        var end = first.end
        if try peek().kind == .leftBrace {
            matchers = try self.matchers()
            end = lastEnd
        }
        if let name { matchers.append(try matcher("__name__", .equal, name.text, at: name)) }
        return VectorSelector(
            name: name?.text, matchers: matchers, range: TextRange(start: first.start, end: end))
    }

    private mutating func matchers() throws(SyntaxError) -> [LabelMatcher] {
        try take()
        var matchers: [LabelMatcher] = []
        while try take(.rightBrace) == nil {
            if !matchers.isEmpty {
                guard try take(.comma) != nil else {
                    throw unexpected(try peek(), in: "label matching", expected: "\",\" or \"}\"")
                }
                if try take(.rightBrace) != nil { break }
            }
            matchers.append(try matcher())
        }
        return matchers
    }

    private mutating func matcher() throws(SyntaxError) -> LabelMatcher {
        let name = try peek()
        guard name.kind == .identifier || name.kind == .string else {
            throw unexpected(name, in: "label matching", expected: "identifier or \"}\"")
        }
        try take()
        let label = name.kind == .string ? Lexer.unquoted(name) : name.text
        let operation: LabelMatcher.Operation
        switch try peek().kind {
        case .equal: operation = .equal
        case .notEqual: operation = .notEqual
        case .matches: operation = .matches
        case .notMatches: operation = .notMatches
        default:
            if name.kind == .string { return try matcher("__name__", .equal, label, at: name) }
            throw unexpected(try peek(), in: "label matching", expected: "label matching operator")
        }
        try take()
        let value = try peek()
        guard value.kind == .string else { throw unexpected(value, in: "label matching", expected: "string") }
        try take()
        return try matcher(label, operation, Lexer.unquoted(value), at: name)
    }

    private func matcher(
        _ label: String, _ operation: LabelMatcher.Operation, _ value: String, at first: Token
    ) throws(SyntaxError) -> LabelMatcher {
        if operation == .matches || operation == .notMatches, let problem = RegexSyntax.problem(in: value) {
            throw SyntaxError(first, problem)
        }
        do {
            return try LabelMatcher(label, operation, value, dotMatchesNewline: true)
        } catch {
            throw SyntaxError(first, "error parsing regexp: \(error.reason): `\(value)`")
        }
    }
}

/// What may follow a selector or a subquery.
private enum SelectionModifier {
    case offset(DurationExpression)
    case at(AtModifier)
    case `extension`(RangeExtension)
}

extension Expression {
    /// With a modifier behind it, the last byte of which is before `end`.
    fileprivate func modified(by modifier: SelectionModifier, endingAt end: Int) throws(SyntaxError) -> Expression {
        // Its own place does not take `anchored` and `smoothed` in, as in Prometheus.
        let isExtension = if case .extension = modifier { true } else { false }
        switch self {
        case .vectorSelector(var selector):
            try modifier.apply(&selector.offset, &selector.at, &selector.rangeExtension, at: range.start)
            if !isExtension { selector.range.end = end }
            return .vectorSelector(selector)
        case .matrixSelector(var matrix):
            try modifier.apply(
                &matrix.selector.offset, &matrix.selector.at, &matrix.selector.rangeExtension, at: range.start)
            if !isExtension { matrix.range.end = end }
            return .matrixSelector(matrix)
        case .subquery(var subquery):
            if case .extension(let name) = modifier {
                throw SyntaxError(
                    start: range.start, message: "\(name.rawValue) modifier is not supported for subqueries")
            }
            var none: RangeExtension?
            try modifier.apply(&subquery.offset, &subquery.at, &none, at: range.start)
            subquery.range.end = end
            return .subquery(subquery)
        default:
            let name =
                switch modifier {
                case .offset: "offset modifier"
                case .at: "@ modifier"
                case .extension(let name): "\(name.rawValue) modifier not implemented"
                }
            let place = "must be preceded by an instant vector selector or range vector selector or a subquery"
            throw SyntaxError(start: range.start, message: isExtension ? name : name + " " + place)
        }
    }
}

extension SelectionModifier {
    fileprivate func apply(
        _ offset: inout DurationExpression?, _ at: inout AtModifier?, _ rangeExtension: inout RangeExtension?,
        at start: Int
    ) throws(SyntaxError) {
        switch self {
        case .offset(let duration):
            if offset != nil { throw SyntaxError(start: start, message: "offset may not be set multiple times") }
            if case .literal(0, _) = duration { return }
            offset = duration
        case .at(let modifier):
            if at != nil { throw SyntaxError(start: start, message: "@ <timestamp> may not be set multiple times") }
            at = modifier
        case .extension(let name):
            if let rangeExtension, rangeExtension != name {
                throw SyntaxError(
                    start: start, message: "anchored and smoothed modifiers cannot be used together")
            }
            rangeExtension = name
        }
    }
}
