/// `quantile(φ, v)`
final class QuantileNode: PlanNode {
    private let quantile: PlanNode
    private let node: PlanNode
    private let grouping: Grouping
    private let range: TextRange
    private let parameterRange: TextRange
    private var collected: [[Double]] = []

    init(
        _ quantile: PlanNode, _ node: PlanNode, by grouping: Grouping, range: TextRange, parameterRange: TextRange
    ) {
        self.parameterRange = parameterRange
        self.quantile = quantile
        self.node = node
        self.grouping = grouping
        self.range = range
        super.init(isInvariant: quantile.isInvariant && node.isInvariant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        let quantiles = try quantile.evaluate(grid, evaluation).values
        var hadHistograms = false
        let input = try node.evaluateFloats(grid, evaluation, &hadHistograms)
        if hadHistograms { evaluation.remarkOnIgnoredHistograms("quantile", at: range) }
        grouping.refresh(input.shape)
        remark(quantiles, evaluation)
        var values = try evaluation.take(grouping.output.count * grid.count, filledWith: .absent)
        while collected.count < grouping.output.count { collected.append([]) }
        for step in 0..<grid.count {
            for group in 0..<grouping.output.count { collected[group].removeAll(keepingCapacity: true) }
            for row in 0..<input.shape.count {
                let value = input.values[row * grid.count + step]
                if !value.isAbsent { collected[Int(grouping.groups[row])].append(value) }
            }
            for group in 0..<grouping.output.count where !collected[group].isEmpty {
                values[group * grid.count + step] = Quantile.of(&collected[group], quantiles[step])
            }
        }
        evaluation.give(quantiles)
        evaluation.give(input.values)
        return Frame(grouping.output, steps: grid.count, values: values)
    }

    /// One remark each for NaN, too much and too little.
    private func remark(_ quantiles: [Double], _ evaluation: Evaluation) {
        var extremes: [Double] = []
        if quantiles.contains(where: \.isNaN) { extremes.append(.nan) }
        let numbers = quantiles.filter { !$0.isNaN }
        if let most = numbers.max(), most > 1 { extremes.append(most) }
        if let least = numbers.min(), least < 0 { extremes.append(least) }
        for extreme in extremes {
            guard let complaint = Quantile.complaint(extreme) else { continue }
            evaluation.annotations.warn(complaint, at: parameterRange)
        }
    }
}
