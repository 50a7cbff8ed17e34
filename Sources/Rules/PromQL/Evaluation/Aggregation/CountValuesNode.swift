import Bytes
import Telemetry

/// `count_values("label", v)`: a series per value and group.
///
/// The series depend on the values, so the shape is made at every evaluation; it stays the same while the values do.
final class CountValuesNode: PlanNode {
    private let label: String
    private let node: PlanNode
    private let labels: [String]
    private let isWithout: Bool
    private var shape = Shape.empty()

    init(label: String, _ node: PlanNode, labels: [String], isWithout: Bool) {
        self.label = label
        self.node = node
        self.labels = isWithout ? labels : labels + [label]
        self.isWithout = isWithout
        super.init(isInvariant: node.isInvariant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        guard !label.isEmpty else { throw .execution("invalid label name \(GoQuoted.quote(label))") }
        let input = try node.run(grid, evaluation)
        var rows: [LabelSet: Int] = [:]
        var sets: [LabelSet] = []
        var values: [Double] = []
        for row in 0..<input.shape.count {
            try evaluation.checkpoint()
            let base = input.shape.labels[row]
            // Neighbouring steps mostly have the same value.
            var last: (value: UInt64, row: Int)?
            for step in 0..<grid.count {
                let value = input.values[row * grid.count + step]
                if value.isAbsent { continue }
                let target: Int
                if let last, last.value == value.bitPattern {
                    target = last.row
                } else {
                    var set = base
                    set[label] = evaluation.histograms[value]?.description ?? Bytes.GoNumber.plain(value)
                    set = isWithout ? set.removingName(and: labels) : set.keeping(labels)
                    if let known = rows[set] {
                        target = known
                    } else {
                        target = sets.count
                        rows[set] = target
                        sets.append(set)
                        try evaluation.hold(grid.count)
                        values.append(contentsOf: repeatElement(.absent, count: grid.count))
                    }
                    last = (value.bitPattern, target)
                }
                let place = target * grid.count + step
                values[place] = values[place].isAbsent ? 1 : values[place] + 1
            }
        }
        evaluation.give(input.values)
        if shape.labels != sets { shape = Shape(sets) }
        return Frame(shape, steps: grid.count, values: values)
    }
}
