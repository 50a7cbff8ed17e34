import Bytes
import Synchronization
import Telemetry

/// What was handed over and is not in the queue yet.
struct Arrivals: Sendable {
    var batches: [SeriesBatch] = []
    var samples = 0
    /// When the first of them came: on the monotonic clock, and in milliseconds since 1970.
    var since = Timestamp(nanoseconds: 0)
    var arrived: Int64 = 0
    var isStopped = false
}

/// Turns what was handed over into records of the queue, on a thread of its own.
///
/// It waits for at most a second after the first sample: kill -9 or a crash of the machine's kernel loses what came in
/// that time, everything before is in the queue.
final class Intake: Sendable {
    /// Seconds from the first sample to the record that holds it. Measured: a sample takes 16.8 bytes in a record of
    /// 1,500, 18.9 in one of 160, 29 in one of 28, so that sources which come one after another cost little more than those
    /// that come together.
    static let flushSeconds = 1.0
    /// Uncompressed bytes at which a record is closed, whatever the number of its samples.
    private static let recordBytes = 2 << 20

    private let arrivals = Condition(Arrivals())
    private let queue: DiskQueue
    private let metrics: RemoteWriteMetrics
    private let condition: RemoteWriteCondition
    private let families = Mutex(MetadataTable())
    private let configuration: RemoteWriteConfiguration
    private let relabeler: Relabeler?

    init(
        _ configuration: RemoteWriteConfiguration, relabeler: Relabeler?, queue: DiskQueue, metrics: RemoteWriteMetrics,
        condition: RemoteWriteCondition
    ) {
        self.configuration = configuration
        self.relabeler = relabeler
        self.queue = queue
        self.metrics = metrics
        self.condition = condition
    }

    var samples: Int { arrivals.withLock { $0.samples } }

    /// Takes a batch over, which costs the caller a reference to its arrays; drops it where too much waits already.
    func append(_ batch: borrowing SeriesBatch) {
        let samples = batch.samples.count
        let exemplars = batch.exemplars.count
        guard samples > 0 else { return }
        let now = Timestamp.monotonic
        let outcome = arrivals.withLock { arrivals -> (isTaken: Bool, wakes: Bool, isLate: Bool) in
            guard !arrivals.isStopped else { return (false, false, true) }
            // A batch that is larger than the bound alone is taken when nothing else waits.
            guard arrivals.samples == 0 || arrivals.samples + samples <= configuration.queueConfig.capacity else {
                return (false, false, false)
            }
            let isFirst = arrivals.batches.isEmpty
            if isFirst {
                arrivals.since = now
                arrivals.arrived = Timestamp.now.milliseconds
            }
            arrivals.batches.append(copy batch)
            arrivals.samples += samples
            return (true, isFirst || arrivals.samples >= configuration.queueConfig.maxSamplesPerSend, false)
        }
        guard outcome.isTaken else {
            if !outcome.isLate { condition.lost(.capacity) }
            return metrics.dropped(samples, exemplars, .capacity)
        }
        if outcome.wakes { arrivals.change { _ in } }
    }

    /// The families seen so far.
    var metadata: [MetricMetadata] { families.withLock { $0.all } }

    /// Has `run` write what there is and return.
    func stop() { arrivals.change { $0.isStopped = true } }

    /// Writes records until it is stopped. For a thread of its own.
    func run() {
        var work = IntakeWork(configuration, relabeler)
        while true {
            let (batch, isLast) = take()
            if !batch.batches.isEmpty { write(batch, &work) }
            queue.maintain()
            condition.show(disk: queue.trouble)
            if isLast { break }
        }
        queue.synchronize()
    }

