import Bytes
import Telemetry

/// `label_replace` and `label_join`: other labels, the same samples. Series that become the same are joined where they do
/// not overlap.
final class RelabelNode: PlanNode {
    enum Change {
        case replace(destination: String, template: String, source: String, regex: Regex)
        case join(destination: String, separator: String, sources: [String])

        var destination: String {
            switch self {
            case .replace(let destination, _, _, _), .join(let destination, _, _): destination
            }
        }
    }

    private let change: Change
    private let node: PlanNode
    private var input: Shape?
    private var output = Shape.empty()
    /// Which row of the output every series goes to; nil where all keep their place.
    private var rows: [Int32]?

    init(_ change: Change, _ node: PlanNode) {
        self.change = change
        self.node = node
        super.init(isInvariant: node.isInvariant, isConstant: node.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var frame = try node.run(grid, evaluation)
        if input !== frame.shape { refresh(frame.shape) }
        guard let rows else {
            frame.shape = output
            return frame
        }
        var values = try evaluation.take(output.count * grid.count, filledWith: .absent)
        for row in 0..<frame.shape.count {
            for step in 0..<grid.count {
                let value = frame.values[row * grid.count + step]
                if value.isAbsent { continue }
                let place = Int(rows[row]) * grid.count + step
                guard values[place].isAbsent else { throw .sameLabels }
                values[place] = value
            }
        }
        evaluation.give(frame.values)
        var joined = Frame(output, steps: grid.count, values: values)
        joined.hasHistograms = frame.hasHistograms
        return joined
    }

    private func refresh(_ shape: Shape) {
        input = shape
        var known: [LabelSet: Int32] = [:]
        var sets: [LabelSet] = []
        var removals: [Bool] = []
        var rows: [Int32] = []
        for (index, set) in shape.labels.enumerated() {
            let (changed, hasChanged) = relabel(set)
            if let row = known[changed] {
                rows.append(row)
                continue
            }
            rows.append(Int32(sets.count))
            known[changed] = Int32(sets.count)
            sets.append(changed)
            let setsName = hasChanged && change.destination == metricNameLabel
            removals.append(shape.removesName(index) && !setsName)
        }
        output = Shape(sets, nameRemoval: .some(removals))
        self.rows = sets.count == shape.count ? nil : rows
    }

    private func relabel(_ set: LabelSet) -> (LabelSet, hasChanged: Bool) {
        var result = set
        switch change {
        case .replace(let destination, let template, let source, let regex):
            var value = set[source] ?? ""
            var matcher = Matcher(regex)
            let expanded: String? = value.withUTF8 { bytes in
                let subject = UnsafeRawBufferPointer(bytes).bytes
                guard matcher.match(subject) else { return nil }
                var buffer = ByteBuffer()
                RegexTemplate(template, for: regex).expand(matcher, of: subject, into: &buffer)
                return String(lossy: buffer.bytes)
            }
            guard let expanded else { return (set, false) }
            result[destination] = expanded
        case .join(let destination, let separator, let sources):
            result[destination] = sources.map { set[$0] ?? "" }.joined(separator: separator)
        }
        return (result, true)
    }
}

extension QueryError {
    static let sameLabels = QueryError.execution("vector cannot contain metrics with the same labelset")
}
