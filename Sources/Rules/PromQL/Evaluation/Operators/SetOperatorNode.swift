import Telemetry

/// `and`, `or`, `unless`.
final class SetOperatorNode: PlanNode {
    private let operation: SetOperator
    private let left: PlanNode
    private let right: PlanNode
    private let signatures: MatchSignatures
    private var union = UnionRows()

    init(_ operation: SetOperator, _ left: PlanNode, _ right: PlanNode, _ matching: VectorMatching) {
        self.operation = operation
        self.left = left
        self.right = right
        signatures = MatchSignatures(matching)
        super.init(
            isInvariant: left.isInvariant && right.isInvariant, isConstant: left.isConstant && right.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var first = try left.run(grid, evaluation)
        let second = try right.run(grid, evaluation)
        let isNew = signatures.refresh(first.shape, second.shape)
        if operation == .or {
            if isNew { union = UnionRows(first.shape, second.shape) }
            return try join(first, second, evaluation)
        }
        let isPresent = try presence(second, signatures.right, evaluation)
        let isKeptWhere = operation == .and
        var index = 0
        for row in 0..<first.shape.count {
            let signature = Int(signatures.left[row]) * grid.count
            for step in 0..<grid.count {
                if isPresent[signature + step].isAbsent == isKeptWhere { first.values[index] = .absent }
                index += 1
            }
        }
        evaluation.give(isPresent)
        evaluation.give(second.values)
        return first
    }

    /// 1 for every signature and step of which there is a sample.
    private func presence(
        _ frame: Frame, _ signatures: [Int32], _ evaluation: Evaluation
    ) throws(QueryError) -> [Double] {
        var presence = try evaluation.take(self.signatures.count * frame.steps, filledWith: .absent)
        var index = 0
        for row in 0..<frame.shape.count {
            let signature = Int(signatures[row]) * frame.steps
            for step in 0..<frame.steps {
                if !frame.values[index].isAbsent { presence[signature + step] = 1 }
                index += 1
            }
        }
        return presence
    }

    private func join(_ first: Frame, _ second: Frame, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        let isPresent = try presence(first, signatures.left, evaluation)
        let steps = first.steps
        var values = try evaluation.take(union.shape.count * steps)
        values.append(contentsOf: first.values)
        values.append(contentsOf: repeatElement(.absent, count: (union.shape.count - first.shape.count) * steps))
        for row in 0..<second.shape.count {
            let signature = Int(signatures.right[row]) * steps
            let target = Int(union.rows[row]) * steps
            for step in 0..<steps where isPresent[signature + step].isAbsent {
                let value = second.values[row * steps + step]
                if value.isAbsent { continue }
                guard values[target + step].isAbsent else { throw .sameLabels }
                values[target + step] = value
            }
        }
        evaluation.give(isPresent)
        evaluation.give(first.values)
        evaluation.give(second.values)
        var frame = Frame(union.shape, steps: steps, values: values)
        frame.hasHistograms = first.hasHistograms || second.hasHistograms
        return frame
    }
}

/// The series of `a or b`: those of `a`, then those of `b` that are not the same.
private struct UnionRows {
    var shape = Shape.empty()
    /// Where the series of `b` go.
    var rows: [Int32] = []

    init() {}

    init(_ first: Shape, _ second: Shape) {
        var known: [LabelSet: Int32] = [:]
        var sets = first.labels
        var removals = first.labels.indices.map { first.removesName($0) }
        for (index, set) in first.labels.enumerated() where known[set] == nil { known[set] = Int32(index) }
        for (index, set) in second.labels.enumerated() {
            if let row = known[set], removals[Int(row)] == second.removesName(index) {
                rows.append(row)
                continue
            }
            rows.append(Int32(sets.count))
            if known[set] == nil { known[set] = Int32(sets.count) }
            sets.append(set)
            removals.append(second.removesName(index))
        }
        shape = Shape(sets, nameRemoval: .some(removals))
    }
}
