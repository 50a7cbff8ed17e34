import Telemetry

/// Which group of an aggregation every series belongs to; kept while the input's shape is the same.
final class Grouping {
    private let labels: [String]
    private let isWithout: Bool
    private var input: Shape?
    private(set) var groups: [Int32] = []
    /// The groups' labels, in order of their first series.
    private(set) var output = Shape.empty()

    init(_ labels: [String], isWithout: Bool) {
        self.labels = labels
        self.isWithout = isWithout
    }

    func refresh(_ shape: Shape) {
        guard input !== shape else { return }
        input = shape
        groups.removeAll(keepingCapacity: true)
        var known: [LabelSet: Int32] = [:]
        var sets: [LabelSet] = []
        var removals: [Bool] = []
        for (index, set) in shape.labels.enumerated() {
            let key = isWithout ? set.removingName(and: labels) : labels.isEmpty ? LabelSet() : set.keeping(labels)
            let group: Int32
            if let existing = known[key] {
                group = existing
            } else {
                group = Int32(sets.count)
                known[key] = group
                sets.append(key)
                removals.append(false)
            }
            groups.append(group)
            if shape.removesName(index) { removals[Int(group)] = true }
        }
        // Only a group by name has one to lose.
        let keepsNames = !isWithout && labels.contains(metricNameLabel)
        output = Shape(sets, nameRemoval: keepsNames ? .some(removals) : .none)
    }
}
