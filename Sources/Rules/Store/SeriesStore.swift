import Bytes
import CLinux
import Glibc
import Synchronization
import Telemetry

/// Why a store cannot be opened.
package struct SeriesStoreError: Error, CustomStringConvertible, Sendable {
    package let description: String
}

/// The lock and what it guards, for store and readers.
final class LockedState: Sendable {
    let state: Guarded<StoreState>
    let shared: SharedIndex

    init(_ configuration: SeriesStoreConfiguration) {
        shared = SharedIndex()
        state = Guarded(StoreState(configuration, shared: shared))
    }
}

/// Every sample that the agent collects, scrapes, probes or records, compressed, for as long as rules need it.
///
/// `append` takes one short lock and never waits for a disk. A thread of the store's own writes what came into a log, once
/// a second, makes it durable every five, and makes a block of it, a file that is mapped: once an hour, and before reading
/// the log again would take long. What a reader sees does not change while it is open. Safe from any thread.
package final class SeriesStore: SampleSink, SampleSource {
    let locked: LockedState
    let configuration: SeriesStoreConfiguration
    let metrics: SeriesStoreMetrics
    /// Nil for a store in memory alone. Whoever writes files has it.
    let writer: Guarded<StoreWriter>
    let signal = Condition(StoreSignal())
    /// Bytes of logs; apart, for who asks must not wait while files are written.
    let logBytes = Atomic<Int>(0)
    let isRetentionKnown = Atomic<Bool>(false)
    private let thread = Mutex<WorkerThread?>(nil)
    private let troubles = Mutex<[String: String]>([:])
    private let lock: StoreFile?

    /// Opens the store, reads what its files have, and reports damage in `trouble` and metrics. `faults` are for tests.
    package init(
        configuration: SeriesStoreConfiguration, metrics registry: MetricRegistry, faults: DiskFaults = DiskFaults()
    ) throws(SeriesStoreError) {
        self.configuration = configuration
        metrics = SeriesStoreMetrics(registry)
        locked = LockedState(configuration)
        do throws(SystemError) {
            lock = try configuration.directory.flatMap { path throws(SystemError) in
                try Self.lockDirectory(path, isReadOnly: configuration.isReadOnly)
            }
        } catch {
            throw SeriesStoreError(
                description: error.code == EWOULDBLOCK || error.code == EAGAIN
                    ? "something else uses the series store in \(error.path): stop the other agent"
                    : "the series store needs a directory it can \(configuration.isReadOnly ? "read" : "write"): \(error)"
            )
        }
        writer = Guarded(
            StoreWriter(directory: configuration.directory.map { StoreDirectory(path: $0) }, faults: faults))
        let start = Timestamp.monotonic
        recover()
        metrics.replaySeconds.set(Timestamp.monotonic.seconds(since: start))
        publish(registry)
    }

    /// Nil where no agent has ever locked a directory that is only read.
    private static func lockDirectory(_ path: String, isReadOnly: Bool) throws(SystemError) -> StoreFile? {
        let directory = StoreDirectory(path: path)
        if isReadOnly {
            if access(directory.file("lock"), F_OK) != 0 { return nil }
        } else {
            try directory.create()
        }
        let file = try StoreFile(path: directory.file("lock"), flags: isReadOnly ? O_RDONLY : O_RDWR | O_CREAT)
        let code = clinux_lock_file(file.descriptor)
        if code != 0 { throw SystemError(call: "lock", path: path, code: code) }
        return file
    }

    /// Begins to write files. Once; `setRetention` comes before it.
    package func start() {
        guard !configuration.isReadOnly else { return }
        thread.withLock { thread in
            if thread == nil { thread = WorkerThread(name: "series-store") { [self] in run() } }
        }
    }

    /// Writes what was appended, makes it durable, and ends the thread. A store that was not started is only flushed.
    package func stop() {
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        signal.change { $0.isStopped = true }
        running?.join()
        if !configuration.isReadOnly { flush(durable: true) }
    }

    // MARK: Samples

    package func append(_ batch: borrowing SeriesBatch) {
        guard !batch.samples.isEmpty else { return }
        let (tally, wakes) = locked.state.withLock { state -> (StoreTally, Bool) in
            let hadBytes = !state.log.bytes.isEmpty
            state.append(batch.samples)
            defer { state.tally = StoreTally() }
            return (state.tally, !hadBytes && !state.log.bytes.isEmpty || state.mustSeal)
        }
        metrics.count(tally)
        if wakes { signal.change { $0.hasSamples = true } }
    }

    package func read<Result>(_ body: (any SampleReader) throws -> Result) rethrows -> Result {
        let reader = locked.state.withLock { state in
            state.readers += 1
            return StoreReader(locked, state)
        }
        // A block's file may be truncated by somebody: zeros then, which no checksum meets.
        if reader.hasMappedFiles { clinux_guard_mappings() }
        defer {
            locked.state.withLock { $0.readers -= 1 }
            metrics.damagedChunks.add(reader.damagedChunks)
        }
        return try body(reader)
    }

    // MARK: Retention

    /// Keeps samples of all series for `minimum` milliseconds, and of those that all matchers of an element of `longer`
    /// take for as long as that says. Until it is called the store's thread lets nothing go for its age, only for its size.
    package func setRetention(minimum: Int64, longer: [(matchers: [LabelMatcher], milliseconds: Int64)]) {
        var retention = StoreRetention(minimum: minimum)
        retention.longer = longer.map { StoreRetention.Longer(matchers: $0.matchers, duration: $0.milliseconds) }
        defer { isRetentionKnown.store(true, ordering: .relaxed) }
        // New series get theirs from here on; those there are are looked at without the lock.
        let known = locked.state.withLock { state in
            state.retention = retention
            return state.entries
        }
        let horizons = known.map { $0.map { retention.horizon(of: $0.series.labels) } }
        locked.state.withLock { state in
            for (place, horizon) in horizons.enumerated() {
                guard let horizon, let entry = known[place], state.entries[place]?.id == entry.id else { continue }
                state.states[place].horizon = horizon
            }
        }
    }

    // MARK: What there is

    package var seriesCount: Int { locked.state.withLock { $0.seriesCount } }

    /// Files that were found damaged since the start.
    package var damagedFiles: Int { Int(clamping: metrics.damagedFiles.current) }

    /// What is known about the families of the series that are there, each once, in no order; series of which nothing but their
    /// name is known are left out.
    package var families: [MetricMetadata] {
        let entries = locked.state.withLock { $0.entries }
        var seen: Set<ObjectIdentifier> = []
        var byName: [String: [MetricMetadata]] = [:]
        for case let entry? in entries {
            let family = entry.series.metadata
            guard seen.insert(ObjectIdentifier(family)).inserted else { continue }
            if family.type == .untyped, family.help.isEmpty, family.unit.isEmpty { continue }
            let isKnown = byName[family.name]?.contains {
                $0.type == family.type && $0.help == family.help && $0.unit == family.unit
            }
            if isKnown != true { byName[family.name, default: []].append(family) }
        }
        return byName.values.flatMap { $0 }
    }

    /// Bytes of samples, series and indexes in memory, about; mapped files are not in it.
    package var memoryInUse: Int { locked.state.withLock { $0.memory } }

    /// Bytes of files.
    package var diskInUse: Int { logBytes.load(ordering: .relaxed) + locked.state.withLock { Self.blockBytes($0) } }

    static func blockBytes(_ state: borrowing StoreState) -> Int {
        state.blocks.reduce(0) { $0 + ($1.isMapped ? $1.size : 0) }
    }

    /// What is wrong, in sentences that say what to do; nil where all is well. Damage found at start is told until the next.
    package var trouble: String? {
        let all = troubles.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
        return all.isEmpty ? nil : all.joined(separator: "; ")
    }

    func setTrouble(_ subject: String, _ sentence: String?) { troubles.withLock { $0[subject] = sentence } }

    private func publish(_ registry: MetricRegistry) {
        registry.computed("tocsin_series_store_series", help: "Series in the store.") { [weak self] in
            Double(self?.seriesCount ?? 0)
        }
        registry.computed(
            "tocsin_series_store_memory_bytes",
            help: "Memory of samples, series and indexes, mapped files not included."
        ) { [weak self] in Double(self?.memoryInUse ?? 0) }
        registry.computed("tocsin_series_store_disk_bytes", help: "Bytes of logs and blocks.") { [weak self] in
            Double(self?.diskInUse ?? 0)
        }
    }
}

/// What the store's thread waits for.
struct StoreSignal: Sendable {
    var hasSamples = false
    var isStopped = false
}
