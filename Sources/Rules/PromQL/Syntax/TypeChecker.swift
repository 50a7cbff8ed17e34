import Telemetry

/// Checks that the parts of an expression fit together, in the order in which Prometheus's `checkAST` does, so that the first
/// error is the same.
struct TypeChecker {
    let text: [UInt8]
    let misplacedBools: Set<TextRange>

    /// Also takes the matching away from operations that do not match series.
    mutating func check(_ expression: inout Expression) throws(SyntaxError) -> ValueType {
        switch expression {
        case .number, .string: break
        case .vectorSelector(let selector): try check(selector)
        case .matrixSelector(let matrix): try check(matrix.selector)
        case .subquery(var subquery):
            let type = try check(&subquery.expression)
            guard type == .vector else {
                throw failure(
                    subquery.range, "subquery is only allowed on instant vector, got \(type.shortName) instead")
            }
            expression = .subquery(subquery)
        case .parenthesized(var inner, let range):
            let type = try check(&inner)
            expression = .parenthesized(inner, range)
            return type
        case .unary(var operation):
            let type = try check(&operation.expression)
            guard type == .scalar || type == .vector else {
                throw failure(
                    operation.range,
                    "unary expression only allowed on expressions of type scalar or instant vector, got "
                        + GoText.quoted(type.rawValue))
            }
            expression = .unary(operation)
            return type
        case .aggregation(var aggregation):
            try check(&aggregation)
            expression = .aggregation(aggregation)
        case .call(var call):
            try check(&call)
            expression = .call(call)
        case .binary(var operation):
            let type = try check(&operation)
            expression = .binary(operation)
            return type
        }
        return expression.valueType
    }

    private func failure(_ range: TextRange, _ message: String) -> SyntaxError {
        SyntaxError(start: range.start, message: message)
    }

    private mutating func expect(
        _ expected: ValueType, _ expression: inout Expression, in context: String
    ) throws(SyntaxError) {
        let type = try check(&expression)
        guard type == expected else {
            throw failure(
                expression.range, "expected type \(expected.rawValue) in \(context), got \(type.rawValue)")
        }
    }

    private func check(_ selector: VectorSelector) throws(SyntaxError) {
        if let name = selector.name {
            for matcher in selector.matchers.dropLast() where matcher.name == "__name__" {
                throw failure(
                    selector.range,
                    "metric name must not be set twice: \(GoText.quoted(name)) or \(GoText.quoted(matcher.value))")
            }
        } else if selector.matchers.allSatisfy({ $0.matches("") }) {
            throw failure(selector.range, "vector selector must contain at least one non-empty matcher")
        }
    }

    private mutating func check(_ aggregation: inout Aggregation) throws(SyntaxError) {
        try expect(.vector, &aggregation.expression, in: "aggregation expression")
        guard var parameter = aggregation.parameter else { return }
        let type: ValueType = aggregation.operation == .countValues ? .string : .scalar
        try expect(type, &parameter, in: "aggregation parameter")
        aggregation.parameter = parameter
    }

    // MARK: - Calls

    private mutating func check(_ call: inout Call) throws(SyntaxError) {
        // The parser looked it up already.
        guard let signature = FunctionSignature.named(call.function) else { return }
        try checkCount(call, signature)
        let isInfo = call.function == "info" && call.arguments.count > 1
        if isInfo { try checkInfoSelector(call) }
        for index in call.arguments.indices {
            // Of `info` matchers are selected by, not series: they may be empty.
            if isInfo, index == 1 { continue }
            let expected = signature.arguments[min(index, signature.arguments.count - 1)]
            try expect(expected, &call.arguments[index], in: "call to function \(GoText.quoted(call.function))")
        }
    }

    private func checkCount(_ call: Call, _ signature: FunctionSignature) throws(SyntaxError) {
        let count = call.arguments.count
        let name = GoText.quoted(call.function)
        if signature.variadic == 0 {
            let expected = signature.arguments.count
            guard count == expected else {
                throw failure(call.range, "expected \(expected) argument(s) in call to \(name), got \(count)")
            }
            return
        }
        let least = signature.arguments.count - 1
        guard count >= least else {
            throw failure(call.range, "expected at least \(least) argument(s) in call to \(name), got \(count)")
        }
        let most = least + signature.variadic
        if signature.variadic > 0, count > most {
            throw failure(call.range, "expected at most \(most) argument(s) in call to \(name), got \(count)")
        }
    }

    private func checkInfoSelector(_ call: Call) throws(SyntaxError) {
        let selector = call.arguments[1]
        guard selector.valueType == .vector else {
            throw failure(
                call.range,
                "expected type instant vector in call to function \"info\", got \(selector.valueType.rawValue)")
        }
        guard case .vectorSelector(let matchers) = selector else {
            throw failure(selector.range, "expected label selectors only")
        }
        if matchers.name != nil {
            throw failure(selector.range, "expected label selectors only, got vector selector instead")
        }
    }

    // MARK: - Operations

    private mutating func check(_ operation: inout BinaryOperation) throws(SyntaxError) -> ValueType {
        let left = try check(&operation.left)
        let right = try check(&operation.right)
        let matching = operation.matching ?? VectorMatching()
        try checkModifiers(operation, matching, areScalars: left == .scalar && right == .scalar)
        for (type, side) in [(left, operation.left), (right, operation.right)]
        where type != .scalar && type != .vector {
            throw failure(side.range, "binary expression must contain only scalar and instant vector types")
        }
        let symbol = GoText.quoted(operation.operation.symbol)
        let isSet = if case .set = operation.operation { true } else { false }
        if left != .vector || right != .vector {
            if !matching.labels.isEmpty {
                throw failure(operation.range, "vector matching only allowed between instant vectors")
            }
            if matching.fillLeft != nil || matching.fillRight != nil {
                throw failure(operation.range, "filling in missing series only allowed between instant vectors")
            }
            operation.matching = nil
            if isSet {
                throw failure(operation.range, "set operator \(symbol) not allowed in binary scalar expression")
            }
            return left == .scalar && right == .scalar ? .scalar : .vector
        }
        if isSet {
            if matching.cardinality != .manyToMany {
                throw failure(operation.range, "no grouping allowed for \(symbol) operation")
            }
            if matching.fillLeft != nil || matching.fillRight != nil {
                throw failure(operation.range, "filling in missing series not allowed for set operators")
            }
        }
        return .vector
    }

    private func checkModifiers(
        _ operation: BinaryOperation, _ matching: VectorMatching, areScalars: Bool
    ) throws(SyntaxError) {
        if misplacedBools.contains(operation.range) {
            throw failureAtOperator(operation, "bool modifier can only be used on comparison operators")
        }
        if case .comparison(_, isBool: false) = operation.operation, areScalars {
            throw failureAtOperator(operation, "comparisons between scalars must use BOOL modifier")
        }
        guard matching.isOn else { return }
        for label in matching.labels where matching.include.contains(label) {
            throw failureAtOperator(
                operation, "label \(GoText.quoted(label)) must not occur in ON and GROUP clause at once")
        }
    }

    private func failureAtOperator(_ operation: BinaryOperation, _ message: String) -> SyntaxError {
        var start = operation.left.range.end
        while start < text.count, Lexer.isSpace(text[start]) { start += 1 }
        return SyntaxError(start: start, message: message)
    }
}
