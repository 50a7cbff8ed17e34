import Bytes
import Glibc
import Logs
import Synchronization
import Telemetry

@testable import Loki

/// A feed of records kept in memory; a location's offset is the record's number.
final class MemoryFeed: RecordFeed {
    private struct Stored: Sendable {
        var blocks: [BlockIndex]
        var payload: [UInt8]
        var isDamaged = false
    }

    private struct Contents: Sendable {
        var records: [Stored] = []
        var states: [String: DestinationState] = [:]
        /// Records before it are gone.
        var first: UInt64 = 0
    }

    private let contents = Mutex(Contents())

    struct Line {
        var labels: String
        var time: Int64
        var text: String
        var metadata: [(String, String)] = []
    }

    /// Adds a record with one block per tenant.
    func append(_ lines: [Line], tenant: String = "") { append([(tenant, lines)]) }

    func append(_ blocks: [(tenant: String, lines: [Line])]) {
        var record = StoredRecordContents()
        for (tenant, lines) in blocks { record.add(tenant, lines) }
        let stored = Stored(blocks: record.blocks, payload: record.payload)
        contents.withLock { $0.records.append(stored) }
    }

    func appendDamaged() {
        contents.withLock { $0.records.append(Stored(blocks: [], payload: [], isDamaged: true)) }
    }

    /// As retention does it.
    func drop(before number: UInt64) { contents.withLock { $0.first = number } }

    var count: Int { contents.withLock { $0.records.count } }
    func state(_ destination: String) -> DestinationState? { contents.withLock { $0.states[destination] } }

    func register(destination: String) -> DestinationState {
        contents.withLock { contents in
            let state = contents.states[destination] ?? DestinationState(cursor: RecordLocation(segment: 1, offset: 0))
            contents.states[destination] = state
            return state
        }
    }

    func unregister(destination: String) { contents.withLock { $0.states[destination] = nil } }

    func acknowledge(_ state: DestinationState, destination: String) {
        contents.withLock { $0.states[destination] = state }
    }

    func read(
        at location: RecordLocation, metadataOnly: Bool, into record: inout StoredRecord
    ) throws(StoreError) -> RecordReadResult {
        var location = location
        let stored = contents.withLock { contents -> Stored? in
            location.offset = max(location.offset, contents.first)
            return location.offset < UInt64(contents.records.count) ? contents.records[Int(location.offset)] : nil
        }
        guard let stored else { return .end }
        let next = RecordLocation(segment: 1, offset: location.offset + 1)
        if stored.isDamaged { return .damaged(next: next) }
        record.location = location
        record.next = next
        record.blocks = stored.blocks
        record.payload.removeAll()
        record.payload.append(stored.payload)
        return .record
    }

    func wait(for location: RecordLocation, seconds: Double, stop: StopToken) -> Bool {
        let limit = Timestamp.monotonic.advanced(seconds: min(seconds, 3600))
        while location.offset >= UInt64(count) {
            if stop.isStopped || Timestamp.monotonic >= limit { return false }
            stop.wait(seconds: 0.005)
        }
        return true
    }

    func backlog(from location: RecordLocation) -> (bytes: Int, oldest: Timestamp?) {
        contents.withLock { contents in
            let rest = contents.records.dropFirst(Int(location.offset))
            return (rest.reduce(0) { $0 + $1.payload.count }, rest.first?.blocks.first?.earliest)
        }
    }
}

private struct StoredRecordContents {
    var blocks: [BlockIndex] = []
    var payload: [UInt8] = []

    mutating func add(_ tenant: String, _ lines: [MemoryFeed.Line]) {
        var request = ByteBuffer()
        var streams: [BlockIndex.Stream] = []
        var order: [String] = []
        for line in lines where !order.contains(line.labels) { order.append(line.labels) }
        for labels in order {
            var stream = ByteBuffer()
            stream.append(0x0a)
            stream.append(varint: UInt64(labels.utf8.count))
            stream.append(labels)
            let own = lines.filter { $0.labels == labels }
            for line in own { Self.encode(line, into: &stream) }
            request.append(0x0a)
            request.append(varint: UInt64(stream.count))
            request.append(stream.bytes)
            streams.append(BlockIndex.Stream(labels: labels, entryCount: own.count))
        }
        var compressed = ByteBuffer()
        Snappy.compress(request.bytes, into: &compressed)
        let index = IndexTemplate.make(
            tenant: tenant, payloadLength: compressed.count, uncompressedLength: request.count,
            times: lines.map(\.time), streams: streams)
        blocks.append(index)
        payload += [UInt8](compressed.bytes)
    }

    private static func encode(_ line: MemoryFeed.Line, into stream: inout ByteBuffer) {
        var entry = ByteBuffer()
        var time = ByteBuffer()
        time.append(0x08)
        time.append(varint: UInt64(line.time / 1_000_000_000))
        time.append(0x10)
        time.append(varint: UInt64(line.time % 1_000_000_000))
        entry.append(0x0a)
        entry.append(varint: UInt64(time.count))
        entry.append(time.bytes)
        entry.append(0x12)
        entry.append(varint: UInt64(line.text.utf8.count))
        entry.append(line.text)
        for (name, value) in line.metadata { StructuredMetadata.append(name, value, to: &entry) }
        stream.append(0x12)
        stream.append(varint: UInt64(entry.count))
        stream.append(entry.bytes)
    }
}

/// `BlockIndex` is made by decoding only: this encodes the metadata of a record with one block, and decodes it.
private enum IndexTemplate {
    static func make(
        tenant: String, payloadLength: Int, uncompressedLength: Int, times: [Int64], streams: [BlockIndex.Stream]
    ) -> BlockIndex {
        var index = ByteBuffer()
        for stream in streams {
            index.append(varint: UInt64(stream.labels.utf8.count))
            index.append(stream.labels)
            index.append(varint: UInt64(stream.entryCount))
        }
        var record = RecordBuilder()
        let request = [UInt8](repeating: 0, count: uncompressedLength)
        record.append(
            request: request.span.bytes, tenant: tenant, entryCount: times.count,
            earliest: Timestamp(nanoseconds: times.min() ?? 0), latest: Timestamp(nanoseconds: times.max() ?? 0),
            streamCount: streams.count, streams: index.bytes)
        record.finish(positions: [], sequence: 1)
        guard let header = RecordHeader(decoding: record.head.bytes),
            var block = RecordMetadata(
                decoding: record.head.bytes.slice(RecordFormat.headerSize, record.head.count), header: header)?
                .blocks.first
        else { preconditionFailure("the record just built does not decode") }
        block.payloadLength = payloadLength
        return block
    }
}
