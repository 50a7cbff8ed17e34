import Bytes
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Logs

@Suite("Reading push requests")
struct PushRequestReaderTests {
    struct Line: Equatable {
        var labels: String
        var timestamp: Timestamp
        var line: String
        var metadata: [String]
    }

    private func read(_ bytes: [UInt8]) throws(PushRequestError) -> [Line] {
        let span = bytes.span.bytes
        var lines: [Line] = []
        var reader = PushRequestReader()
        while let stream = try reader.nextStream(span) {
            var entries = stream.entries
            while let entry = try entries.next(span) {
                var metadata: [String] = []
                var pairs = entry.metadata
                while let pair = try pairs.next(span) {
                    metadata.append(String(lossy: span.slice(pair.name)))
                    metadata.append(String(lossy: span.slice(pair.value)))
                }
                lines.append(
                    Line(
                        labels: String(lossy: span.slice(stream.labels)), timestamp: entry.timestamp,
                        line: String(lossy: span.slice(entry.line)), metadata: metadata))
            }
        }
        return lines
    }

    private static let vector: [UInt8] = [
        0x0a, 0x23, 0x0a, 0x09, 0x7b, 0x6a, 0x6f, 0x62, 0x3d, 0x22, 0x74, 0x22, 0x7d, 0x12, 0x16, 0x0a, 0x08, 0x08,
        0x80, 0xe2, 0xcf, 0xaa, 0x06, 0x10, 0x01, 0x12, 0x02, 0x68, 0x69, 0x1a, 0x06, 0x0a, 0x01, 0x6b, 0x12, 0x01,
        0x76,
    ]

    @Test("the request that a real Loki took is read to the last field")
    func vector() throws {
        let timestamp = Timestamp(nanoseconds: 1_700_000_000_000_000_001)
        #expect(
            try read(Self.vector)
                == [Line(labels: #"{job="t"}"#, timestamp: timestamp, line: "hi", metadata: ["k", "v"])])
        #expect(try read([]).isEmpty)
    }

    @Test("an entry's encoded bytes are the ones that its stream holds")
    func encodedEntry() throws {
        let span = Self.vector.span.bytes
        var reader = PushRequestReader()
        let stream = try #require(try reader.nextStream(span))
        var entries = stream.entries
        let entry = try #require(try entries.next(span))
        #expect(entry.encoded == 13..<37)
        #expect(entry.body == 15..<37)
    }

    /// Keeps the blocks of what is committed.
    private final class Recorder: CommitSink {
        let requests = Mutex<[[UInt8]]>([])
        func commit(
            _ record: inout RecordBuilder, positions: [PositionUpdate], policy: FullPolicy, stop: StopToken
        ) throws(CommitError) {
            record.finish(positions: positions, sequence: 1)
            var request = ByteBuffer()
            do { try Snappy.uncompress(record.payload.bytes, into: &request) } catch { throw .closed }
            let bytes = [UInt8](request.bytes)
            requests.withLock { $0.append(bytes) }
        }
        func position(_ key: String) -> [UInt8]? { nil }
        func positions(prefix: String) -> [PositionUpdate] { [] }
    }

    @Test("what an entry writer encodes is read back, whatever the times, lines and metadata")
    func roundTrip() throws {
        let seed = SeededRandom.seed()
        var generator = SeededRandom(seed: seed)
        var writer = EntryWriter(metrics: EntryMetrics(MetricRegistry(), source: "test"))
        let names = ["a", "b\"\\\n", "ü"]
        let streams = names.map { writer.stream(labels: ["name": $0]) }
        var expected: [[Line]] = [[], [], []]
        for index in 0..<2000 {
            let slot = Int.random(in: 0..<3, using: &generator)
            let line = String(repeating: "x", count: Int.random(in: 0..<300, using: &generator)) + "é\(index)"
            let timestamp = Timestamp(nanoseconds: Int64(index - 1000) * 1_234_567_891)
            var metadata = ByteBuffer()
            var pairs: [String] = []
            for pair in 0..<Int.random(in: 0..<3, using: &generator) {
                StructuredMetadata.append("k\(pair)", "v\(index)", to: &metadata)
                pairs += ["k\(pair)", "v\(index)"]
            }
            writer.append(streams[slot], timestamp, Array(line.utf8).span.bytes, metadata: metadata.bytes)
            let labels: LabelSet = ["name": names[slot]]
            expected[slot].append(
                Line(labels: labels.description, timestamp: timestamp, line: line, metadata: pairs))
        }
        let recorder = Recorder()
        try writer.commit(positions: [], to: recorder, stop: StopToken())
        let request = try #require(recorder.requests.withLock { $0.first })
        let found = try read(request)
        for slot in 0..<3 {
            #expect(found.filter { $0.labels == expected[slot].first?.labels } == expected[slot])
        }
        #expect(found.count == 2000)
    }

    @Test(
        "malformed requests are refused where they go wrong",
        arguments: [
            ([0x0a], 1), ([0x0a, 0x05, 0x01], 2), ([0x0b], 0), ([0x0d, 1, 2], 1), ([0x09, 1, 2, 3], 1),
            ([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 11),
            ([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 1),
            // A length inside a stream that leads out of it.
            ([0x0a, 0x02, 0x12, 0x04, 0, 0, 0, 0], 4),
            // A varint that runs out of its message.
            ([0x0a, 0x01, 0x80, 0x01], 2),
            // 2^62 seconds.
            (
                [0x0a, 0x0e, 0x12, 0x0c, 0x0a, 0x0a, 0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40],
                6
            ),
        ] as [([UInt8], Int)])
    func malformed(_ bytes: [UInt8], offset: Int) throws {
        let error = #expect(throws: PushRequestError.self) { try read(bytes) }
        #expect(error?.offset == offset)
    }

    @Test("unknown fields are passed over")
    func unknownFields() throws {
        let stream: [UInt8] = [0x18, 0x05, 0x25, 1, 2, 3, 4, 0x19, 1, 2, 3, 4, 5, 6, 7, 8] + Self.vector[2...]
        let bytes: [UInt8] = [0x12, 0x01, 0x41, 0x0a, UInt8(stream.count)] + stream
        #expect(try read(bytes).map(\.line) == ["hi"])
    }

    @Test("random damage never does more than throw")
    func fuzz() {
        let seed = SeededRandom.seed()
        var generator = SeededRandom(seed: seed)
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = Self.vector
            for _ in 0..<Int.random(in: 1...3, using: &generator) { mutate(&bytes, using: &generator) }
            do { _ = try read(bytes) } catch {
                #expect(error.offset <= bytes.count)
                refused += 1
            }
        }
        #expect(refused > 1000)
    }
}
