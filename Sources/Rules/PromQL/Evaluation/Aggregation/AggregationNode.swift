/// `sum`, `avg`, `count`, `min`, `max`, `group`, `stddev`, `stdvar`: one value of all samples of a group.
final class AggregationNode: PlanNode {
    enum Kind { case sum, average, count, minimum, maximum, group, deviation, variance }

    private let kind: Kind
    private let node: PlanNode
    private let grouping: Grouping
    /// Of what is aggregated.
    private let range: TextRange

    init(_ kind: Kind, _ node: PlanNode, by grouping: Grouping, range: TextRange) {
        self.kind = kind
        self.range = range
        self.node = node
        self.grouping = grouping
        super.init(isInvariant: node.isInvariant, isConstant: node.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        let input = try input(grid, evaluation)
        grouping.refresh(input.shape)
        if input.hasHistograms, kind == .sum || kind == .average {
            let aggregation = MixedAggregation(isAverage: kind == .average, grouping, range)
            defer { evaluation.give(input.values) }
            return try aggregation.apply(to: input, evaluation)
        }
        let size = grouping.output.count * grid.count
        var values = try evaluation.take(size, filledWith: .absent)
        switch kind {
        case .sum: try sum(input, &values, evaluation)
        case .average: average(input, &values)
        case .count: fold(input, &values, first: { _ in 1 }, next: { count, _ in count + 1 })
        case .group: fold(input, &values, first: { _ in 1 }, next: { one, _ in one })
        case .minimum:
            fold(input, &values, first: { $0 }, next: { least, value in value < least || least.isNaN ? value : least })
        case .maximum:
            fold(input, &values, first: { $0 }, next: { most, value in value > most || most.isNaN ? value : most })
        case .deviation, .variance: try variance(input, &values, evaluation)
        }
        evaluation.give(input.values)
        return Frame(grouping.output, steps: grid.count, values: values)
    }

    /// Native histograms are passed over where numbers are compared.
    private func input(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        let name: String
        switch kind {
        case .count, .group, .sum, .average: return try node.run(grid, evaluation)
        case .minimum: name = "min"
        case .maximum: name = "max"
        case .deviation: name = "stddev"
        case .variance: name = "stdvar"
        }
        var hadHistograms = false
        let frame = try node.evaluateFloats(grid, evaluation, &hadHistograms)
        if hadHistograms { evaluation.remarkOnIgnoredHistograms(name, at: range) }
        return frame
    }

    @inline(__always)
    private func fold(
        _ input: Frame, _ values: inout [Double], first: (Double) -> Double, next: (Double, Double) -> Double
    ) {
        let steps = input.steps
        let groups = grouping.groups
        var index = 0
        for row in 0..<input.shape.count {
            let target = Int(groups[row]) * steps
            for step in 0..<steps {
                let value = input.values[index]
                index += 1
                if value.isAbsent { continue }
                let old = values[target + step]
                values[target + step] = old.isAbsent ? first(value) : next(old, value)
            }
        }
    }

    private func sum(_ input: Frame, _ values: inout [Double], _ evaluation: Evaluation) throws(QueryError) {
        var compensations = try evaluation.take(values.count, filledWith: 0)
        let steps = input.steps
        let groups = grouping.groups
        var index = 0
        for row in 0..<input.shape.count {
            let target = Int(groups[row]) * steps
            for step in 0..<steps {
                let value = input.values[index]
                index += 1
                if value.isAbsent { continue }
                let old = values[target + step]
                if old.isAbsent {
                    values[target + step] = value
                    continue
                }
                var sum = KahanSum(sum: old, compensation: compensations[target + step])
                sum.add(value)
                values[target + step] = sum.sum
                compensations[target + step] = sum.compensation
            }
        }
        for index in values.indices where !values[index].isAbsent { values[index] += compensations[index] }
        evaluation.give(compensations)
    }

    private func average(_ input: Frame, _ values: inout [Double]) {
        var means = [KahanMean?](repeating: nil, count: values.count)
        let steps = input.steps
        for row in 0..<input.shape.count {
            let target = Int(grouping.groups[row]) * steps
            for step in 0..<steps {
                let value = input.values[row * steps + step]
                if value.isAbsent { continue }
                if means[target + step] == nil {
                    means[target + step] = KahanMean(first: value)
                } else {
                    means[target + step]?.add(value)
                }
            }
        }
        for index in values.indices {
            if let mean = means[index] { values[index] = mean.mean }
        }
    }

    /// Welford's way. The first sample sets the mean; one that is not finite makes the result NaN.
    private func variance(_ input: Frame, _ values: inout [Double], _ evaluation: Evaluation) throws(QueryError) {
        var means = try evaluation.take(values.count, filledWith: 0)
        var counts = try evaluation.take(values.count, filledWith: 0)
        let steps = input.steps
        for row in 0..<input.shape.count {
            let target = Int(grouping.groups[row]) * steps
            for step in 0..<steps {
                let value = input.values[row * steps + step]
                if value.isAbsent { continue }
                let place = target + step
                counts[place] += 1
                if values[place].isAbsent {
                    values[place] = value.isFinite ? 0 : .nan
                    means[place] = value
                    continue
                }
                let delta = value - means[place]
                means[place] += delta / counts[place]
                values[place] += delta * (value - means[place])
            }
        }
        for index in values.indices where !values[index].isAbsent {
            let variance = values[index] / counts[index]
            values[index] = kind == .deviation ? variance.squareRoot() : variance
        }
        evaluation.give(means)
        evaluation.give(counts)
    }
}

extension Evaluation {
    func remarkOnIgnoredHistograms(_ aggregation: String, at range: TextRange) {
        annotations.inform("ignored histogram in \(aggregation) aggregation", at: range)
    }
}
