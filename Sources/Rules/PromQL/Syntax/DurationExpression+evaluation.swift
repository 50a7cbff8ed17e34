import Glibc

extension DurationExpression {
    /// Milliseconds, where the query advances by `step` over `range`, both in milliseconds.
    ///
    /// - Parameter isOffset: an offset may be negative or zero, a range and a resolution may not.
    package func milliseconds(step: Int64, range: Int64, isOffset: Bool = false) throws(QueryError) -> Int64 {
        if case .literal(let milliseconds, _) = self { return milliseconds }
        let seconds = try seconds(step: Double(step) / 1000, range: Double(range) / 1000)
        guard seconds.isFinite else { throw .execution("duration is NaN or infinite") }
        if seconds <= 0, !isOffset { throw .execution("duration must be greater than 0") }
        guard abs(seconds) <= 0x1p63 / 1e9 else { throw .execution("duration is out of range") }
        return Int64(seconds * 1000)
    }

    private func seconds(step: Double, range: Double) throws(QueryError) -> Double {
        func value(_ expression: DurationExpression) throws(QueryError) -> Double {
            try expression.seconds(step: step, range: range)
        }
        switch self {
        case .literal(let milliseconds, _): return Double(milliseconds) / 1000
        case .number(let seconds): return seconds
        case .step: return step
        case .range: return range
        case .negated(let inner): return -(try value(inner))
        case .parenthesized(let inner): return try value(inner)
        case .minOf(let first, let second): return DurationExpression.lower(try value(first), try value(second))
        case .maxOf(let first, let second): return -DurationExpression.lower(-(try value(first)), -(try value(second)))
        case .binary(let operation, let first, let second):
            let left = try value(first)
            let right = try value(second)
            switch operation {
            case .add: return left + right
            case .subtract: return left - right
            case .multiply: return left * right
            case .divide:
                if right == 0 { throw .execution("division by zero") }
                return left / right
            case .modulo:
                if right == 0 { throw .execution("modulo by zero") }
                return fmod(left, right)
            case .power: return pow(left, right)
            // The parser makes none.
            case .atan2: return atan2(left, right)
            }
        }
    }

    /// As Go's `math.Min`: NaN where either is one.
    private static func lower(_ a: Double, _ b: Double) -> Double {
        a.isNaN || b.isNaN ? .nan : Swift.min(a, b)
    }
}
