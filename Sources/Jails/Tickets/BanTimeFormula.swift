import Glibc

/// `bantime.formula` and `bantime.factor`: what people write there of Python's expressions.
///
/// `+ - * / // % ** << >>`, parentheses, comparisons, `and or not`, `a if c else b`; `ban.Time`, `ban.Count`, `banFactor`; `min max round
/// int float abs`, `math.exp log log2 log10 pow sqrt floor ceil e pi`, `random.random uniform randint`. Whole numbers stay whole
/// until they do not fit in 64 bits.
struct BanTimeFormula: Sendable, Equatable {
    enum Value: Equatable {
        case int(Int)
        case float(Double)

        var double: Double {
            switch self {
            case .int(let value): Double(value)
            case .float(let value): value
            }
        }

        var isTrue: Bool { double != 0 }

        init(_ value: Bool) { self = .int(value ? 1 : 0) }
    }

    /// What the names in it stand for.
    struct Variables {
        var time = 0.0
        var count = 0
        var factor = 1.0
        /// 0..<1
        var random: () -> Double = { 0 }
    }

    indirect enum Node: Equatable, Sendable {
        case constant(Double, isInt: Bool)
        case name(Name)
        case unary(Operator, Node)
        case binary(Operator, Node, Node)
        /// `a < b <= c`
        case comparison(Node, [Comparison])
        case condition(Node, then: Node, otherwise: Node)
        case call(Function, [Node])
    }

    struct Comparison: Equatable, Sendable {
        let operation: Operator
        let right: Node
    }

    enum Name: String {
        case time = "ban.Time"
        case count = "ban.Count"
        case factor = "banFactor"
        case e = "math.e"
        case pi = "math.pi"
        case yes = "True"
        case no = "False"
    }

    enum Operator: String {
        case power = "**"
        case floorDivide = "//"
        case shiftLeft = "<<"
        case shiftRight = ">>"
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case equal = "=="
        case unequal = "!="
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case modulo = "%"
        case less = "<"
        case greater = ">"
        case and, or, not
    }

    enum Function: String {
        case min, max, round, int, float, abs
        case exp = "math.exp"
        case log = "math.log"
        case log2 = "math.log2"
        case log10 = "math.log10"
        case pow = "math.pow"
        case sqrt = "math.sqrt"
        case floor = "math.floor"
        case ceil = "math.ceil"
        case random = "random.random"
        case uniform = "random.uniform"
        case randint = "random.randint"

        var counts: ClosedRange<Int> {
            switch self {
            case .min, .max: 2...16
            case .random: 0...0
            case .pow, .uniform, .randint: 2...2
            case .log, .round: 1...2
            default: 1...1
            }
        }
    }

    let root: Node

    init(_ text: String) throws(FormulaError) {
        var parser = BanTimeFormulaParser(text)
        root = try parser.parse()
    }

    func value(_ variables: Variables) throws(FormulaError) -> Value { try Self.value(root, variables) }

    private static func value(_ node: Node, _ variables: Variables) throws(FormulaError) -> Value {
        switch node {
        case .constant(let value, let isInt): return isInt ? whole(value) : .float(value)
        case .name(let name):
            switch name {
            case .time: return whole(variables.time)
            case .count: return .int(variables.count)
            case .factor: return whole(variables.factor)
            case .e: return .float(M_E)
            case .pi: return .float(.pi)
            case .yes: return .int(1)
            case .no: return .int(0)
            }
        case .unary(let operation, let operand):
            let value = try value(operand, variables)
            if operation == .not { return Value(!value.isTrue) }
            guard operation == .subtract else { return value }
            if case .int(let number) = value, number != .min { return .int(-number) }
            return .float(-value.double)
        case .binary(let operation, let left, let right):
            let first = try value(left, variables)
            if operation == .and { return first.isTrue ? try value(right, variables) : first }
            if operation == .or { return first.isTrue ? first : try value(right, variables) }
            return try combined(operation, first, try value(right, variables))
        case .comparison(let left, let comparisons):
            var first = try value(left, variables)
            for comparison in comparisons {
                let second = try value(comparison.right, variables)
                guard holds(comparison.operation, first.double, second.double) else { return .int(0) }
                first = second
            }
            return .int(1)
        case .condition(let condition, let then, let otherwise):
            return try value(try value(condition, variables).isTrue ? then : otherwise, variables)
        case .call(let function, let arguments):
            var values: [Value] = []
            for argument in arguments { values.append(try value(argument, variables)) }
            return try called(function, values, variables)
        }
    }

    private static func whole(_ value: Double) -> Value { Int(exactly: value).map { .int($0) } ?? .float(value) }