    /// Waits for what is to be written, at most a second for the first of it and a second for more.
    private func take() -> (Arrivals, isLast: Bool) {
        func taken(_ arrivals: inout Arrivals) -> (Arrivals, isLast: Bool) {
            var taken = Arrivals()
            taken.isStopped = arrivals.isStopped
            swap(&taken, &arrivals)
            return (taken, taken.isStopped)
        }
        func isDue(_ arrivals: Arrivals) -> Bool {
            arrivals.isStopped || arrivals.samples >= configuration.queueConfig.maxSamplesPerSend
                || !arrivals.batches.isEmpty
                    && Timestamp.monotonic.seconds(since: arrivals.since) >= Self.flushSeconds
        }
        var deadline = Timestamp(nanoseconds: Timestamp.monotonic.nanoseconds + Int64(Self.flushSeconds * 1e9))
        while true {
            let result = arrivals.wait(until: deadline) { arrivals in isDue(arrivals) ? taken(&arrivals) : nil }
            if let result { return result }
            let since = arrivals.withLock { $0.batches.isEmpty ? nil : $0.since }
            guard let since else { return (Arrivals(), false) }
            deadline = Timestamp(nanoseconds: since.nanoseconds + Int64(Self.flushSeconds * 1e9))
        }
    }

    private func write(_ arrivals: Arrivals, _ work: inout IntakeWork) {
        let now = Timestamp.monotonic
        var newest = Int64.min
        var exemplarCount = 0
        for batch in arrivals.batches {
            exemplarCount += batch.exemplars.count
            // They go with the first sample of their series.
            var exemplars =
                configuration.sendExemplars && !batch.exemplars.isEmpty
                ? Dictionary(grouping: batch.exemplars) { ObjectIdentifier($0.series) } : [:]
            for sample in batch.samples {
                newest = max(newest, sample.timestamp)
                let own = exemplars.isEmpty ? nil : exemplars.removeValue(forKey: ObjectIdentifier(sample.series))
                add(sample, own ?? [], &work, now)
                if work.encoder.summary.samples >= configuration.queueConfig.maxSamplesPerSend
                    || work.encoder.byteCount >= Self.recordBytes
                {
                    finish(arrivals.arrived, &work)
                }
            }
        }
        finish(arrivals.arrived, &work)
        work.countDrops(metrics)
        metrics.came(samples: arrivals.samples, exemplars: exemplarCount, newest: newest)
        work.cache.tidy(now: now)
        work.encoder.release()
    }

    private func add(_ sample: SeriesSample, _ exemplars: [SeriesExemplar], _ work: inout IntakeWork, _ now: Timestamp)
    {
        let (index, isNew) = work.cache.index(of: sample.series, now: now)
        if isNew, configuration.metadataConfig.send { families.withLock { $0.add(sample.series.metadata) } }
        let isStale = StaleMarker.isStale(sample.value)
        // It has ended: what comes under this name again is another series.
        defer { if isStale { work.cache.remove(index) } }
        guard work.cache.isSent(index) else { return work.drop(.relabelled) }
        let last = work.cache.lastTimestamp(index)
        guard sample.timestamp > last else {
            return work.drop(sample.timestamp == last ? .duplicate : .outOfOrder)
        }
        work.cache.took(index, timestamp: sample.timestamp)
        let labels = exemplars.map { work.cache.numbers(of: $0.labels) }
        work.encoder.add(work.cache, index, sample, exemplars: exemplars, exemplarLabels: labels)
    }

    private func finish(_ arrived: Int64, _ work: inout IntakeWork) {
        guard !work.encoder.isEmpty else { return }
        work.record.removeAll()
        work.encoder.finish(into: &work.record, &work.scratch)
        queue.append(work.record.bytes, work.encoder.summary, arrived: arrived)
        work.encoder.begin()
    }
}

/// What the intake's thread keeps from record to record.
struct IntakeWork: ~Copyable {
    var cache: SentSeriesCache
    var encoder: RecordEncoder
    var record = ByteBuffer()
    var scratch = ByteBuffer()
    private var drops: [DropReason: Int] = [:]

    init(_ configuration: RemoteWriteConfiguration, _ relabeler: Relabeler?) {
        cache = SentSeriesCache(
            relabeler: relabeler, externalLabels: configuration.externalLabels, now: .monotonic)
        encoder = RecordEncoder(storesMetadata: configuration.message == .v2 && configuration.metadataConfig.send)
    }

    mutating func drop(_ reason: DropReason) { drops[reason, default: 0] += 1 }

    /// Counts what was dropped since it was counted last.
    mutating func countDrops(_ metrics: RemoteWriteMetrics) {
        for (reason, samples) in drops { metrics.dropped(samples, 0, reason) }
        drops.removeAll(keepingCapacity: true)
    }
}
