import Glibc

/// A function of one number, applied to every sample.
enum MathFunction: String, CaseIterable {
    case abs, ceil, floor, exp, sqrt, ln, log2, log10, sgn, deg, rad
    case sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh
}

/// `abs(v)`, `ln(v)`, …
final class MathNode: PlanNode {
    private let function: MathFunction
    private let node: PlanNode

    init(_ function: MathFunction, _ node: PlanNode) {
        self.function = function
        self.node = node
        super.init(isInvariant: node.isInvariant, isConstant: node.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var frame = try node.evaluateFloats(grid, evaluation)
        frame.shape = frame.shape.removingNames
        switch function {
        case .abs: frame.map { $0.magnitude }
        case .ceil: frame.map { $0.rounded(.up) }
        case .floor: frame.map { $0.rounded(.down) }
        case .exp: frame.map { Glibc.exp($0) }
        case .sqrt: frame.map { $0.squareRoot() }
        case .ln: frame.map { Glibc.log($0) }
        case .log2: frame.map { Glibc.log2($0) }
        case .log10: frame.map { Glibc.log10($0) }
        case .sgn: frame.map { $0 < 0 ? -1 : $0 > 0 ? 1 : $0 }
        case .deg: frame.map { $0 * 180 / Double.pi }
        case .rad: frame.map { $0 * Double.pi / 180 }
        case .sin: frame.map { Glibc.sin($0) }
        case .cos: frame.map { Glibc.cos($0) }
        case .tan: frame.map { Glibc.tan($0) }
        case .asin: frame.map { Glibc.asin($0) }
        case .acos: frame.map { Glibc.acos($0) }
        case .atan: frame.map { Glibc.atan($0) }
        case .sinh: frame.map { Glibc.sinh($0) }
        case .cosh: frame.map { Glibc.cosh($0) }
        case .tanh: frame.map { Glibc.tanh($0) }
        case .asinh: frame.map { Glibc.asinh($0) }
        case .acosh: frame.map { Glibc.acosh($0) }
        case .atanh: frame.map { Glibc.atanh($0) }
        }
        return frame
    }
}

extension Frame {
    /// Puts another number in the place of each that is there.
    @inline(__always)
    mutating func map(_ transform: (Double) -> Double) {
        for index in values.indices {
            let value = values[index]
            if !value.isAbsent { values[index] = transform(value) }
        }
    }

    /// As `map`, with the number of the step.
    @inline(__always)
    mutating func mapSteps(_ transform: (Double, Int) -> Double) {
        var index = 0
        for _ in 0..<shape.count {
            for step in 0..<steps {
                let value = values[index]
                if !value.isAbsent { values[index] = transform(value, step) }
                index += 1
            }
        }
    }
}

/// Minimum and maximum as Go has them: NaN wins over all but the infinity that cannot be passed.
enum GoMath {
    @inline(__always)
    static func max(_ a: Double, _ b: Double) -> Double {
        if a == .infinity || b == .infinity { return .infinity }
        if a.isNaN || b.isNaN { return .nan }
        if a == 0, b == 0 { return a.sign == .minus ? b : a }
        return a > b ? a : b
    }

    @inline(__always)
    static func min(_ a: Double, _ b: Double) -> Double {
        if a == -.infinity || b == -.infinity { return -.infinity }
        if a.isNaN || b.isNaN { return .nan }
        if a == 0, b == 0 { return a.sign == .minus ? a : b }
        return a < b ? a : b
    }
}