    private static func holds(_ operation: Operator, _ left: Double, _ right: Double) -> Bool {
        switch operation {
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        case .unequal: left != right
        default: left == right
        }
    }

    private static func combined(_ operation: Operator, _ left: Value, _ right: Value) throws(FormulaError) -> Value {
        if case .int(let a) = left, case .int(let b) = right, let value = try combined(operation, a, b) { return value }
        let (a, b) = (left.double, right.double)
        switch operation {
        case .add: return .float(a + b)
        case .subtract: return .float(a - b)
        case .multiply: return .float(a * b)
        case .divide:
            guard b != 0 else { throw FormulaError("a division by 0") }
            return .float(a / b)
        case .floorDivide, .modulo:
            guard b != 0 else { throw FormulaError("a division by 0") }
            return .float(operation == .modulo ? a - (a / b).rounded(.down) * b : (a / b).rounded(.down))
        case .power: return try finite(Glibc.pow(a, b), "a power that is no number")
        default: throw FormulaError("\(operation.rawValue) takes whole numbers of 64 bits, not \(a) and \(b)")
        }
    }

    /// Nil where the result does not fit, or is not whole.
    private static func combined(_ operation: Operator, _ a: Int, _ b: Int) throws(FormulaError) -> Value? {
        func checked(_ result: (partialValue: Int, overflow: Bool)) -> Value? {
            result.overflow ? nil : .int(result.partialValue)
        }
        switch operation {
        case .add: return checked(a.addingReportingOverflow(b))
        case .subtract: return checked(a.subtractingReportingOverflow(b))
        case .multiply: return checked(a.multipliedReportingOverflow(by: b))
        case .floorDivide, .modulo:
            guard b != 0, !(a == .min && b == -1) else { return nil }
            let rest = a % b
            let isBelow = rest != 0 && (rest < 0) != (b < 0)
            return .int(operation == .modulo ? (isBelow ? rest + b : rest) : a / b - (isBelow ? 1 : 0))
        case .shiftLeft, .shiftRight:
            guard b >= 0 else { throw FormulaError("a shift by \(b)") }
            if operation == .shiftRight { return .int(a >> Swift.min(b, 63)) }
            guard b < 1024 else { throw FormulaError("a shift by \(b)") }
            return b < 63 && a.magnitude < UInt(1) << UInt(63 - b) ? .int(a << b) : .float(scalbn(Double(a), Int32(b)))
        case .power: return b < 0 ? nil : Int(exactly: Glibc.pow(Double(a), Double(b))).map { .int($0) }
        default: return nil
        }
    }

    private static func finite(_ value: Double, _ what: String) throws(FormulaError) -> Value {
        guard value.isFinite else { throw FormulaError(what) }
        return .float(value)
    }

    private static func called(
        _ function: Function, _ values: [Value], _ variables: Variables
    ) throws(FormulaError) -> Value {
        let first = values.first?.double ?? 0
        let second = values.count > 1 ? values[1].double : 0
        switch function {
        case .min, .max:
            var best = values[0]
            for value in values.dropFirst()
            where function == .min ? value.double < best.double : value.double > best.double { best = value }
            return best
        case .round:
            guard values.count > 1 else { return whole(first.rounded(.toNearestOrEven)) }
            let scale = Glibc.pow(10, second)
            return try finite((first * scale).rounded(.toNearestOrEven) / scale, "round of too large a number")
        case .int: return whole(first.rounded(.towardZero))
        case .floor: return whole(first.rounded(.down))
        case .ceil: return whole(first.rounded(.up))
        case .float: return .float(first)
        case .abs: return first < 0 ? whole(-first) : values[0]
        case .exp: return try finite(Glibc.exp(first), "math.exp of too large a number")
        case .pow: return try finite(Glibc.pow(first, second), "math.pow of numbers out of its range")
        case .sqrt: return try finite(first.squareRoot(), "math.sqrt of a number below 0")
        case .log:
            let divisor = values.count > 1 ? Glibc.log(second) : 1
            return try finite(Glibc.log(first) / divisor, "math.log of a number that is not above 0")
        case .log2: return try finite(Glibc.log2(first), "math.log2 of a number that is not above 0")
        case .log10: return try finite(Glibc.log10(first), "math.log10 of a number that is not above 0")
        case .random: return .float(variables.random())
        case .uniform: return .float(first + (second - first) * variables.random())
        case .randint:
            guard second >= first else { throw FormulaError("an empty range of random.randint") }
            return whole(Swift.min(first + (variables.random() * (second - first + 1)).rounded(.down), second))
        }
    }
}

/// Why a formula cannot be used: what was expected, what was found.
struct FormulaError: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
