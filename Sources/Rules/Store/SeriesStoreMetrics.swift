import Telemetry

/// What the store counts.
struct SeriesStoreMetrics: Sendable {
    let samples: Counter
    let late: Counter
    let duplicates: Counter
    let births: Counter
    let writtenBytes: Counter
    let writeErrors: Counter
    let damagedFiles: Counter
    let damagedChunks: Counter
    let otherVersionFiles: Counter
    let tornBytes: Counter
    let lostBytes: Counter
    let lostWindows: Counter
    let blocks: Counter
    let replaySeconds: Gauge
    private let dropped: [Reason: Counter]

    enum Reason: String, CaseIterable {
        /// Another value for a time that has one.
        case conflict
        /// Older than the window for late samples.
        case tooOld = "too_old"
        case tooManyLate = "too_many_late"
        case seriesLimit = "series_limit"
        case memoryLimit = "memory_limit"
    }

    init(_ registry: MetricRegistry) {
        func counter(_ name: String, _ help: String) -> Counter { registry.counter(name, help: help) }
        samples = counter(
            "tocsin_series_store_samples_total",
            "Samples taken into the series store, stale markers and late ones included.")
        late = counter(
            "tocsin_series_store_late_samples_total", "Samples taken that were older than the newest of their series.")
        duplicates = counter(
            "tocsin_series_store_duplicate_samples_total",
            "Samples ignored that were there already, with the same value.")
        births = counter("tocsin_series_store_births_total", "Counters whose beginning was seen.")
        writtenBytes = counter("tocsin_series_store_written_bytes_total", "Bytes written to logs and blocks.")
        writeErrors = counter(
            "tocsin_series_store_write_errors_total", "Writes and syncs of logs and blocks that failed.")
        damagedFiles = counter(
            "tocsin_series_store_damaged_files_total", "Logs and blocks found damaged as a whole or in their end.")
        otherVersionFiles = counter(
            "tocsin_series_store_other_version_files_total",
            "Logs and blocks set aside at start that are of another version of their format.")
        damagedChunks = counter(
            "tocsin_series_store_damaged_chunks_total", "Times that a chunk was passed over because it is damaged.")
        tornBytes = counter(
            "tocsin_series_store_torn_bytes_total", "Bytes cut off the end of logs at start, of unfinished records.")
        lostBytes = counter(
            "tocsin_series_store_lost_log_bytes_total", "Bytes of log given up because the disk did not take them.")
        lostWindows = counter(
            "tocsin_series_store_lost_windows_total",
            "Stretches of samples given up because the disk did not take them and memory was full.")
        blocks = counter("tocsin_series_store_blocks_written_total", "Blocks written.")
        replaySeconds = registry.gauge(
            "tocsin_series_store_replay_seconds", help: "Time that reading blocks and logs took at start.")
        dropped = Dictionary(
            uniqueKeysWithValues: Reason.allCases.map { reason in
                (
                    reason,
                    registry.counter(
                        "tocsin_series_store_dropped_samples_total", help: "Samples that were not taken, by reason.",
                        ["reason": reason.rawValue])
                )
            })
    }

    func count(_ tally: StoreTally) {
        samples.add(tally.samples)
        late.add(tally.late)
        duplicates.add(tally.duplicates)
        births.add(tally.births)
        dropped[.conflict]?.add(tally.conflicts)
        dropped[.tooOld]?.add(tally.tooOld)
        dropped[.tooManyLate]?.add(tally.tooManyLate)
        dropped[.seriesLimit]?.add(tally.overSeriesLimit)
        dropped[.memoryLimit]?.add(tally.overMemoryLimit)
    }

    func dropped(_ reason: Reason) -> UInt64 { dropped[reason]?.current ?? 0 }
}
