import Glibc

extension ArithmeticOperator {
    @inline(__always)
    func apply(_ left: Double, _ right: Double) -> Double {
        switch self {
        case .add: left + right
        case .subtract: left - right
        case .multiply: left * right
        case .divide: left / right
        case .modulo: fmod(left, right)
        case .power: pow(left, right)
        case .atan2: Glibc.atan2(left, right)
        }
    }
}

extension ComparisonOperator {
    @inline(__always)
    func holds(_ left: Double, _ right: Double) -> Bool {
        switch self {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        }
    }
}

/// What a binary operator makes of two numbers.
enum SampleOperator {
    case arithmetic(ArithmeticOperator)
    /// Keeps the left value where it holds.
    case filter(ComparisonOperator)
    /// 1 or 0.
    case truth(ComparisonOperator)
    /// Of histograms only: never a result.
    case trim(String)

    init?(_ operation: BinaryOperator) {
        switch operation {
        case .arithmetic(let operation): self = .arithmetic(operation)
        case .comparison(let operation, let isBool): self = isBool ? .truth(operation) : .filter(operation)
        case .set: return nil
        case .trimUpper: self = .trim("</")
        case .trimLower: self = .trim(">/")
        }
    }

    /// `.absent` where a filter lets nothing through.
    @inline(__always)
    func apply(_ left: Double, _ right: Double) -> Double {
        switch self {
        case .arithmetic(let operation): operation.apply(left, right)
        case .filter(let operation): operation.holds(left, right) ? left : .absent
        case .truth(let operation): operation.holds(left, right) ? 1 : 0
        case .trim: .absent
        }
    }

    /// Whether the result is another quantity, which the name does not fit.
    var changesMeaning: Bool {
        switch self {
        case .arithmetic, .trim: true
        case .filter, .truth: false
        }
    }

    var isTruth: Bool {
        if case .truth = self { true } else { false }
    }

    /// As it is written.
    var symbol: String {
        switch self {
        case .arithmetic(let operation): operation.rawValue
        case .filter(let operation), .truth(let operation): operation.rawValue
        case .trim(let symbol): symbol
        }
    }

    var isTrim: Bool {
        if case .trim = self { true } else { false }
    }

    func remarkOnFloats(at range: TextRange, _ evaluation: Evaluation) {
        guard isTrim else { return }
        OperatorRemark.incompatibleTypes(symbol, left: "float", right: "float").add(to: evaluation, at: range)
    }
}
