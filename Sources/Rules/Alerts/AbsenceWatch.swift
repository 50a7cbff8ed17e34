import Telemetry

/// Label sets that an expression found lately, and since when it does not find some of them any more: what `absent_for`
/// asks about. Times are milliseconds since 1970.
///
/// It remembers at most `capacity` label sets; beyond that new ones are not watched, and `overflow` counts them.
struct AbsenceWatch: Sendable {
    /// One that is watched.
    struct Entry: Sendable, Equatable {
        /// nil while it is there.
        var goneSince: Int64?
        var value: Double
    }

    private(set) var entries: [LabelSet: Entry] = [:]
    private(set) var changed: Set<LabelSet> = []
    private(set) var overflow = 0

    static let capacity = 10_000
    /// What has been gone for so long beyond the rule's time is no longer missed.
    static let memory: Int64 = 24 * 3_600_000

    init(_ entries: [LabelSet: Entry] = [:]) { self.entries = entries }

    mutating func forgetChanges() { changed.removeAll(keepingCapacity: true) }

    /// Takes in what was found at `time`, and returns what has been gone for `wait` or longer, with its last value.
    mutating func step(_ found: [VectorSample], at time: Int64, wait: Int64) -> [VectorSample] {
        changed.removeAll(keepingCapacity: true)
        var present: Set<LabelSet> = []
        for sample in found {
            present.insert(sample.labels)
            if let entry = entries[sample.labels] {
                if entry.goneSince != nil { changed.insert(sample.labels) }
                entries[sample.labels] = Entry(goneSince: nil, value: sample.value)
            } else if entries.count < Self.capacity {
                entries[sample.labels] = Entry(goneSince: nil, value: sample.value)
                changed.insert(sample.labels)
            } else {
                overflow += 1
            }
        }
        var missed: [VectorSample] = []
        for (labels, entry) in entries where !present.contains(labels) {
            let since = entry.goneSince ?? time
            if entry.goneSince == nil {
                entries[labels] = Entry(goneSince: since, value: entry.value)
                changed.insert(labels)
            }
            if time - since >= wait + Self.memory {
                entries[labels] = nil
                changed.insert(labels)
            } else if time - since >= wait {
                missed.append(VectorSample(labels: labels, timestamp: time, value: entry.value))
            }
        }
        return missed
    }
}
