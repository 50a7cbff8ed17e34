/// `scalar(v)`: the value of the only series, else NaN.
final class ScalarNode: PlanNode {
    private let node: PlanNode
    private let shape = Shape.single()

    init(_ node: PlanNode) {
        self.node = node
        super.init(isScalar: true, isInvariant: node.isInvariant, isConstant: node.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        let frame = try node.evaluateFloats(grid, evaluation)
        var values = try evaluation.take(grid.count)
        for step in 0..<grid.count {
            var found: Double?
            for row in 0..<frame.shape.count {
                let value = frame.values[row * frame.steps + step]
                if value.isAbsent { continue }
                if found != nil {
                    found = .nan
                    break
                }
                found = value
            }
            values.append(found ?? .nan)
        }
        evaluation.give(frame.values)
        return Frame(shape, steps: grid.count, values: values)
    }
}

/// `vector(s)`: a scalar as a series without labels.
final class VectorNode: PlanNode {
    private let node: PlanNode

    init(_ node: PlanNode) {
        self.node = node
        super.init(isInvariant: node.isInvariant, isConstant: node.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        try node.evaluate(grid, evaluation)
    }
}

/// `max_of(a, b)` and `min_of(a, b)` of scalars.
final class ExtremeOfNode: PlanNode {
    private let isMaximum: Bool
    private let left: PlanNode
    private let right: PlanNode

    init(isMaximum: Bool, _ left: PlanNode, _ right: PlanNode) {
        self.isMaximum = isMaximum
        self.left = left
        self.right = right
        super.init(
            isScalar: true, isInvariant: left.isInvariant && right.isInvariant,
            isConstant: left.isConstant && right.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var frame = try left.evaluate(grid, evaluation)
        let other = try right.evaluate(grid, evaluation).values
        let isMaximum = isMaximum
        frame.mapSteps { value, step in
            isMaximum ? GoMath.max(value, other[step]) : GoMath.min(value, other[step])
        }
        evaluation.give(other)
        return frame
    }
}

/// `timestamp(v)` of anything but a selector: the time of the step, in seconds.
final class StepTimestampNode: PlanNode {
    private let node: PlanNode

    init(_ node: PlanNode) {
        self.node = node
        super.init()
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var frame = try node.run(grid, evaluation)
        frame.shape = frame.shape.removingNames
        frame.mapSteps { _, step in Double(grid.time(step)) / 1000 }
        frame.hasHistograms = false
        return frame
    }
}

/// `start_timestamp(v)` of anything but a selector: no result.
final class NothingNode: PlanNode {
    private let node: PlanNode
    private let shape = Shape.empty()

    init(_ node: PlanNode) {
        self.node = node
        super.init(isInvariant: node.isInvariant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        // Evaluated all the same: it may fail.
        evaluation.give(try node.run(grid, evaluation).values)
        return Frame(shape, steps: grid.count, values: [])
    }
}
