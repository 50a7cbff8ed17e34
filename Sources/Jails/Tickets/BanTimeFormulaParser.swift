/// Reads a formula, from what binds loosest to what binds tightest, as Python's grammar has it.
struct BanTimeFormulaParser {
    typealias Node = BanTimeFormula.Node
    typealias Operator = BanTimeFormula.Operator

    private enum Token: Equatable {
        case number(Double, isInt: Bool)
        case word(String)
        case sign(String)
        case end
    }

    private var tokens: [Token] = []
    private var position = 0
    private var depth = 0
    private let text: String

    private static let deepest = 40
    private static let longest = 1000
    /// Longer signs come first.
    private static let signs = [
        "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "+", "-", "*", "/", "%", "<", ">", "(", ")", ",",
    ].map { Array($0.utf8) }

    init(_ text: String) { self.text = text }

    mutating func parse() throws(FormulaError) -> Node {
        guard text.utf8.count <= Self.longest else {
            throw FormulaError("expected at most \(Self.longest) bytes, found \(text.utf8.count)")
        }
        try scan()
        let node = try condition()
        guard next == .end else { throw expected("an operator") }
        return node
    }

    private var next: Token { tokens[position] }

    private mutating func take(_ sign: String) -> Bool {
        guard next == .sign(sign) || next == .word(sign) else { return false }
        position += 1
        return true
    }

    private mutating func operation(_ allowed: [Operator]) -> Operator? {
        allowed.first { take($0.rawValue) }
    }

    private mutating func condition() throws(FormulaError) -> Node {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.deepest else {
            throw FormulaError("expected at most \(Self.deepest) parentheses in one another")
        }
        let value = try either()
        guard take("if") else { return value }
        let test = try either()
        guard take("else") else { throw expected("\"else\"") }
        return .condition(test, then: value, otherwise: try condition())
    }

    private mutating func either() throws(FormulaError) -> Node {
        var node = try both()
        while take("or") { node = .binary(.or, node, try both()) }
        return node
    }

    private mutating func both() throws(FormulaError) -> Node {
        var node = try negation()
        while take("and") { node = .binary(.and, node, try negation()) }
        return node
    }

    private mutating func negation() throws(FormulaError) -> Node {
        var isNegated = false
        var isThere = false
        while take("not") {
            isThere = true
            isNegated.toggle()
        }
        let node = try comparison()
        guard isThere else { return node }
        return isNegated ? .unary(.not, node) : .unary(.not, .unary(.not, node))
    }

    private mutating func comparison() throws(FormulaError) -> Node {
        let left = try shift()
        var comparisons: [BanTimeFormula.Comparison] = []
        while let operation = operation([.lessOrEqual, .greaterOrEqual, .equal, .unequal, .less, .greater]) {
            comparisons.append(.init(operation: operation, right: try shift()))
        }
        return comparisons.isEmpty ? left : .comparison(left, comparisons)
    }

    private mutating func shift() throws(FormulaError) -> Node {
        var node = try sum()
        while let operation = operation([.shiftLeft, .shiftRight]) { node = .binary(operation, node, try sum()) }
        return node
    }

    private mutating func sum() throws(FormulaError) -> Node {
        var node = try product()
        while let operation = operation([.add, .subtract]) { node = .binary(operation, node, try product()) }
        return node
    }

    private mutating func product() throws(FormulaError) -> Node {
        var node = try signed()
        while let operation = operation([.multiply, .floorDivide, .divide, .modulo]) {
            node = .binary(operation, node, try signed())
        }
        return node
    }

    private mutating func signed() throws(FormulaError) -> Node {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.deepest else { throw FormulaError("expected fewer signs in one another") }
        if take("-") { return .unary(.subtract, try signed()) }
        if take("+") { return .unary(.add, try signed()) }
        let base = try atom()
        return take("**") ? .binary(.power, base, try signed()) : base
    }

    private mutating func atom() throws(FormulaError) -> Node {
        switch next {
        case .number(let value, let isInt):
            position += 1
            return .constant(value, isInt: isInt)
        case .sign("("):
            position += 1
            let node = try condition()
            guard take(")") else { throw expected("\")\"") }
            return node
        case .word(let word):
            if let name = BanTimeFormula.Name(rawValue: word) {
                position += 1
                return .name(name)
            }
            guard let function = BanTimeFormula.Function(rawValue: word) else {
                throw expected("a number, ban.Time, ban.Count, banFactor or a function such as math.exp")
            }
            position += 1
            return .call(function, try arguments(function))
        default: throw expected("a number, a name or \"(\"")
        }
    }

    private mutating func arguments(_ function: BanTimeFormula.Function) throws(FormulaError) -> [Node] {
        guard take("(") else { throw expected("\"(\" after \(function.rawValue)") }
        var arguments: [Node] = []
        if !take(")") {
            repeat { arguments.append(try condition()) } while take(",")
            guard take(")") else { throw expected("\",\" or \")\"") }
        }
        guard function.counts.contains(arguments.count) else {
            let counts = function.counts
            let wanted = counts.count == 1 ? "\(counts.lowerBound)" : "\(counts.lowerBound) to \(counts.upperBound)"
            throw FormulaError("expected \(wanted) arguments of \(function.rawValue), found \(arguments.count)")
        }
        return arguments
    }

    private func expected(_ what: String) -> FormulaError {
        let found =
            switch next {
            case .number(let value, _): "\"\(value)\""
            case .word(let word), .sign(let word): "\"\(word)\""
            case .end: "the end"
            }
        return FormulaError("expected \(what), found \(found)")
    }

    private mutating func scan() throws(FormulaError) {
        let bytes = [UInt8](text)
        var index = 0
        while index < bytes.count {
            let start = index
            if ASCII.isSpace(bytes[index]) {
                index += 1
            } else if ASCII.isDigit(bytes[index]) || bytes[index] == 0x2e {
                while index < bytes.count, Self.isOfNumber(bytes, index, from: start) { index += 1 }
                let digits = String(bytes[start..<index]).replacing(each: "_", by: "")
                guard let value = Double(digits) else {
                    throw FormulaError("expected a number, found \"\(String(bytes[start..<index]))\"")
                }
                tokens.append(.number(value, isInt: digits.utf8.allSatisfy(ASCII.isDigit)))
            } else if ASCII.isWord(bytes[index]) {
                while index < bytes.count, ASCII.isWord(bytes[index]) || bytes[index] == 0x2e { index += 1 }
                tokens.append(.word(String(bytes[start..<index])))
            } else if let sign = Self.signs.first(where: { bytes[index...].starts(with: $0) }) {
                index += sign.count
                tokens.append(.sign(String(sign)))
            } else {
                let found = String(decoding: bytes[index...].prefix(10), as: UTF8.self)
                throw FormulaError("expected a number, a name or an operator, found \"\(found)\"")
            }
        }
        tokens.append(.end)
    }

    /// Digits, one dot, an exponent with its sign.
    private static func isOfNumber(_ bytes: [UInt8], _ index: Int, from start: Int) -> Bool {
        let byte = bytes[index]
        if ASCII.isWord(byte) || byte == 0x2e { return true }
        return (byte == 0x2b || byte == 0x2d) && index > start && bytes[index - 1] | 0x20 == 0x65
    }
}
