import Telemetry

extension LabelSet {
    /// An order for lists that people read: label by label, names before values.
    func isListed(before other: LabelSet) -> Bool {
        for (mine, theirs) in zip(labels, other.labels) {
            if mine.name != theirs.name { return mine.name < theirs.name }
            if mine.value != theirs.value { return mine.value < theirs.value }
        }
        return labels.count < other.labels.count
    }
}
