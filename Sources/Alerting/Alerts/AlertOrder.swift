import Telemetry

/// The order in which alerts of a group are told: by job, by instance, then by their labels (`types.AlertSlice` and
/// `model.LabelSet.Before`).
enum AlertOrder {
    static func precedes(_ a: LabelSet, _ b: LabelSet) -> Bool {
        for name in ["job", "instance"] {
            switch (a[name], b[name]) {
            case (nil, nil): continue
            case (nil, _?): return false
            case (_?, nil): return true
            case (let first?, let second?):
                if first != second { return first.utf8.lexicographicallyPrecedes(second.utf8) }
            }
        }
        return precedesByLabels(a, b)
    }

    /// Fewer labels come first; then whoever lacks the first name that the other has, then smaller values.
    static func precedesByLabels(_ a: LabelSet, _ b: LabelSet) -> Bool {
        if a.count != b.count { return a.count < b.count }
        for (first, second) in zip(a.labels, b.labels) {
            if first.name != second.name {
                // The smaller of the two names is one that the other set does not have.
                return !first.name.utf8.lexicographicallyPrecedes(second.name.utf8)
            }
            if first.value != second.value { return first.value.utf8.lexicographicallyPrecedes(second.value.utf8) }
        }
        return false
    }
}
