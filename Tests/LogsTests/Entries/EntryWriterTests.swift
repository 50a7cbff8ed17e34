import Bytes
import Logging
import Logs
import Synchronization
import Telemetry
import Testing

/// A sink that keeps what it was given.
private final class Recorder: CommitSink {
    struct Commit: Sendable {
        var requests: [[UInt8]]
        var blocks: [BlockIndex]
        var positions: [PositionUpdate]
    }
    let commits = Mutex<[Commit]>([])
    /// Commits beyond this many are refused.
    let limit = Mutex<Int>(.max)

    func commit(
        _ record: inout RecordBuilder, positions: [PositionUpdate], policy: FullPolicy, stop: StopToken
    ) throws(CommitError) {
        guard commits.withLock({ $0.count }) < limit.withLock({ $0 }) else { throw .closed }
        record.finish(positions: positions, sequence: 7)
        guard let header = RecordHeader(decoding: record.head.bytes),
            let metadata = RecordMetadata(
                decoding: record.head.bytes.slice(RecordFormat.headerSize, record.head.count), header: header)
        else { throw .closed }
        var requests: [[UInt8]] = []
        var start = 0
        for block in metadata.blocks {
            var request = ByteBuffer()
            let payload = record.payload.bytes.slice(start, start + block.payloadLength)
            #expect(payload.crc32c() == block.payloadChecksum)
            try? Snappy.uncompress(payload, into: &request)
            requests.append([UInt8](request.bytes))
            start += block.payloadLength
        }
        commits.withLock {
            $0.append(Commit(requests: requests, blocks: metadata.blocks, positions: metadata.positions))
        }
    }

    func position(_ key: String) -> [UInt8]? { nil }
    func positions(prefix: String) -> [PositionUpdate] { [] }
}

@Suite struct EntryWriterTests {
    private func writer(cardinality: CardinalityGuard? = nil) -> EntryWriter {
        EntryWriter(metrics: EntryMetrics(MetricRegistry(), source: "test"), cardinality: cardinality)
    }

    @Test("one entry encodes to the bytes that a real Loki has parsed")
    func knownBytes() throws {
        var writer = writer()
        let recorder = Recorder()
        let stream = writer.stream(labels: ["job": "t"])
        var metadata = ByteBuffer()
        StructuredMetadata.append("k", "v", to: &metadata)
        writer.append(
            stream, Timestamp(nanoseconds: 1_700_000_000_000_000_001), Array("hi".utf8).span.bytes,
            metadata: metadata.bytes)
        try writer.commit(
            positions: [PositionUpdate(key: "a", value: [1, 2])], to: recorder, stop: StopToken())
        let commit = try #require(recorder.commits.withLock { $0.first })
        let hex = commit.requests[0].map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        #expect(hex == "0a230a097b6a6f623d2274227d12160a080880e2cfaa061001120268691a060a016b120176")
        #expect(commit.blocks[0].streams == [.init(labels: #"{job="t"}"#, entryCount: 1)])
        #expect(commit.blocks[0].entryCount == 1 && commit.blocks[0].uncompressedLength == 37)
        #expect(commit.positions == [PositionUpdate(key: "a", value: [1, 2])])
        #expect(writer.pendingBytes == 0)
    }

    @Test("each tenant gets a block of its own in the one record")
    func tenants() throws {
        var writer = writer()
        let recorder = Recorder()
        let a = writer.stream(labels: ["job": "a"], tenant: "one")
        let b = writer.stream(labels: ["job": "a"], tenant: "two")
        #expect(a != b)
        for stream in [a, b, a] { writer.append(stream, Timestamp(seconds: 5), Array("x".utf8).span.bytes) }
        try writer.commit(positions: [], to: recorder, stop: StopToken())
        let commit = try #require(recorder.commits.withLock { $0.first })
        #expect(commit.blocks.map(\.tenant) == ["one", "two"])
        #expect(commit.blocks.map(\.entryCount) == [2, 1])
        #expect(commit.blocks[0].latest.nanoseconds == 5_000_000_001, "ties are spread by a nanosecond")
    }

    @Test("ill-formed UTF-8 is replaced")
    func repairs() throws {
        var writer = writer()
        let recorder = Recorder()
        let stream = writer.stream(labels: ["job": "a"])
        writer.append(stream, Timestamp(seconds: 5), ([0x61, 0xff, 0x62] as [UInt8]).span.bytes)
        try writer.commit(positions: [], to: recorder, stop: StopToken())
        let request = try #require(recorder.commits.withLock { $0.first }).requests[0]
        #expect(Array(request.suffix(5)) == Array("a\u{FFFD}b".utf8))
    }

