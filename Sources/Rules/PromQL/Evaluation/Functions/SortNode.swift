import Telemetry

/// `sort`, `sort_desc`: the order of an instant query's series, by value; NaN comes last.
final class SortNode: PlanNode {
    private let isDescending: Bool
    private let node: PlanNode
    private let range: TextRange

    init(isDescending: Bool, _ node: PlanNode, range: TextRange) {
        self.isDescending = isDescending
        self.node = node
        self.range = range
        super.init(isInvariant: node.isInvariant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        evaluation.remarkOnSorting(grid, range)
        var frame = try node.evaluateFloats(grid, evaluation)
        guard grid.count == 1 else { return frame }
        var order = frame.order ?? (0..<Int32(frame.shape.count)).map { $0 }
        let values = frame.values
        order.sort { first, second in
            let (a, b) = (values[Int(first)], values[Int(second)])
            if a.isNaN || b.isNaN { return !a.isNaN && b.isNaN }
            return isDescending ? a > b : a < b
        }
        frame.order = order
        return frame
    }
}

/// `sort_by_label`, `sort_by_label_desc`: the order by label values, runs of digits compared as numbers.
final class SortByLabelNode: PlanNode {
    private let isDescending: Bool
    private let labels: [String]
    private let node: PlanNode
    private let range: TextRange
    private var known: (shape: Shape, order: [Int32])?

    init(isDescending: Bool, labels: [String], _ node: PlanNode, range: TextRange) {
        self.isDescending = isDescending
        self.labels = labels
        self.node = node
        self.range = range
        super.init(isInvariant: node.isInvariant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        evaluation.remarkOnSorting(grid, range)
        var frame = try node.run(grid, evaluation)
        guard grid.count == 1 else { return frame }
        if known?.shape !== frame.shape {
            let sets = frame.shape.labels
            let order = (0..<Int32(sets.count)).sorted { first, second in
                let (a, b) = isDescending ? (Int(second), Int(first)) : (Int(first), Int(second))
                return precedes(sets[a], sets[b])
            }
            known = (frame.shape, order)
        }
        frame.order = known?.order
        return frame
    }

    private func precedes(_ a: LabelSet, _ b: LabelSet) -> Bool {
        for label in labels {
            let (first, second) = (a[label] ?? "", b[label] ?? "")
            if first != second { return NaturalOrder.precedes(first, second) }
        }
        return a.precedes(b)
    }
}

extension Evaluation {
    /// Range queries are sorted by labels whatever a function says.
    func remarkOnSorting(_ grid: TimeGrid, _ range: TextRange) {
        guard grid.count > 1 else { return }
        annotations.warn(
            "sort is ineffective for range queries since results are always ordered by labels", at: range)
    }
}

/// The order in which `eth2` comes before `eth10`.
enum NaturalOrder {
    static func precedes(_ a: String, _ b: String) -> Bool {
        var first = chunks(a)[...]
        var second = chunks(b)[...]
        while let left = first.popFirst() {
            guard let right = second.popFirst() else { return false }
            if left == right { continue }
            let isDigit: (Substring.UTF8View) -> Bool = { $0.first.map { (0x30...0x39).contains($0) } ?? false }
            if isDigit(left.utf8), isDigit(right.utf8) {
                let (x, y) = (left.drop { $0 == "0" }, right.drop { $0 == "0" })
                if x.utf8.count != y.utf8.count { return x.utf8.count < y.utf8.count }
                if x != y { return x.utf8.lexicographicallyPrecedes(y.utf8) }
                continue
            }
            return left.utf8.lexicographicallyPrecedes(right.utf8)
        }
        return !second.isEmpty
    }

    /// Runs of digits and of what is none.
    private static func chunks(_ text: String) -> [Substring] {
        var chunks: [Substring] = []
        var rest = text[...]
        while let first = rest.unicodeScalars.first {
            let isNumber = ("0"..."9").contains(first)
            let end = rest.unicodeScalars.firstIndex { ("0"..."9").contains($0) != isNumber } ?? rest.endIndex
            chunks.append(rest[..<end])
            rest = rest[end...]
        }
        return chunks
    }
}
