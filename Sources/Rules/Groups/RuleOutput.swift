import Telemetry

/// The series that a rule writes, each the same object for as long as its label set is there, and the marks of their ends.
struct RuleOutput: Sendable {
    private struct Entry: Sendable {
        var series: Series
        /// The last evaluation that wrote it.
        var round: UInt64
    }

    private var entries: [LabelSet: Entry] = [:]
    private var round: UInt64 = 0

    /// Of all series of one name.
    private var metadata: [String: MetricMetadata] = [:]

    /// Begins an evaluation.
    mutating func begin() { round += 1 }

    /// Knows of a series that was written before a restart, so that its end shows.
    mutating func expect(_ labels: LabelSet) {
        entries[labels] = Entry(
            series: Series(labels: labels, metadata: metadata(labels["__name__"] ?? "")), round: round)
    }

    /// Writes a sample; `labels` with `__name__`.
    mutating func write(_ labels: LabelSet, _ value: Double, at time: Int64, into batch: inout SeriesBatch) {
        let series: Series
        if let entry = entries[labels] {
            series = entry.series
        } else {
            series = Series(labels: labels, metadata: metadata(labels["__name__"] ?? ""))
        }
        entries[labels] = Entry(series: series, round: round)
        batch.samples.append(SeriesSample(series: series, timestamp: time, value: value))
    }

    /// Ends an evaluation: what it did not write has ended.
    mutating func finish(at time: Int64, into batch: inout SeriesBatch) {
        guard entries.contains(where: { $0.value.round != round }) else { return }
        for (labels, entry) in entries where entry.round != round {
            batch.samples.append(SeriesSample(series: entry.series, timestamp: time, value: StaleMarker.value))
            entries[labels] = nil
        }
    }

    /// Ends everything.
    mutating func end(at time: Int64, into batch: inout SeriesBatch) {
        begin()
        finish(at: time, into: &batch)
    }

    var count: Int { entries.count }

    private mutating func metadata(_ name: String) -> MetricMetadata {
        if let known = metadata[name] { return known }
        let made = MetricMetadata(name: name, type: .gauge)
        metadata[name] = made
        return made
    }
}
