import Synchronization
import Telemetry

/// What the store counts.
struct StoreMetrics: Sendable {
    private let registry: MetricRegistry
    let records: Counter
    let writtenBytes: Counter
    let damagedBytes: Counter
    let damagedRecords: Counter
    let damagedEntries: Counter
    let tornBytes: Counter
    let writeErrors: Counter
    let synchronization: Histogram

    init(_ registry: MetricRegistry) {
        self.registry = registry
        records = registry.counter("tocsin_store_records_total", help: "Records made durable.")
        writtenBytes = registry.counter("tocsin_store_written_bytes_total", help: "Bytes of records made durable.")
        damagedBytes = registry.counter(
            "tocsin_store_damaged_bytes_total", help: "Bytes of segments that held no intact record and were skipped.")
        damagedRecords = registry.counter(
            "tocsin_store_damaged_records_total", help: "Records skipped because they were not intact; at least.")
        damagedEntries = registry.counter(
            "tocsin_store_damaged_entries_total", help: "Entries of these records, as far as can be told.")
        tornBytes = registry.counter(
            "tocsin_store_torn_bytes_total", help: "Bytes of unfinished records cut off the last segment at start.")
        writeErrors = registry.counter(
            "tocsin_store_write_errors_total", help: "Writes and syncs of segments and checkpoints that failed.")
        synchronization = registry.histogram(
            "tocsin_store_fsync_seconds", help: "Time that making a record durable took.",
            bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
    }

    /// The series of a destination's losses, so that they are there before the first.
    func expect(destination: String) {
        for reason in ["store_full", "disk_full", "damaged"] {
            dropped(entries: 0, bytes: 0, destination: destination, reason: reason)
        }
    }

    /// Forgets them.
    func forget(destination: String) {
        for name in ["tocsin_store_dropped_entries_total", "tocsin_store_dropped_bytes_total"] {
            for reason in ["store_full", "disk_full", "damaged"] {
                registry.remove(name, ["destination": destination, "reason": reason])
            }
        }
    }

    /// Counts what was deleted or damaged before `destination` had it.
    func dropped(entries: Int, bytes: Int, destination: String, reason: String) {
        let labels: LabelSet = ["destination": destination, "reason": reason]
        registry.counter(
            "tocsin_store_dropped_entries_total", help: "Entries deleted or damaged before a destination had them.",
            labels
        ).add(entries)
        registry.counter(
            "tocsin_store_dropped_bytes_total", help: "Bytes deleted or damaged before a destination had them.", labels
        ).add(bytes)
    }

    /// The gauges that are read from the store when they are asked for.
    func watch(_ store: LogStore) {
        func gauge(_ name: String, _ help: String, _ read: @escaping @Sendable (LogStore.State) -> Double) {
            registry.computed(name, help: help) { [weak store] in store.map { read($0.state.withLock { $0 }) } ?? 0 }
        }
        gauge("tocsin_store_size_bytes", "Bytes of all segments.") { Double($0.size) }
        gauge("tocsin_store_segments", "Number of segments.") { Double($0.segments.count) }
        gauge("tocsin_store_oldest_timestamp_seconds", "Time stamp of the oldest stored entry.") {
            $0.segments.first { $0.entryCount > 0 }.map { Double($0.earliest.nanoseconds) / 1e9 } ?? 0
        }
        gauge("tocsin_store_waiting", "Commits that wait for room or for the disk.") { Double($0.waiting) }
        gauge("tocsin_store_positions", "Positions of sources that are kept.") { Double($0.positions.count) }
    }
}
