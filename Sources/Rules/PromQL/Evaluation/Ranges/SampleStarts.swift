/// A reader that knows for every sample when its counter began: Prometheus's start timestamps, 0 where there is none.
package protocol SampleStartReader: SampleReader {
    /// Appends one start for each sample that `append(samplesOf:after:through:to:)` would append; nothing for a series
    /// that has none.
    func append(startsOf series: SeriesID, after: Int64, through: Int64, to starts: inout [Int64])
}

/// When counters began, sample by sample; empty where that is not known.
struct SampleStarts {
    var times: [Int64] = []
    /// Where the whole series began; asked only if there are no `times`.
    var birth: Int64?

    /// Whether the counter began anew between two samples (Prometheus `promql/functions.go`, `isStartTimestampReset`).
    func isReset(_ earlier: Int, _ later: Int, _ columns: borrowing SampleColumns) -> Bool {
        guard !times.isEmpty else { return false }
        return SampleStarts.isReset(
            times[earlier], columns.timestamps[earlier], times[later], columns.timestamps[later])
    }

    /// The same of two samples, each with its counter's start and its own time.
    static func isReset(_ previousStart: Int64, _ previousTime: Int64, _ start: Int64, _ time: Int64) -> Bool {
        if start == 0 || start >= time || start < previousTime { return false }
        if start > previousTime { return true }
        // It began at the sample before: so do counters that are sent as differences, if that sample's own start is known.
        return previousStart <= previousTime && previousStart != 0 && previousStart != previousTime
    }

    /// Whether a sample began before the one before it, and not where that one did.
    func overlaps(_ earlier: Int, _ later: Int, _ columns: borrowing SampleColumns) -> Bool {
        guard !times.isEmpty else { return false }
        return times[later] != 0 && times[later] < columns.timestamps[earlier] && times[later] != times[earlier]
    }

    /// When the counter began, if that is inside the window and before its first sample.
    func start(in window: SampleWindow, _ columns: borrowing SampleColumns) -> Int64? {
        let start = times.isEmpty ? birth : times[window.first]
        guard let start, start != 0 || times.isEmpty, start > window.from, start < columns.timestamps[window.first]
        else {
            return nil
        }
        return start
    }
}
