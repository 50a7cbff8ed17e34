import Bytes
import Logs
import Telemetry

/// One line found in the store.
package struct FoundEntry: Sendable, Equatable {
    package var timestamp: Timestamp
    package var labels: LabelSet
    package var line: String
    package var metadata: [Label]
    package var tenant: String

    package init(timestamp: Timestamp, labels: LabelSet, line: String, metadata: [Label], tenant: String) {
        self.timestamp = timestamp
        self.labels = labels
        self.line = line
        self.metadata = metadata
        self.tenant = tenant
    }
}

/// Looks a query's lines up in the store, the running agent's or one at rest.
///
/// Blocks are chosen by their index (time range, streams) and only then decoded. Memory: one block, plus the entries
/// asked for.
package struct LogSearch: ~Copyable {
    package typealias Read = (RecordLocation, Bool, inout StoredRecord) throws(StoreError) -> RecordReadResult

    /// A block that may hold lines.
    private struct Candidate {
        var record: RecordLocation
        var block: Int
        var latest: Timestamp
    }

    private let query: LogQuery
    private let read: Read
    private var record = StoredRecord()
    private var request = ByteBuffer()
    private var labels: [String: LabelSet?] = [:]
    /// Distinct label strings remembered; more than a host has streams.
    private static let rememberedStreams = 10_000

    package init(_ query: LogQuery, read: @escaping Read) {
        self.query = query
        self.read = read
    }

    /// The newest `limit` lines with `start <= time < end`, oldest first, and where the store ended.
    package mutating func newest(
        _ limit: Int, from start: Timestamp, until end: Timestamp
    ) throws(StoreError) -> (entries: [FoundEntry], next: RecordLocation) {
        var (candidates, next) = try candidates(from: start, until: end)
        candidates.sort { $0.latest > $1.latest }
        var found: [FoundEntry] = []
        var oldestKept = start
        for candidate in candidates {
            if found.count >= limit, candidate.latest < oldestKept { break }
            guard try read(candidate.record, false, &record) == .record, candidate.record == record.location else {
                continue
            }
            collect(block: candidate.block, from: found.count >= limit ? oldestKept : start, until: end, into: &found)
            if found.count > limit {
                found.sort { $0.timestamp < $1.timestamp }
                found.removeFirst(found.count - limit)
            }
            if found.count == limit { oldestKept = found.map(\.timestamp).min() ?? start }
        }
        found.sort { $0.timestamp < $1.timestamp }
        return (found, next)
    }

    /// Lines of the records from `location` on, in the order of the store, at most one record's; `location` moves past
    /// it. False when there is no further record for now.
    package mutating func next(
        at location: inout RecordLocation, from start: Timestamp, into found: inout [FoundEntry]
    ) throws(StoreError) -> Bool {
        switch try read(location, true, &record) {
        case .end: return false
        case .damaged(let next): location = next
        case .record:
            location = record.next
            let wanted = record.blocks.indices.filter { selects(record.blocks[$0], from: start, until: .distantFuture) }
            guard !wanted.isEmpty else { return true }
            guard try read(record.location, false, &record) == .record else { return true }
            for block in wanted { collect(block: block, from: start, until: .distantFuture, into: &found) }
        }
        return true
    }

    private mutating func candidates(
        from start: Timestamp, until end: Timestamp
    ) throws(StoreError) -> ([Candidate], RecordLocation) {
        var candidates: [Candidate] = []
        var location = RecordLocation(segment: 0, offset: 0)
        while true {
            switch try read(location, true, &record) {
            case .end: return (candidates, location)
            case .damaged(let next): location = next
            case .record:
                for block in record.blocks.indices where selects(record.blocks[block], from: start, until: end) {
                    candidates.append(
                        Candidate(record: record.location, block: block, latest: record.blocks[block].latest))
                }
                location = record.next
            }
        }
    }

    private mutating func selects(_ block: BlockIndex, from start: Timestamp, until end: Timestamp) -> Bool {
        guard block.latest >= start, block.earliest < end else { return false }
        for stream in block.streams where labels(of: stream.labels) != nil { return true }
        return false
    }

    /// The stream's labels if the query selects them.
    private mutating func labels(of text: String) -> LabelSet? {
        if let known = labels[text] { return known }
        if labels.count >= Self.rememberedStreams { labels.removeAll() }
        let parsed = StreamLabelsReader.read(text).flatMap { query.selects($0) ? $0 : nil }
        labels[text] = .some(parsed)
        return parsed
    }

    private mutating func collect(
        block: Int, from start: Timestamp, until end: Timestamp, into found: inout [FoundEntry]
    ) {
        guard block < record.blocks.count else { return }
        var offset = 0
        for earlier in record.blocks[..<block] { offset += earlier.payloadLength }
        let index = record.blocks[block]
        request.removeAll()
        guard Self.uncompress(record.payload, offset, index.payloadLength, into: &request) else { return }
        var selected: [String: LabelSet] = [:]
        for stream in index.streams { selected[stream.labels] = labels(of: stream.labels) }
        Self.collect(request, query, selected, index.tenant, start, end, into: &found)
    }

    // The buffers come in as parameters: a span of one stored property borrows all of self.
    private static func uncompress(
        _ payload: borrowing ByteBuffer, _ offset: Int, _ length: Int, into request: inout ByteBuffer
    ) -> Bool {
        (try? Snappy.uncompress(payload.bytes.slice(offset, offset + length), into: &request)) != nil
    }
}

extension LogSearch {
    /// Adds the lines of one block that the query accepts. A block that is not a push request gives what is before
    /// the damage.
    private static func collect(
        _ request: borrowing ByteBuffer, _ query: LogQuery, _ selected: [String: LabelSet], _ tenant: String,
        _ start: Timestamp, _ end: Timestamp, into found: inout [FoundEntry]
    ) {
        let bytes = request.bytes
        var reader = PushRequestReader()
        while let stream = try? reader.nextStream(bytes) {
            guard let labels = selected[String(lossy: bytes.slice(stream.labels))] else { continue }
            var entries = stream.entries
            while let entry = try? entries.next(bytes) {
                guard entry.timestamp >= start, entry.timestamp < end, query.accepts(bytes.slice(entry.line)) else {
                    continue
                }
                var metadata: [Label] = []
                var pairs = entry.metadata
                while let pair = try? pairs.next(bytes) {
                    metadata.append(
                        Label(String(lossy: bytes.slice(pair.name)), String(lossy: bytes.slice(pair.value))))
                }
                found.append(
                    FoundEntry(
                        timestamp: entry.timestamp, labels: labels, line: String(lossy: bytes.slice(entry.line)),
                        metadata: metadata, tenant: tenant))
            }
        }
    }
}

extension Timestamp {
    /// Later than any entry.
    package static var distantFuture: Timestamp { Timestamp(nanoseconds: .max) }
}
