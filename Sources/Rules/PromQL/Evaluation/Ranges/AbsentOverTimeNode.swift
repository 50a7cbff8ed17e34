import Telemetry

/// `absent_over_time`: 1 where no series has a sample in the window.
final class AbsentOverTimeNode: PlanNode {
    private let present: RangeFunctionNode<EdgeOverTime>
    private let shape: Shape

    init(_ source: RangeSource, labels: LabelSet, _ traits: RangeFunctionTraits) {
        present = RangeFunctionNode(EdgeOverTime(kind: .present), source, traits)
        shape = Shape([labels])
        super.init(isInvariant: source.isFixed)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        try AbsentNode.invert(try present.run(grid, evaluation), shape, evaluation)
    }
}

/// `absent`: 1 where there is no sample at all.
final class AbsentNode: PlanNode {
    private let node: PlanNode
    private let shape: Shape

    init(_ node: PlanNode, labels: LabelSet) {
        self.node = node
        shape = Shape([labels])
        super.init(isInvariant: node.isInvariant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        try AbsentNode.invert(try node.run(grid, evaluation), shape, evaluation)
    }

    static func invert(_ frame: Frame, _ shape: Shape, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var values = try evaluation.take(frame.steps, filledWith: 1)
        for row in 0..<frame.shape.count {
            for step in 0..<frame.steps where !frame.values[row * frame.steps + step].isAbsent {
                values[step] = .absent
            }
        }
        evaluation.give(frame.values)
        return Frame(shape, steps: frame.steps, values: values)
    }

    /// The labels that the selector's matchers fix: equal to one value, and named only once.
    static func labels(of expression: Expression) -> LabelSet {
        let matchers: [LabelMatcher]
        switch expression {
        case .vectorSelector(let selector): matchers = selector.matchers
        case .matrixSelector(let matrix): matchers = matrix.selector.matchers
        case .parenthesized(let inner, _): return labels(of: inner)
        default: return LabelSet()
        }
        var labels = LabelSet()
        var seen: Set<String> = []
        for matcher in matchers where matcher.name != metricNameLabel {
            if matcher.operation == .equal, !seen.contains(matcher.name) {
                labels[matcher.name] = matcher.value
                seen.insert(matcher.name)
            } else {
                labels[matcher.name] = nil
            }
        }
        return labels
    }
}
