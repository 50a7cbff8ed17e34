import Telemetry

/// What a rule has to know of the shape of its expression.
enum ExpressionParts {
    /// The expression without the comparison that decides: `a / b > 0.9` gives `a / b`. Nil where nothing is compared.
    static func withoutComparison(_ expression: Expression) -> Expression? {
        switch expression {
        case .parenthesized(let inner, _): return withoutComparison(inner)
        case .binary(let binary):
            switch binary.operation {
            case .comparison(_, isBool: false): return isScalar(binary.left) ? binary.right : binary.left
            case .set(.and), .set(.unless):
                // The left side's samples are what comes out.
                return withoutComparison(binary.left) ?? binary.left
            case .set(.or):
                let left = withoutComparison(binary.left)
                let right = withoutComparison(binary.right)
                guard left != nil || right != nil else { return nil }
                var either = binary
                either.left = left ?? binary.left
                either.right = right ?? binary.right
                return .binary(either)
            default: return nil
            }
        default: return nil
        }
    }

    /// Whether the expression always gives a sample where its data is there: nothing in it filters.
    static func isTotal(_ expression: Expression) -> Bool {
        switch expression {
        case .binary(let binary):
            switch binary.operation {
            case .comparison(_, isBool: false), .set(.and), .set(.unless), .trimUpper, .trimLower: return false
            default: break
            }
        case .call(let call):
            if ["absent", "absent_over_time", "scalar", "vector", "info"].contains(call.function) { return false }
        case .aggregation(let aggregation):
            switch aggregation.operation {
            case .topk, .bottomk, .limitk, .limitRatio, .countValues: return false
            default: break
            }
        default: break
        }
        return children(expression).allSatisfy(isTotal)
    }

    /// The vector selectors of an expression, those whose absence is asked for left out.
    static func selectors(_ expression: Expression) -> [VectorSelector] {
        switch expression {
        case .vectorSelector(let selector): return [selector]
        case .matrixSelector(let matrix): return [matrix.selector]
        case .call(let call) where call.function == "absent" || call.function == "absent_over_time": return []
        default: return children(expression).flatMap(selectors)
        }
    }

    /// Calls `body` with the expression and all that is in it, from outside to inside.
    static func visit(_ expression: Expression, _ body: (Expression) -> Void) {
        body(expression)
        for child in children(expression) { visit(child, body) }
    }

    static func children(_ expression: Expression) -> [Expression] {
        switch expression {
        case .number, .string, .vectorSelector: return []
        case .matrixSelector(let matrix): return [.vectorSelector(matrix.selector)]
        case .subquery(let subquery): return [subquery.expression]
        case .call(let call): return call.arguments
        case .aggregation(let aggregation):
            return (aggregation.parameter.map { [$0] } ?? []) + [aggregation.expression]
        case .unary(let unary): return [unary.expression]
        case .binary(let binary): return [binary.left, binary.right]
        case .parenthesized(let inner, _): return [inner]
        }
    }

    /// Whether it is a number rather than series.
    static func isScalar(_ expression: Expression) -> Bool {
        switch expression {
        case .number: return true
        case .call(let call): return ["scalar", "time", "pi", "start", "end", "step", "range"].contains(call.function)
        case .parenthesized(let inner, _): return isScalar(inner)
        case .unary(let unary): return isScalar(unary.expression)
        case .binary(let binary): return isScalar(binary.left) && isScalar(binary.right)
        default: return false
        }
    }
}
