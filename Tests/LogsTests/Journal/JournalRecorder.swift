import Bytes
import Glibc
import Logs
import Synchronization
import Telemetry

/// A line as it came to the store, decoded independently of the writer.
struct StoredLine: Equatable, Sendable {
    var labels: String
    var time: Int64
    var text: String
    var metadata: [String: String]
}

/// A store that keeps lines and positions in memory.
final class JournalRecorder: CommitSink {
    struct State: Sendable {
        var lines: [StoredLine] = []
        var positions: [String: [UInt8]] = [:]
        var commits = 0
        /// Commits wait while it is set.
        var isFull = false
    }

    let state: Mutex<State>

    init(position: [UInt8]? = nil, source: String = "journal") {
        var state = State()
        state.positions["journal:\(source)"] = position
        self.state = Mutex(state)
    }

    var lines: [StoredLine] { state.withLock { $0.lines } }
    var texts: [String] { lines.map(\.text) }

    func commit(
        _ record: inout RecordBuilder, positions: [PositionUpdate], policy: FullPolicy, stop: StopToken
    ) throws(CommitError) {
        while state.withLock({ $0.isFull }) {
            if stop.wait(seconds: 0.01) { throw .stopped }
        }
        let lines = Self.decode(&record)
        state.withLock {
            $0.lines += lines
            for position in positions { $0.positions[position.key] = position.value }
            $0.commits += 1
        }
    }

    func position(_ key: String) -> [UInt8]? { state.withLock { $0.positions[key] } }

    func positions(prefix: String) -> [PositionUpdate] { [] }

    private static func decode(_ record: inout RecordBuilder) -> [StoredLine] {
        record.finish(positions: [], sequence: 1)
        guard let header = RecordHeader(decoding: record.head.bytes),
            let metadata = RecordMetadata(
                decoding: record.head.bytes.slice(RecordFormat.headerSize, record.head.count), header: header)
        else { return [] }
        var lines: [StoredLine] = []
        var start = 0
        for block in metadata.blocks {
            var request = ByteBuffer()
            let bytes = record.payload.bytes.slice(start, start + block.payloadLength)
            start += block.payloadLength
            do { try Snappy.uncompress(bytes, into: &request) } catch { return [] }
            for stream in fields(request.bytes) where stream.tag == 0x0a {
                let parts = fields(stream.bytes.span.bytes)
                let labels = parts.first { $0.tag == 0x0a }.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
                for entry in parts where entry.tag == 0x12 { lines.append(line(labels, entry.bytes)) }
            }
        }
        return lines.sorted { $0.time < $1.time }
    }

    private static func line(_ labels: String, _ bytes: [UInt8]) -> StoredLine {
        var line = StoredLine(labels: labels, time: 0, text: "", metadata: [:])
        for part in fields(bytes.span.bytes) {
            switch part.tag {
            case 0x0a:
                for number in fields(part.bytes.span.bytes) {
                    line.time += number.tag == 0x08 ? Int64(number.number) * 1_000_000_000 : Int64(number.number)
                }
            case 0x12: line.text = String(decoding: part.bytes, as: UTF8.self)
            default:
                let pair = fields(part.bytes.span.bytes)
                if pair.count == 2 {
                    line.metadata[String(decoding: pair[0].bytes, as: UTF8.self)] =
                        String(decoding: pair[1].bytes, as: UTF8.self)
                }
            }
        }
        return line
    }

    private struct Field {
        var tag: UInt64
        var number: UInt64
        var bytes: [UInt8]
    }

    private static func fields(_ message: RawSpan) -> [Field] {
        var fields: [Field] = []
        var offset = 0
        while offset < message.byteCount, let tag = message.readVarint(&offset),
            let value = message.readVarint(&offset)
        {
            guard tag & 7 == 2 else {
                fields.append(Field(tag: tag, number: value, bytes: []))
                continue
            }
            let end = offset + Int(value)
            fields.append(Field(tag: tag, number: 0, bytes: [UInt8](message.slice(offset, end))))
            offset = end
        }
        return fields
    }
}
