extension Expression {
    package var valueType: ValueType {
        switch self {
        case .number: return .scalar
        case .string: return .string
        case .vectorSelector, .aggregation: return .vector
        case .matrixSelector, .subquery: return .matrix
        // The parser lets no unknown function through.
        case .call(let call): return FunctionSignature.named(call.function)?.result ?? .vector
        case .unary(let operation): return operation.expression.valueType
        case .parenthesized(let inner, _): return inner.valueType
        case .binary(let operation):
            return operation.left.valueType == .scalar && operation.right.valueType == .scalar ? .scalar : .vector
        }
    }

    /// Where it stands in the text.
    package var range: TextRange {
        switch self {
        case .number(let literal): literal.range
        case .string(let literal): literal.range
        case .vectorSelector(let selector): selector.range
        case .matrixSelector(let selector): selector.range
        case .subquery(let subquery): subquery.range
        case .call(let call): call.range
        case .aggregation(let aggregation): aggregation.range
        case .unary(let operation): operation.range
        case .binary(let operation): operation.range
        case .parenthesized(_, let range): range
        }
    }
}

extension ValueType {
    /// As in the API's `resultType`.
    package var shortName: String {
        switch self {
        case .scalar: "scalar"
        case .string: "string"
        case .vector: "vector"
        case .matrix: "matrix"
        }
    }
}

extension BinaryOperator {
    /// As it is written, without `bool`.
    package var symbol: String {
        switch self {
        case .arithmetic(let operation): operation.rawValue
        case .comparison(let operation, _): operation.rawValue
        case .set(let operation): operation.rawValue
        case .trimUpper: "</"
        case .trimLower: ">/"
        }
    }
}
