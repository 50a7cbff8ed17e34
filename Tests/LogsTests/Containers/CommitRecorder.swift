import Bytes
import Synchronization
import Telemetry

@testable import Logs

/// A store for tests: keeps positions and the decoded lines of every commit.
final class CommitRecorder: CommitSink {
    struct Line: Equatable {
        var labels: String
        var nanoseconds: Int64
        var text: String
    }

    private struct State {
        var positions: [String: [UInt8]] = [:]
        var lines: [Line] = []
    }

    private let state = Mutex(State())

    var lines: [Line] { state.withLock { $0.lines } }
    var texts: [String] { lines.map(\.text) }

    func clear() { state.withLock { $0.lines = [] } }

    func commit(
        _ record: inout RecordBuilder, positions: [PositionUpdate], policy: FullPolicy, stop: StopToken
    ) throws(CommitError) {
        let found = Self.lines(record.payload)
        state.withLock { state in
            state.lines += found
            for position in positions {
                state.positions[position.key] = position.value.isEmpty ? nil : position.value
            }
        }
    }

    func position(_ key: String) -> [UInt8]? { state.withLock { $0.positions[key] } }

    func positions(prefix: String) -> [PositionUpdate] {
        state.withLock { state in
            state.positions.filter { $0.key.hasPrefix(prefix) }.map { PositionUpdate(key: $0.key, value: $0.value) }
        }
    }

    /// The lines of a payload of one block.
    private static func lines(_ payload: borrowing ByteBuffer) -> [Line] {
        var request = ByteBuffer()
        guard payload.count > 0, (try? Snappy.uncompress(payload.bytes, into: &request)) != nil else { return [] }
        var lines: [Line] = []
        fields(request.bytes) { _, stream in
            var labels = ""
            fields(stream) { number, value in
                if number == 1 { labels = String(lossy: value) }
                if number == 2 { lines.append(entry(value, labels)) }
            }
        }
        return lines
    }

    private static func entry(_ bytes: RawSpan, _ labels: String) -> Line {
        var line = Line(labels: labels, nanoseconds: 0, text: "")
        fields(bytes) { number, value in
            if number == 2 { line.text = String(lossy: value) }
            guard number == 1 else { return }
            var offset = 0
            while let tag = value.readVarint(&offset), let number = value.readVarint(&offset) {
                line.nanoseconds += Int64(number) * (tag == 8 ? 1_000_000_000 : 1)
            }
        }
        return line
    }

    /// Each length-delimited field of a protobuf message.
    private static func fields(_ message: RawSpan, _ body: (Int, RawSpan) -> Void) {
        var offset = 0
        while let tag = message.readVarint(&offset), let length = message.readVarint(&offset) {
            body(Int(tag >> 3), message.slice(offset, offset + Int(length)))
            offset += Int(length)
        }
    }
}
