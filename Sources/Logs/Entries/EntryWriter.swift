import Bytes
import Telemetry

/// A stream as its writer knows it. Only meaningful to the writer that gave it.
package struct StreamID: Hashable, Sendable {
    private let slot: Int32

    fileprivate init(index: Int) {
        // Memory ends long before.
        slot = Int32(clamping: index)
    }

    package var index: Int {
        @inline(__always) get { Int(slot) }
    }
}

/// Turns lines into blocks: one writer per source thread, nothing allocated per line.
///
/// Lines are appended to their stream as protobuf entries; `commit` makes one block per tenant of what is pending,
/// compresses it and hands it to the store together with the source's positions. Entries of one stream with the same
/// time stamp are spread by a nanosecond each, so that their order survives.
package struct EntryWriter: ~Copyable {
    /// Pending bytes at which `isFull` turns true: about one Loki batch.
    package static let targetSize = 1 << 20
    /// Streams with pending entries at which `isFull` turns true: each may have a tenant of its own, and a record holds
    /// 65,535 blocks at most.
    package static let targetStreams = 8192
    /// Buffers kept between commits; what is beyond is given back.
    private static let retainedCapacity = 3 << 20

    private var streams = Slots<StreamBuffer>()
    /// By hash of labels and tenant; where two have the same, by the next free number. The streams have the text.
    private var identifiers: [Int: StreamID] = [:]
    private var free: [Int] = []
    /// Streams that have pending entries, in the order of their first.
    private var pending: [Int] = []
    private var record = RecordBuilder()
    private var request = ByteBuffer(capacity: 64 << 10)
    private var index = ByteBuffer(capacity: 4 << 10)
    private var repaired = ByteBuffer()
    private let metrics: EntryMetrics
    private let cardinality: CardinalityGuard?

    /// Bytes of encoded entries not yet committed.
    package private(set) var pendingBytes = 0
    package private(set) var pendingEntries = 0

    /// `cardinality` moves labels with too many values out of the streams' identity.
    package init(metrics: EntryMetrics, cardinality: CardinalityGuard? = nil) {
        self.metrics = metrics
        self.cardinality = cardinality
    }

    /// A writer for the source that `context` was made for.
    package init(_ context: SourceContext, source: String) {
        self.init(metrics: EntryMetrics(context.metrics, source: source), cardinality: context.cardinality)
    }

    /// Whether it is time to commit.
    package var isFull: Bool {
        @inline(__always) get { pendingBytes >= Self.targetSize || pending.count >= Self.targetStreams }
    }

    /// The stream with these labels, known from now on. Not for each line: keep the result.
    package mutating func stream(labels: LabelSet, tenant: String = "") -> StreamID {
        let key = labels.description.compacted
        let number = number(of: key, tenant)
        if let known = identifiers[number] { return known }
        let (kept, moved) = cardinality?.split(labels) ?? (labels, [])
        var constants = ByteBuffer()
        for label in moved { StructuredMetadata.append(label.name, label.value, to: &constants) }
        let text = moved.isEmpty ? key : kept.description
        let id: StreamID
        if let slot = free.popLast() {
            id = StreamID(index: slot)
            streams[slot].reset(key: key, labels: text, tenant: tenant, metadata: constants)
        } else {
            id = StreamID(index: streams.count)
            streams.append(StreamBuffer(key: key, labels: text, tenant: tenant, metadata: constants))
        }
        identifiers[number] = id
        return id
    }

    private static func hash(_ key: String, _ tenant: String) -> Int {
        var hasher = Hasher()
        hasher.combine(key)
        hasher.combine(tenant)
        return hasher.finalize()
    }

    /// Where a stream is listed, or would be.
    private func number(of key: String, _ tenant: String) -> Int {
        var number = Self.hash(key, tenant)
        while let known = identifiers[number],
            streams[known.index].key != key || streams[known.index].tenant != tenant
        {
            number &+= 1
        }
        return number
    }

    /// Forgets a stream that will get no more lines; its pending ones are still committed.
    package mutating func forget(_ stream: StreamID) {
        let slot = stream.index
        var number = number(of: streams[slot].key, streams[slot].tenant)
        identifiers[number] = nil
        // Those behind it may be there only because its place was taken.
        number &+= 1
        while let other = identifiers.removeValue(forKey: number) {
            identifiers[self.number(of: streams[other.index].key, streams[other.index].tenant)] = other
            number &+= 1
        }
        if streams[slot].entryCount == 0 { recycle(slot) } else { streams[slot].isForgotten = true }
    }

    private mutating func recycle(_ slot: Int) {
        streams[slot].entries.release()
        free.append(slot)
    }

    /// Adds one line. `metadata` holds encoded structured metadata (`StructuredMetadata`), or nothing.
    /// Ill-formed UTF-8 in the line is replaced and counted.
    @inline(__always)
    package mutating func append(_ stream: StreamID, _ timestamp: Timestamp, _ line: RawSpan, metadata: RawSpan) {
        if line.isUTF8 {
            add(stream, timestamp, line, metadata)
        } else {
            addRepaired(stream, timestamp, line, metadata)
        }
    }

    /// Adds one line without structured metadata.
    @inline(__always)
    package mutating func append(_ stream: StreamID, _ timestamp: Timestamp, _ line: RawSpan) {
        append(stream, timestamp, line, metadata: RawSpan())
    }

    @inline(never)
    private mutating func addRepaired(
        _ stream: StreamID, _ timestamp: Timestamp, _ line: RawSpan, _ metadata: RawSpan
    ) {
        repaired.removeAll()
        _ = repaired.append(repairing: line)
        metrics.invalidUTF8.add()
        if streams[stream.index].entryCount == 0 { pending.append(stream.index) }
        pendingBytes &+= Self.append(repaired, metadata, timestamp, to: &streams[stream.index])
        pendingEntries &+= 1
    }

    // The buffers come in as parameters: a span of one stored property borrows all of self.
    private static func append(
        _ line: borrowing ByteBuffer, _ metadata: RawSpan, _ timestamp: Timestamp, to stream: inout StreamBuffer
    ) -> Int {
        stream.append(timestamp, line.bytes, metadata)
    }

    @inline(__always)
    private mutating func add(_ stream: StreamID, _ timestamp: Timestamp, _ line: RawSpan, _ metadata: RawSpan) {
        if streams[stream.index].entryCount == 0 { pending.append(stream.index) }
        pendingBytes &+= streams[stream.index].append(timestamp, line, metadata)
        pendingEntries &+= 1
    }

    /// Stores everything pending together with `positions`; see `CommitSink.commit`. After a throw the entries are
    /// still pending.
    ///
    /// What is more than a record holds goes into several: the entries first, so that a crash in between makes sources
    /// repeat lines and never skip one.
    package mutating func commit(
        positions: [PositionUpdate], to sink: any CommitSink, policy: FullPolicy = .wait, stop: StopToken
    ) throws(CommitError) {
        guard !pending.isEmpty || !positions.isEmpty else { return }
        var tenants = pendingTenants()
        while tenants.count > RecordFormat.blockLimit {
            try commit(Array(tenants.prefix(RecordFormat.blockLimit)), [], sink, policy, stop)
            tenants.removeFirst(RecordFormat.blockLimit)
        }
        let limit = RecordFormat.positionLimit
        try commit(tenants, positions.count > limit ? Array(positions.prefix(limit)) : positions, sink, policy, stop)
        for start in stride(from: limit, to: positions.count, by: limit) {
            let rest = positions[start..<min(start + limit, positions.count)]
            try commit([], Array(rest), sink, policy, stop)
        }
    }

    /// The streams with pending entries, by tenant; both in the order of their first entry.
    private func pendingTenants() -> [[Int]] {
        guard let first = pending.first else { return [] }
        // Mostly there is one.
        if pending.allSatisfy({ streams[$0].tenant == streams[first].tenant }) { return [pending] }
        var numbers: [String: Int] = [:]
        var tenants: [[Int]] = []
        for slot in pending {
            let number = numbers[streams[slot].tenant] ?? tenants.count
            if number == tenants.count {
                numbers[streams[slot].tenant] = number
                tenants.append([])
            }
            tenants[number].append(slot)
        }
        return tenants
    }

    /// One record: a block for each tenant's streams, and the positions.
    private mutating func commit(
        _ tenants: [[Int]], _ positions: [PositionUpdate], _ sink: any CommitSink, _ policy: FullPolicy,
        _ stop: StopToken
    ) throws(CommitError) {
        record.removeAll()
        var bytes = 0
        for slots in tenants { bytes += encodeBlock(slots) }
        let entries = record.entryCount
        try sink.commit(&record, positions: positions, policy: policy, stop: stop)
        metrics.entries.add(entries)
        metrics.bytes.add(bytes)
        pendingEntries -= entries
        pendingBytes -= bytes
        clear(tenants)
    }

    /// Adds a block of these streams to the record; returns the bytes of their entries.
    private mutating func encodeBlock(_ slots: [Int]) -> Int {
        request.removeAll()
        index.removeAll()
        var entries = 0
        var earliest = Timestamp(nanoseconds: .max)
        var latest = Timestamp(nanoseconds: .min)
        var bytes = 0
        for slot in slots {
            streams[slot].encode(into: &request, index: &index)
            bytes += streams[slot].entries.count
            earliest = min(earliest, streams[slot].earliest)
            latest = max(latest, streams[slot].latest)
            entries += streams[slot].entryCount
        }
        Self.append(
            request, index, to: &record, tenant: slots.first.map { streams[$0].tenant } ?? "", entryCount: entries,
            earliest: earliest, latest: latest, streamCount: slots.count)
        return bytes
    }

    private static func append(
        _ request: borrowing ByteBuffer, _ index: borrowing ByteBuffer, to record: inout RecordBuilder,
        tenant: String, entryCount: Int, earliest: Timestamp, latest: Timestamp, streamCount: Int
    ) {
        record.append(
            request: request.bytes, tenant: tenant, entryCount: entryCount, earliest: earliest, latest: latest,
            streamCount: streamCount, streams: index.bytes)
    }

    private mutating func clear(_ tenants: [[Int]]) {
        var retained = 0
        var count = 0
        for slots in tenants {
            for slot in slots {
                streams[slot].clear()
                retained += streams[slot].entries.capacity
                if retained > Self.retainedCapacity { streams[slot].entries.release() }
                if streams[slot].isForgotten { recycle(slot) }
            }
            count += slots.count
        }
        if count == pending.count {
            pending.removeAll(keepingCapacity: true)
        } else if count > 0 {
            // A stream without entries is not pending: it is named again with its next one.
            pending.removeAll { streams[$0].entryCount == 0 }
        }
    }

    /// Gives buffer memory back after a burst; call when idle.
    package mutating func releaseMemory() {
        guard pending.isEmpty else { return }
        for slot in 0..<streams.count { streams[slot].entries.release() }
        request.release()
        index.release()
        record = RecordBuilder()
    }
}

/// What an `EntryWriter` counts.
package struct EntryMetrics: Sendable {
    package let entries: Counter
    package let bytes: Counter
    package let invalidUTF8: Counter

    /// `source` names the source in the metrics' `source` label.
    package init(_ registry: MetricRegistry, source: String) {
        let labels: LabelSet = ["source": source]
        entries = registry.counter(
            "tocsin_source_stored_entries_total", help: "Lines committed to the store.", labels)
        bytes = registry.counter(
            "tocsin_source_stored_bytes_total", help: "Bytes of encoded entries committed to the store.", labels)
        invalidUTF8 = registry.counter(
            "tocsin_source_invalid_utf8_lines_total", help: "Lines in which ill-formed UTF-8 was replaced.", labels)
    }
}

extension String {
    /// The same text without the room for more that appending has left.
    var compacted: String {
        var text = self
        return text.withUTF8 { String(decoding: $0, as: UTF8.self) }
    }
}
