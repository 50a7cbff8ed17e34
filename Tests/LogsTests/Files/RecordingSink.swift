import Bytes
import Synchronization
import Telemetry

@testable import Logs

/// A line as it was committed.
struct RecordedLine: Equatable, Sendable {
    var labels: String
    var time: Int64
    var text: String
    var metadata: [String: String] = [:]
}

/// A store in memory that decodes what it is given, and can "lose" everything after a commit to play a crash.
final class RecordingSink: CommitSink {
    struct State {
        var lines: [RecordedLine] = []
        var positions: [String: [UInt8]] = [:]
        var commits = 0
        /// Commits beyond this many are refused, as if the process had died before them.
        var commitLimit = Int.max
    }

    let state: Mutex<State>

    init(_ state: sending State = State()) { self.state = Mutex(state) }

    var lines: [RecordedLine] { state.withLock { $0.lines } }
    var texts: [String] { lines.map(\.text) }
    var commits: Int { state.withLock { $0.commits } }
    func setCommitLimit(_ limit: Int) { state.withLock { $0.commitLimit = limit } }

    func commit(
        _ record: inout RecordBuilder, positions: [PositionUpdate], policy: FullPolicy, stop: StopToken
    ) throws(CommitError) {
        let lines = Self.decode(&record, positions)
        let done = state.withLock { state -> Bool in
            guard state.commits < state.commitLimit else { return false }
            state.commits += 1
            state.lines += lines
            for update in positions { state.positions[update.key] = update.value.isEmpty ? nil : update.value }
            return true
        }
        if !done { throw .closed }
    }

    func position(_ key: String) -> [UInt8]? { state.withLock { $0.positions[key] } }

    func positions(prefix: String) -> [PositionUpdate] {
        state.withLock { state in
            state.positions.filter { $0.key.hasPrefix(prefix) }.map { PositionUpdate(key: $0.key, value: $0.value) }
        }
    }

    private static func decode(_ record: inout RecordBuilder, _ positions: [PositionUpdate]) -> [RecordedLine] {
        record.finish(positions: positions, sequence: 1)
        return decode(record.head, record.payload)
    }

    private static func decode(_ head: borrowing ByteBuffer, _ payload: borrowing ByteBuffer) -> [RecordedLine] {
        guard let header = RecordHeader(decoding: head.bytes),
            let metadata = RecordMetadata(
                decoding: head.bytes.slice(RecordFormat.headerSize, head.count), header: header)
        else { return [] }
        var lines: [RecordedLine] = []
        var start = 0
        for block in metadata.blocks {
            var request = ByteBuffer()
            try? Snappy.uncompress(payload.bytes.slice(start, start + block.payloadLength), into: &request)
            start += block.payloadLength
            lines += PushDecoder.lines([UInt8](request.bytes))
        }
        return lines
    }
}

/// Decodes Loki's PushRequest, plainly.
enum PushDecoder {
    static func fields(_ bytes: [UInt8]) -> [(number: Int, value: UInt64, bytes: [UInt8])] {
        let span = bytes.span.bytes
        var offset = 0
        var result: [(number: Int, value: UInt64, bytes: [UInt8])] = []
        while offset < bytes.count, let tag = span.readVarint(&offset), let value = span.readVarint(&offset) {
            if tag & 7 == 2 {
                result.append((Int(tag >> 3), 0, Array(bytes[offset..<(offset + Int(value))])))
                offset += Int(value)
            } else {
                result.append((Int(tag >> 3), value, []))
            }
        }
        return result
    }

    static func lines(_ request: [UInt8]) -> [RecordedLine] {
        var lines: [RecordedLine] = []
        for stream in fields(request) {
            var labels = ""
            for field in fields(stream.bytes) {
                if field.number == 1 {
                    labels = String(decoding: field.bytes, as: UTF8.self)
                } else {
                    lines.append(entry(field.bytes, labels))
                }
            }
        }
        return lines
    }

    private static func entry(_ bytes: [UInt8], _ labels: String) -> RecordedLine {
        var line = RecordedLine(labels: labels, time: 0, text: "")
        for field in fields(bytes) {
            switch field.number {
            case 1:
                for part in fields(field.bytes) {
                    line.time += part.number == 1 ? Int64(part.value) * 1_000_000_000 : Int64(part.value)
                }
            case 2: line.text = String(decoding: field.bytes, as: UTF8.self)
            default:
                let pair = fields(field.bytes).map { String(decoding: $0.bytes, as: UTF8.self) }
                if pair.count == 2 { line.metadata[pair[0]] = pair[1] }
            }
        }
        return line
    }
}
