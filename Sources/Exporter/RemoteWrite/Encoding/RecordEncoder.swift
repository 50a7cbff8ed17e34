import Bytes
import Telemetry

/// Why a sample is not sent, as `prometheus_remote_storage_samples_dropped_total` and `tocsin_remote_write_…` name it.
enum DropReason: String, Sendable, CaseIterable {
    /// A relabelling rule dropped its series, or left it without a name.
    case relabelled = "dropped_series"
    /// The series has one of this time already.
    case duplicate
    /// The series has a later one already.
    case outOfOrder = "out_of_order"
    /// More came at once than may wait in memory.
    case capacity
    /// The queue's room was needed for newer ones.
    case queueFull = "queue_full"
    /// Older than `sample_age_limit` or the queue's `max_age`.
    case tooOld = "too_old"
    /// Its place on disk was damaged.
    case damaged
}

/// What a record holds, told without reading it.
struct RecordSummary: Sendable, Equatable {
    var samples = 0
    var exemplars = 0
    /// Milliseconds since 1970; `oldest > newest` where there are no samples.
    var oldest = Int64.max
    var newest = Int64.min
}

/// Builds records: what is queued, in the form of a message of remote write 2.0 without metadata or with it, from which
/// both versions' requests are made. For one thread.
///
/// Symbol 0 is the empty one; each label of each sample then costs two bytes or three.
struct RecordEncoder: ~Copyable {
    private var symbolFields = ByteBuffer()
    private var seriesFields = ByteBuffer()
    private var scratch = ByteBuffer()
    private var inner = ByteBuffer()
    /// By the cache's symbol number: the record's, where `stamps` has the record's stamp.
    private var refs: [UInt32] = []
    private var stamps: [UInt32] = []
    private var stamp: UInt32 = 1
    private var symbolCount: UInt32 = 1
    private let storesMetadata: Bool

    private(set) var summary = RecordSummary()

    init(storesMetadata: Bool) {
        self.storesMetadata = storesMetadata
        begin()
    }

    var isEmpty: Bool { summary.samples == 0 && summary.exemplars == 0 }
    /// Uncompressed bytes.
    var byteCount: Int { symbolFields.count + seriesFields.count }

    /// Empties it for the next record.
    mutating func begin() {
        symbolFields.removeAll()
        symbolFields.append(WireTag.symbols)
        symbolFields.append(0)
        seriesFields.removeAll()
        summary = RecordSummary()
        symbolCount = 1
        stamp &+= 1
        if stamp == 0 {
            for index in stamps.indices { stamps[index] = 0 }
            stamp = 1
        }
    }

    /// Adds one sample with the exemplars that belong to it; `exemplarLabels` are the numbers of each one's labels.
    mutating func add(
        _ cache: borrowing SentSeriesCache, _ index: Int, _ sample: SeriesSample,
        exemplars: [SeriesExemplar] = [], exemplarLabels: [[Int32]] = []
    ) {
        guard let entry = cache.entries[index] else { return }
        scratch.removeAll()
        append(refs: entry.labels, cache)
        inner.removeAll()
        inner.append(WireTag.sampleValue)
        inner.append(littleEndian: sample.value.bitPattern)
        inner.append(WireTag.sampleTimestamp)
        inner.append(varint: UInt64(wire: sample.timestamp))
        if sample.startTimestamp != 0 {
            inner.append(WireTag.sampleStart)
            inner.append(varint: UInt64(wire: sample.startTimestamp))
        }
        scratch.append(sized: inner, tag: WireTag.samples)
        for (exemplar, labels) in zip(exemplars, exemplarLabels) { append(exemplar, labels, cache) }
        if storesMetadata { appendMetadata(entry, cache) }
        seriesFields.append(sized: scratch, tag: WireTag.series2)
        summary.samples += 1
        summary.exemplars += exemplars.count
        summary.oldest = min(summary.oldest, sample.timestamp)
        summary.newest = max(summary.newest, sample.timestamp)
    }

    private mutating func append(_ exemplar: SeriesExemplar, _ labels: [Int32], _ cache: borrowing SentSeriesCache) {
        // What was written so far is kept aside in `scratch`: an exemplar has label references of its own.
        inner.removeAll()
        var length = 0
        for number in labels { length += Varint.length(UInt64(ref(number, cache))) }
        if length > 0 {
            inner.append(WireTag.labelRefs)
            inner.append(varint: UInt64(length))
            for number in labels { inner.append(varint: UInt64(ref(number, cache))) }
        }
        inner.append(WireTag.exemplarValue2)
        inner.append(littleEndian: exemplar.value.bitPattern)
        inner.append(WireTag.exemplarTimestamp)
        inner.append(varint: UInt64(wire: exemplar.timestamp))
        scratch.append(sized: inner, tag: WireTag.exemplars2)
    }

    private mutating func appendMetadata(_ entry: CachedSeries, _ cache: borrowing SentSeriesCache) {
        inner.removeAll()
        let type = entry.series.metadata.type.wireNumber
        if type != 0 {
            inner.append(WireTag.metadataType)
            inner.append(varint: type)
        }
        let help = ref(entry.help, cache)
        if help != 0 {
            inner.append(WireTag.metadataHelp2)
            inner.append(varint: UInt64(help))
        }
        let unit = ref(entry.unit, cache)
        if unit != 0 {
            inner.append(WireTag.metadataUnit2)
            inner.append(varint: UInt64(unit))
        }
        scratch.append(sized: inner, tag: WireTag.metadata2)
    }

    private mutating func append(refs numbers: [Int32], _ cache: borrowing SentSeriesCache) {
        inner.removeAll()
        for number in numbers { inner.append(varint: UInt64(ref(number, cache))) }
        scratch.append(sized: inner, tag: WireTag.labelRefs)
    }

    /// The record's number of a symbol, which is added where the record does not have it yet.
    private mutating func ref(_ number: Int32, _ cache: borrowing SentSeriesCache) -> UInt32 {
        let index = Int(number)
        if index >= stamps.count {
            let more = max(index + 1, stamps.count * 2, 256) - stamps.count
            stamps.append(contentsOf: repeatElement(0, count: more))
            refs.append(contentsOf: repeatElement(0, count: more))
        }
        if stamps[index] == stamp { return refs[index] }
        stamps[index] = stamp
        if cache.symbols.symbol(index).byteCount == 0 {
            refs[index] = 0
            return 0
        }
        refs[index] = symbolCount
        symbolFields.append(sized: cache.symbols.symbol(index), tag: WireTag.symbols)
        symbolCount += 1
        return refs[index]
    }

    /// Appends the record, compressed, to `output`. `buffer` is overwritten.
    mutating func finish(into output: inout ByteBuffer, _ buffer: inout ByteBuffer) {
        buffer.removeAll()
        buffer.append(symbolFields.bytes)
        buffer.append(seriesFields.bytes)
        Snappy.compress(buffer.bytes, into: &output)
    }

    /// Gives memory back that a large record took.
    mutating func release() {
        begin()
        symbolFields.release(downTo: 64 << 10)
        seriesFields.release(downTo: 64 << 10)
    }
}

extension ByteBuffer {
    /// A field of bytes: its tag, its length, itself.
    mutating func append(sized bytes: RawSpan, tag: UInt8) {
        append(tag)
        append(varint: UInt64(bytes.byteCount))
        append(bytes)
    }

    mutating func append(sized buffer: borrowing ByteBuffer, tag: UInt8) { append(sized: buffer.bytes, tag: tag) }
}
