// Operators between expressions and before them.
extension ExpressionParser {
    /// How strongly an operator binds.
    private enum Precedence: Int {
        case or = 1
        case and, comparison, addition, multiplication, power
    }

    mutating func expression() throws(SyntaxError) -> Expression { try expression(atLeast: Precedence.or.rawValue) }

    private mutating func expression(atLeast lowest: Int) throws(SyntaxError) -> Expression {
        var left = try operand()
        while let (operation, precedence) = ExpressionParser.binaryOperator(try peek().kind),
            precedence.rawValue >= lowest
        {
            let leftHeight = height
            try take()
            let (modified, matching, isMisplacedBool) = try modifiers(of: operation)
            // Only powers associate to the right.
            let right = try nested { (parser) throws(SyntaxError) in
                try parser.expression(atLeast: precedence.rawValue + (precedence == .power ? 0 : 1))
            }
            try grow(above: max(leftHeight, height))
            let range = TextRange(start: left.range.start, end: right.range.end)
            if isMisplacedBool { misplacedBools.insert(range) }
            left = .binary(
                BinaryOperation(operation: modified, left: left, right: right, matching: matching, range: range))
        }
        return left
    }

    private static func binaryOperator(_ kind: Token.Kind) -> (BinaryOperator, Precedence)? {
        switch kind {
        case .or: (.set(.or), .or)
        case .and: (.set(.and), .and)
        case .unless: (.set(.unless), .and)
        case .equals: (.comparison(.equal, isBool: false), .comparison)
        case .notEqual: (.comparison(.notEqual, isBool: false), .comparison)
        case .less: (.comparison(.less, isBool: false), .comparison)
        case .lessOrEqual: (.comparison(.lessOrEqual, isBool: false), .comparison)
        case .greater: (.comparison(.greater, isBool: false), .comparison)
        case .greaterOrEqual: (.comparison(.greaterOrEqual, isBool: false), .comparison)
        case .trimUpper: (.trimUpper, .comparison)
        case .trimLower: (.trimLower, .comparison)
        case .add: (.arithmetic(.add), .addition)
        case .subtract: (.arithmetic(.subtract), .addition)
        case .multiply: (.arithmetic(.multiply), .multiplication)
        case .divide: (.arithmetic(.divide), .multiplication)
        case .modulo: (.arithmetic(.modulo), .multiplication)
        case .atan2: (.arithmetic(.atan2), .multiplication)
        case .power: (.arithmetic(.power), .power)
        default: nil
        }
    }

    /// A sign binds like a multiplication: `-1^2` is `-(1^2)`.
    private mutating func operand() throws(SyntaxError) -> Expression {
        let token = try peek()
        guard token.kind == .add || token.kind == .subtract else { return try selection() }
        try take()
        let isNegation = token.kind == .subtract
        let operand = try nested { (parser) throws(SyntaxError) in
            try parser.expression(atLeast: Precedence.power.rawValue)
        }
        let range = TextRange(start: token.range.start, end: operand.range.end)
        if case .number(var literal) = operand {
            if isNegation { literal.value *= -1 }
            literal.range = range
            return .number(literal)
        }
        try grow(above: height)
        return .unary(UnaryOperation(isNegation: isNegation, expression: operand, range: range))
    }

    // MARK: - Modifiers

    /// `bool on (…) group_left (…) fill (…)`
    private mutating func modifiers(
        of operation: BinaryOperator
    ) throws(SyntaxError) -> (BinaryOperator, VectorMatching, isMisplacedBool: Bool) {
        var operation = operation
        var matching = VectorMatching()
        var isMisplacedBool = false
        if case .set = operation { matching.cardinality = .manyToMany }
        if try take(.bool) != nil {
            if case .comparison(let comparison, _) = operation {
                operation = .comparison(comparison, isBool: true)
            } else {
                isMisplacedBool = true
            }
        }
        let kind = try peek().kind
        if kind == .on || kind == .ignoring {
            try take()
            matching.isOn = kind == .on
            matching.labels = try labelNames()
            try grouping(into: &matching)
        }
        try fill(into: &matching)
        return (operation, matching, isMisplacedBool)
    }

    private mutating func grouping(into matching: inout VectorMatching) throws(SyntaxError) {
        let kind = try peek().kind
        guard kind == .groupLeft || kind == .groupRight else { return }
        try take()
        matching.cardinality = kind == .groupLeft ? .manyToOne : .oneToMany
        if try peek().kind == .leftParenthesis { matching.include = try labelNames() }
    }

    private mutating func fill(into matching: inout VectorMatching) throws(SyntaxError) {
        switch try peek().kind {
        case .fill:
            try take()
            let value = try fillValue()
            matching.fillLeft = value
            matching.fillRight = value
        case .fillLeft:
            try take()
            matching.fillLeft = try fillValue()
            if try take(.fillRight) != nil { matching.fillRight = try fillValue() }
        case .fillRight:
            try take()
            matching.fillRight = try fillValue()
            if try take(.fillLeft) != nil { matching.fillLeft = try fillValue() }
        default: break
        }
    }

    /// `(-1.5)`
    private mutating func fillValue() throws(SyntaxError) -> Double {
        guard try take(.leftParenthesis) != nil else { throw unexpected(try peek()) }
        let isNegative = try take(.subtract) != nil
        if !isNegative { _ = try take(.add) }
        guard let literal = try numberLiteral() else { throw unexpected(try peek()) }
        guard try take(.rightParenthesis) != nil else { throw unexpected(try peek()) }
        return isNegative ? literal.value * -1 : literal.value
    }

    /// `(job, "label.with.dots",)` after `by`, `on` and the like.
    mutating func labelNames() throws(SyntaxError) -> [String] {
        guard try take(.leftParenthesis) != nil else {
            throw unexpected(try peek(), in: "grouping opts", expected: "\"(\"")
        }
        if try take(.rightParenthesis) != nil { return [] }
        var names: [String] = []
        while true {
            let token = try peek()
            guard token.isLabelName || token.kind == .string else {
                throw unexpected(token, in: "grouping opts", expected: "label")
            }
            try take()
            let name = token.kind == .string ? Lexer.unquoted(token) : token.text
            guard !name.isEmpty else {
                throw SyntaxError(token, "invalid label name for grouping: \(GoText.quoted(name))")
            }
            names.append(name)
            if try take(.rightParenthesis) != nil { return names }
            guard try take(.comma) != nil else {
                throw unexpected(try peek(), in: "grouping opts", expected: "\",\" or \")\"")
            }
            if try take(.rightParenthesis) != nil { return names }
        }
    }
}
