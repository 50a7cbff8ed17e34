import Telemetry

/// `sum` and `avg` where native histograms are among the samples: a group of both has no result (Prometheus `promql/engine.go`,
/// `aggregation`).
struct MixedAggregation {
    private let isAverage: Bool
    private let grouping: Grouping
    /// Of what is aggregated.
    private let range: TextRange

    init(isAverage: Bool, _ grouping: Grouping, _ range: TextRange) {
        self.isAverage = isAverage
        self.grouping = grouping
        self.range = range
    }

    /// A group at one step.
    private enum Group {
        case empty
        case numbers(KahanMean, KahanSum)
        case histograms(HistogramTotal)
        case mixed
        /// Of exponential and custom buckets.
        case incompatible
    }

    func apply(to input: Frame, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        let steps = input.steps
        var groups = [Group](repeating: .empty, count: grouping.output.count * steps)
        for row in 0..<input.shape.count {
            if row & 0xff == 0xff { try evaluation.checkpoint() }
            let target = Int(grouping.groups[row]) * steps
            for step in 0..<steps {
                let value = input.values[row * steps + step]
                if value.isAbsent { continue }
                let histogram = evaluation.histograms[value]
                if !add(value, histogram, to: &groups[target + step], evaluation) {
                    evaluation.remarkOnMixedLayouts(input.shape.labels[row].metricName, at: range)
                }
            }
        }
        var values = try evaluation.take(groups.count)
        for group in groups { values.append(try result(of: group, evaluation)) }
        var frame = Frame(grouping.output, steps: steps, values: values)
        frame.hasHistograms = true
        return frame
    }

    /// False where a histogram's buckets have nothing in common with those before.
    private func add(
        _ value: Double, _ histogram: FloatHistogram?, to group: inout Group, _ evaluation: Evaluation
    ) -> Bool {
        switch (group, histogram) {
        case (.empty, nil): group = .numbers(KahanMean(first: value), KahanSum(sum: value))
        case (.empty, let histogram?): group = .histograms(HistogramTotal(histogram, isAverage: isAverage))
        case (.numbers(var mean, var sum), nil):
            mean.add(value)
            sum.add(value)
            group = .numbers(mean, sum)
        case (.histograms(var total), let histogram?):
            group = .empty
            do throws(HistogramSum.IncompatibleLayouts) {
                try total.add(histogram)
                group = .histograms(total)
            } catch {
                group = .incompatible
                return false
            }
        case (.numbers, _?), (.histograms, nil): group = .mixed
        case (.mixed, _), (.incompatible, _): break
        }
        return true
    }

    private func result(of group: Group, _ evaluation: Evaluation) throws(QueryError) -> Double {
        switch group {
        case .empty, .incompatible: return .absent
        case .numbers(let mean, let sum): return isAverage ? mean.mean : sum.total
        case .mixed:
            evaluation.remarkOnMixedAggregation(at: range)
            return .absent
        case .histograms(let total):
            if total.boundsWereReconciled { evaluation.remarkOnReconciledBounds(.aggregation, at: range) }
            if total.resetsConflict { evaluation.remarkOnConflictingResets(.aggregation, at: range) }
            return try evaluation.keep(total.result.compacted())
        }
    }
}
