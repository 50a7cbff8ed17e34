/// Functions whose result depends on the time of evaluation even where `@` fixes their arguments
/// (Prometheus `promql.AtModifierUnsafeFunctions`).
private let timeDependentFunctions: Set<String> = [
    "days_in_month", "day_of_month", "day_of_week", "day_of_year", "end", "hour", "minute", "month", "year",
    "predict_linear", "range", "start", "step", "time", "timestamp",
]

extension Expression {
    /// With every selector and subquery fixed to `time`, so that it has the same result whenever it is evaluated; nil where
    /// functions stand in it that depend on the time nevertheless.
    func pinned(to time: Int64) -> Expression? {
        switch self {
        case .number, .string: return self
        case .vectorSelector(let selector): return .vectorSelector(selector.pinned(to: time))
        case .matrixSelector(var matrix):
            matrix.selector = matrix.selector.pinned(to: time)
            return .matrixSelector(matrix)
        case .subquery(var subquery):
            // What stands inside is evaluated at the subquery's own steps, which are fixed now.
            subquery.expression = subquery.expression.withoutQueryTimes(time)
            if case .time = subquery.at { return .subquery(subquery) }
            subquery.at = .time(time)
            return .subquery(subquery)
        case .call(var call):
            guard !timeDependentFunctions.contains(call.function) else { return nil }
            for index in call.arguments.indices {
                guard let argument = call.arguments[index].pinned(to: time) else { return nil }
                call.arguments[index] = argument
            }
            return .call(call)
        case .aggregation(var aggregation):
            guard let inner = aggregation.expression.pinned(to: time) else { return nil }
            aggregation.expression = inner
            if let parameter = aggregation.parameter {
                guard let parameter = parameter.pinned(to: time) else { return nil }
                aggregation.parameter = parameter
            }
            return .aggregation(aggregation)
        case .unary(var operation):
            guard let inner = operation.expression.pinned(to: time) else { return nil }
            operation.expression = inner
            return .unary(operation)
        case .binary(var operation):
            guard let left = operation.left.pinned(to: time), let right = operation.right.pinned(to: time) else {
                return nil
            }
            operation.left = left
            operation.right = right
            return .binary(operation)
        case .parenthesized(let inner, let range):
            guard let inner = inner.pinned(to: time) else { return nil }
            return .parenthesized(inner, range)
        }
    }
}

extension Expression {
    /// With `@ start()` and `@ end()` as the time that they are in an instant query at `time`.
    fileprivate func withoutQueryTimes(_ time: Int64) -> Expression {
        func fixed(_ at: AtModifier?) -> AtModifier? { at == .start || at == .end ? .time(time) : at }
        switch self {
        case .number, .string: return self
        case .vectorSelector(var selector):
            selector.at = fixed(selector.at)
            return .vectorSelector(selector)
        case .matrixSelector(var matrix):
            matrix.selector.at = fixed(matrix.selector.at)
            return .matrixSelector(matrix)
        case .subquery(var subquery):
            subquery.at = fixed(subquery.at)
            subquery.expression = subquery.expression.withoutQueryTimes(time)
            return .subquery(subquery)
        case .call(var call):
            call.arguments = call.arguments.map { $0.withoutQueryTimes(time) }
            return .call(call)
        case .aggregation(var aggregation):
            aggregation.expression = aggregation.expression.withoutQueryTimes(time)
            aggregation.parameter = aggregation.parameter?.withoutQueryTimes(time)
            return .aggregation(aggregation)
        case .unary(var operation):
            operation.expression = operation.expression.withoutQueryTimes(time)
            return .unary(operation)
        case .binary(var operation):
            operation.left = operation.left.withoutQueryTimes(time)
            operation.right = operation.right.withoutQueryTimes(time)
            return .binary(operation)
        case .parenthesized(let inner, let range):
            return .parenthesized(inner.withoutQueryTimes(time), range)
        }
    }
}

extension VectorSelector {
    fileprivate func pinned(to time: Int64) -> VectorSelector {
        if case .time = at { return self }
        var selector = self
        selector.at = .time(time)
        return selector
    }
}