    @Test("a forgotten stream's pending lines are still committed and its place is used again")
    func forgets() throws {
        var writer = writer()
        let recorder = Recorder()
        let first = writer.stream(labels: ["job": "a"])
        writer.append(first, Timestamp(seconds: 5), Array("x".utf8).span.bytes)
        writer.forget(first)
        try writer.commit(positions: [], to: recorder, stop: StopToken())
        #expect(writer.stream(labels: ["job": "b"]) == first)
        #expect(recorder.commits.withLock { $0.map { $0.blocks[0].entryCount } } == [1])
    }

    @Test("a label with too many values moves to the structured metadata of the entries")
    func cardinality() throws {
        let cardinality = CardinalityGuard(limit: 3, metrics: MetricRegistry(), logger: Logger(label: "test"))
        var writer = writer(cardinality: cardinality)
        let recorder = Recorder()
        for index in 0..<6 {
            let stream = writer.stream(labels: ["job": "a", "request": "r\(index)"])
            writer.append(stream, Timestamp(seconds: Int64(index)), Array("x".utf8).span.bytes)
        }
        try writer.commit(positions: [], to: recorder, stop: StopToken())
        let commit = try #require(recorder.commits.withLock { $0.first })
        #expect(commit.blocks[0].streams.map(\.labels).filter { $0 == #"{job="a"}"# }.count == 3)
        let pair = [0x1a, 0x0d, 0x0a, 0x07] + Array("request".utf8) + [0x12, 0x02] + Array("r5".utf8)
        #expect(Array(commit.requests[0].suffix(pair.count)) == pair)
    }

    @Test("labels are written as Go quotes them")
    func labels() {
        let labels: LabelSet = ["b": "x\"\\\n\u{1}é\u{200b}", "a": "1", "empty": ""]
        #expect(labels.description == #"{a="1", b="x\"\\\n\x01é\u200b"}"#)
    }

    @Test("more tenants and positions than a record holds go into several, positions last")
    func manyTenants() throws {
        var writer = writer()
        let recorder = Recorder()
        let count = 70_000
        for number in 0..<count {
            let stream = writer.stream(labels: ["n": "\(number % 3)"], tenant: "t\(number)")
            writer.append(stream, Timestamp(nanoseconds: 1), Array("x".utf8).span.bytes)
            if number + 1 == EntryWriter.targetStreams {
                let isFull = writer.isFull
                #expect(isFull, "one that commits when it is told to has far fewer")
            }
        }
        let positions = (0..<140_000).map { PositionUpdate(key: "p\($0)", value: [1]) }
        try writer.commit(positions: positions, to: recorder, stop: StopToken())
        let commits = recorder.commits.withLock { $0 }
        #expect(commits.map(\.blocks.count) == [65_535, 4_465, 0, 0])
        #expect(commits.map(\.positions.count) == [0, 65_535, 65_535, 8_930])
        #expect(commits.flatMap(\.blocks).map(\.tenant) == (0..<count).map { "t\($0)" })
        #expect(commits.flatMap(\.positions) == positions)
        let left = (writer.pendingEntries, writer.pendingBytes)
        #expect(left == (0, 0))
        try writer.commit(positions: [], to: recorder, stop: StopToken())
        #expect(recorder.commits.withLock { $0.count } == commits.count)
    }

    @Test("where only a part could be stored, the rest is still pending and nothing is stored twice")
    func partlyStored() throws {
        var writer = writer()
        let recorder = Recorder()
        for number in 0..<66_000 {
            let stream = writer.stream(labels: ["a": "b"], tenant: "t\(number)")
            writer.append(stream, Timestamp(nanoseconds: 1), Array("x".utf8).span.bytes)
        }
        recorder.limit.withLock { $0 = 1 }
        #expect(throws: CommitError.self) {
            try writer.commit(positions: [], to: recorder, stop: StopToken())
        }
        recorder.limit.withLock { $0 = .max }
        let left = writer.pendingEntries
        #expect(left == 465)
        let again = writer.stream(labels: ["a": "b"], tenant: "t0")
        writer.append(again, Timestamp(nanoseconds: 2), Array("y".utf8).span.bytes)
        try writer.commit(positions: [], to: recorder, stop: StopToken())
        let tenants = recorder.commits.withLock { $0.flatMap(\.blocks).map(\.tenant) }
        #expect(tenants == (0..<66_000).map { "t\($0)" } + ["t0"])
    }
}
