/// One operation of a compiled expression; it keeps what it found out about its series from one evaluation to the next.
///
/// For one thread at a time. A subclass overrides `run`.
class PlanNode {
    /// Whether it gives one value without labels at every step.
    let isScalar: Bool
    /// Whether every step has the same result: constants, and what `@` fixes.
    let isInvariant: Bool
    /// Whether it depends on neither data nor time.
    let isConstant: Bool

    init(isScalar: Bool = false, isInvariant: Bool = false, isConstant: Bool = false) {
        self.isScalar = isScalar
        self.isInvariant = isInvariant
        self.isConstant = isConstant
    }

    /// The caller owns the frame: it may change the values in place, and gives them back to the evaluation when
    /// nothing reads them any more.
    func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        throw .execution("this part of the expression cannot be evaluated")
    }

    /// As `run`, for scalars, among which there are no native histograms.
    final func evaluate(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        try run(grid, evaluation)
    }

    /// As `run`, for callers that pass over native histograms; `hadHistograms` tells whether there were any.
    final func evaluateFloats(
        _ grid: TimeGrid, _ evaluation: Evaluation, _ hadHistograms: inout Bool
    ) throws(QueryError) -> Frame {
        var frame = try run(grid, evaluation)
        hadHistograms = frame.removeHistograms()
        return frame
    }

    /// The same, where nobody wants to know.
    final func evaluateFloats(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var hadHistograms = false
        return try evaluateFloats(grid, evaluation, &hadHistograms)
    }
}

/// A number.
final class NumberNode: PlanNode {
    let value: Double
    private let shape = Shape.single()

    init(_ value: Double) {
        self.value = value
        super.init(isScalar: true, isInvariant: true, isConstant: true)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        Frame(shape, steps: grid.count, values: try evaluation.take(grid.count, filledWith: value))
    }
}

/// `start()`, `end()`, `step()`, `range()` of the whole query, in seconds.
final class QueryTimeNode: PlanNode {
    enum Quantity: String { case start, end, step, range }

    private let quantity: Quantity
    private let shape = Shape.single()

    init(_ quantity: Quantity) {
        self.quantity = quantity
        super.init(isScalar: true, isInvariant: true)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        let milliseconds =
            switch quantity {
            case .start: evaluation.start
            case .end: evaluation.end
            case .step: evaluation.isRange ? evaluation.step : 0
            case .range: evaluation.range
            }
        let value = Double(milliseconds) / 1000
        return Frame(shape, steps: grid.count, values: try evaluation.take(grid.count, filledWith: value))
    }
}

/// `time()`: the time of every step, in seconds.
final class TimeNode: PlanNode {
    private let shape = Shape.single()

    init() { super.init(isScalar: true) }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var values = try evaluation.take(grid.count)
        for step in 0..<grid.count { values.append(Double(grid.time(step)) / 1000) }
        return Frame(shape, steps: grid.count, values: values)
    }
}

/// Evaluates what is the same at every step only once, and a constant only once ever.
final class InvariantNode: PlanNode {
    private let node: PlanNode
    private var constant: Frame?

    init(_ node: PlanNode) {
        self.node = node
        super.init(isScalar: node.isScalar, isInvariant: true, isConstant: node.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        guard grid.count > 0 else { return Frame(.empty(), steps: 0, values: []) }
        let single: Frame
        if let constant {
            single = constant
        } else {
            single = try node.run(grid.first, evaluation)
            if node.isConstant { constant = single }
        }
        if grid.count == 1, !node.isConstant { return single }
        var frame = Frame(single.shape, steps: grid.count, values: try evaluation.take(single.shape.count * grid.count))
        frame.order = single.order
        frame.hasHistograms = single.hasHistograms
        for value in single.values { frame.values.append(contentsOf: repeatElement(value, count: grid.count)) }
        if !node.isConstant { evaluation.give(single.values) }
        return frame
    }
}
