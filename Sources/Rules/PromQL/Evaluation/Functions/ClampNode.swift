/// `round`, `clamp`, `clamp_min` and `clamp_max`: every sample and up to two scalars.
final class ClampNode: PlanNode {
    enum Kind { case round, clamp, minimum, maximum }

    private let kind: Kind
    private let node: PlanNode
    private let arguments: [PlanNode]

    init(_ kind: Kind, _ node: PlanNode, _ arguments: [PlanNode]) {
        self.kind = kind
        self.node = node
        self.arguments = arguments
        super.init(
            isInvariant: node.isInvariant && arguments.allSatisfy(\.isInvariant),
            isConstant: node.isConstant && arguments.allSatisfy(\.isConstant))
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var frame = try node.evaluateFloats(grid, evaluation)
        frame.shape = frame.shape.removingNames
        var columns: [[Double]] = []
        for argument in arguments { columns.append(try argument.evaluate(grid, evaluation).values) }
        switch kind {
        case .round:
            let nearest = columns.first ?? []
            frame.mapSteps { value, step in
                let inverse = 1 / (nearest.isEmpty ? 1 : nearest[step])
                return (value * inverse + 0.5).rounded(.down) / inverse
            }
        case .clamp:
            let (lowest, highest) = (columns[0], columns[1])
            frame.mapSteps { value, step in
                guard !(highest[step] < lowest[step]) else { return .absent }
                return GoMath.max(lowest[step], GoMath.min(highest[step], value))
            }
        case .minimum:
            let lowest = columns[0]
            frame.mapSteps { value, step in GoMath.max(lowest[step], GoMath.min(.infinity, value)) }
        case .maximum:
            let highest = columns[0]
            frame.mapSteps { value, step in GoMath.max(-.infinity, GoMath.min(highest[step], value)) }
        }
        for column in columns { evaluation.give(column) }
        return frame
    }
}
