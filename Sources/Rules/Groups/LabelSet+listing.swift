import Telemetry

extension LabelSet {
    /// The order of label sets, as bytes: label by label, names before values.
    func isListed(before other: LabelSet) -> Bool {
        for (mine, theirs) in zip(labels, other.labels) {
            if mine.name != theirs.name { return mine.name.utf8.lexicographicallyPrecedes(theirs.name.utf8) }
            if mine.value != theirs.value { return mine.value.utf8.lexicographicallyPrecedes(theirs.value.utf8) }
        }
        return labels.count < other.labels.count
    }
}
