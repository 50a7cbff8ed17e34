import Telemetry

/// The label that holds a metric's name.
let metricNameLabel = "__name__"

extension LabelSet {
    var metricName: String { self[metricNameLabel] ?? "" }

    /// Without the name, the type and the unit, as Prometheus's `labels.DropReserved(schema.IsMetadataLabel)`.
    var withoutMetadata: LabelSet {
        func isMetadata(_ name: String) -> Bool {
            name == metricNameLabel || name == "__type__" || name == "__unit__"
        }
        guard labels.contains(where: { isMetadata($0.name) }) else { return self }
        return LabelSet(sorted: labels.filter { !isMetadata($0.name) })
    }

    func keeping(_ names: [String]) -> LabelSet {
        LabelSet(sorted: labels.filter { names.contains($0.name) })
    }

    func removing(_ names: [String]) -> LabelSet {
        LabelSet(sorted: labels.filter { !names.contains($0.name) })
    }

    /// Without the name and these labels: what binary operators and `without` compare by.
    func removingName(and names: [String]) -> LabelSet {
        LabelSet(sorted: labels.filter { $0.name != metricNameLabel && !names.contains($0.name) })
    }

    /// Prometheus's order of label sets: label by label, name before value, bytes compared; the shorter first.
    package func precedes(_ other: LabelSet) -> Bool {
        let count = Swift.min(self.count, other.count)
        for index in 0..<count {
            let (mine, theirs) = (labels[index], other.labels[index])
            if mine.name != theirs.name { return mine.name.utf8.lexicographicallyPrecedes(theirs.name.utf8) }
            if mine.value != theirs.value { return mine.value.utf8.lexicographicallyPrecedes(theirs.value.utf8) }
        }
        return self.count < other.count
    }

    /// `{__name__="up", job="a"}`, as Prometheus's error messages show a series.
    var plainText: String {
        "{" + labels.map { "\($0.name)=\(GoQuoted.quote($0.value))" }.joined(separator: ", ") + "}"
    }
}
