/// An operator between two scalars.
final class ScalarBinaryNode: PlanNode {
    private let operation: SampleOperator
    private let left: PlanNode
    private let right: PlanNode

    init(_ operation: SampleOperator, _ left: PlanNode, _ right: PlanNode) {
        self.operation = operation
        self.left = left
        self.right = right
        super.init(
            isScalar: true, isInvariant: left.isInvariant && right.isInvariant,
            isConstant: left.isConstant && right.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var frame = try left.evaluate(grid, evaluation)
        let other = try right.evaluate(grid, evaluation).values
        let operation = operation
        for step in frame.values.indices { frame.values[step] = operation.apply(frame.values[step], other[step]) }
        evaluation.give(other)
        return frame
    }
}

/// An operator between a vector and a scalar, on either side.
final class VectorScalarNode: PlanNode {
    private let operation: SampleOperator
    private let vector: PlanNode
    private let scalar: PlanNode
    private let isScalarLeft: Bool
    private let range: TextRange

    init(_ operation: SampleOperator, vector: PlanNode, scalar: PlanNode, isScalarLeft: Bool, range: TextRange) {
        self.operation = operation
        self.vector = vector
        self.scalar = scalar
        self.isScalarLeft = isScalarLeft
        self.range = range
        super.init(
            isInvariant: vector.isInvariant && scalar.isInvariant, isConstant: vector.isConstant && scalar.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var frame = try vector.run(grid, evaluation)
        let other = try scalar.evaluate(grid, evaluation).values
        let histograms = frame.hasHistograms ? try takeHistograms(from: &frame, other, evaluation) : []
        if operation.changesMeaning || operation.isTruth { frame.shape = frame.shape.removingNames }
        if case .trim = operation, frame.values.contains(where: { !$0.isAbsent }) {
            operation.remarkOnFloats(at: range, evaluation)
        }
        switch (operation, isScalarLeft) {
        case (.arithmetic(.add), _): frame.mapSteps { $0 + other[$1] }
        case (.arithmetic(.multiply), _): frame.mapSteps { $0 * other[$1] }
        case (.arithmetic(.subtract), false): frame.mapSteps { $0 - other[$1] }
        case (.arithmetic(.divide), false): frame.mapSteps { $0 / other[$1] }
        case (.filter(.greater), false): frame.mapSteps { $0 > other[$1] ? $0 : .absent }
        case (.filter(.less), false): frame.mapSteps { $0 < other[$1] ? $0 : .absent }
        // A filter keeps the vector's value whichever side it is on.
        case (.filter(let comparison), true):
            frame.mapSteps { comparison.holds(other[$1], $0) ? $0 : .absent }
        case (let operation, true): frame.mapSteps { operation.apply(other[$1], $0) }
        case (let operation, false): frame.mapSteps { operation.apply($0, other[$1]) }
        }
        evaluation.give(other)
        for (index, value) in histograms { frame.values[index] = value }
        frame.hasHistograms = !histograms.isEmpty
        return frame
    }
}

extension VectorScalarNode {
    /// Removes the histograms; what is made of each, and where it belongs.
    private func takeHistograms(
        from frame: inout Frame, _ other: [Double], _ evaluation: Evaluation
    ) throws(QueryError) -> [(index: Int, value: Double)] {
        var results: [(index: Int, value: Double)] = []
        for index in frame.values.indices where frame.values[index].isHistogramMark {
            let (mark, number) = (frame.values[index], other[index % frame.steps])
            frame.values[index] = .absent
            var remark: OperatorRemark?
            let value =
                isScalarLeft
                ? try operation.applyMixed(number, mark, evaluation, &remark)
                : try operation.applyMixed(mark, number, evaluation, &remark)
            remark?.add(to: evaluation, at: range)
            if !value.isAbsent { results.append((index, value)) }
        }
        return results
    }
}

/// `-v`
final class NegationNode: PlanNode {
    private let node: PlanNode

    init(_ node: PlanNode) {
        self.node = node
        super.init(isScalar: node.isScalar, isInvariant: node.isInvariant, isConstant: node.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var frame = try node.run(grid, evaluation)
        if !isScalar { frame.shape = frame.shape.removingNames }
        guard frame.hasHistograms else {
            frame.map { -$0 }
            return frame
        }
        for index in frame.values.indices where !frame.values[index].isAbsent {
            let histogram = evaluation.histograms[frame.values[index]]
            frame.values[index] =
                if let histogram { try evaluation.keep(histogram.multiplied(by: -1)) } else { -frame.values[index] }
        }
        return frame
    }
}
