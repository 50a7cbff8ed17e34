extension Expression {
    /// With a mark on every selector of whose native histograms only count and sum are looked at, as Prometheus reads them
    /// (`promql/engine.go`, `detectHistogramStatsDecoding`): what is said of buckets depends on whether they were read.
    func markingStatistics(isCounted: Bool = false) -> Expression {
        func marked(_ expression: Expression) -> Expression { expression.markingStatistics(isCounted: isCounted) }
        switch self {
        case .number, .string, .subquery: return self
        case .vectorSelector(var selector):
            selector.readsStatistics = isCounted
            return .vectorSelector(selector)
        case .matrixSelector(var matrix):
            matrix.selector.readsStatistics = isCounted
            return .matrixSelector(matrix)
        case .call(var call):
            switch call.function {
            case "histogram_quantile", "histogram_quantiles", "histogram_fraction": return self
            case "histogram_count", "histogram_sum", "histogram_avg":
                call.arguments = call.arguments.map { $0.markingStatistics(isCounted: true) }
            default: call.arguments = call.arguments.map(marked)
            }
            return .call(call)
        case .aggregation(var aggregation):
            aggregation.expression = marked(aggregation.expression)
            aggregation.parameter = aggregation.parameter.map(marked)
            return .aggregation(aggregation)
        case .unary(var operation):
            operation.expression = marked(operation.expression)
            return .unary(operation)
        case .binary(var operation):
            if operation.operation == .trimUpper || operation.operation == .trimLower { return self }
            operation.left = marked(operation.left)
            operation.right = marked(operation.right)
            return .binary(operation)
        case .parenthesized(let inner, let range): return .parenthesized(marked(inner), range)
        }
    }
}

/// Reduces the histograms of a series to count and sum, one after the other; whether the counter was reset is worked out before the
/// buckets are gone.
struct HistogramStatistics {
    private var previous: FloatHistogram?

    mutating func reduced(_ histogram: FloatHistogram) -> FloatHistogram {
        var histogram = histogram
        if histogram.counterResetHint == .unknown, let previous {
            histogram.counterResetHint = histogram.isReset(after: previous) ? .reset : .notReset
        }
        previous = histogram
        return histogram.statistics
    }
}

extension Evaluation {
    /// Puts reduced histograms in the place of those of a series' samples.
    func reduceToStatistics(_ columns: inout SampleColumns) throws(QueryError) {
        var statistics = HistogramStatistics()
        for index in columns.values.indices {
            guard let histogram = histograms[columns.values[index]] else { continue }
            columns.values[index] = try keep(statistics.reduced(histogram))
        }
    }
}
