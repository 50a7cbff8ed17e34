import Bytes
import Telemetry
import TestSupport
import Testing

@testable import Loki

@Suite("Blocks taken apart")
struct PushBlockTests {
    /// Loki's own reading of this request: `{job="t"}`, 1700000000.000000001, `hi`, k=v.
    private static let request: [UInt8] = [
        0x0a, 0x23, 0x0a, 0x09, 0x7b, 0x6a, 0x6f, 0x62, 0x3d, 0x22, 0x74, 0x22, 0x7d, 0x12, 0x16, 0x0a, 0x08, 0x08,
        0x80, 0xe2, 0xcf, 0xaa, 0x06, 0x10, 0x01, 0x12, 0x02, 0x68, 0x69, 0x1a, 0x06, 0x0a, 0x01, 0x6b, 0x12, 0x01,
        0x76,
    ]

    private func compressed(_ request: [UInt8]) -> [UInt8] {
        var output = ByteBuffer()
        Snappy.compress(request.span.bytes, into: &output)
        return [UInt8](output.bytes)
    }

    @Test("the parts of a request are found, and put together again they are the same bytes")
    func roundTrip() throws {
        var block = PushBlock()
        try block.load(compressed(Self.request).span.bytes)
        #expect(block.streams.map(\.labels) == ["{job=\"t\"}"])
        #expect(block.entries.count == 1)
        #expect(block.entries[0].time == Timestamp(nanoseconds: 1_700_000_000_000_000_001))
        #expect(block.line(0) == Array("hi".utf8))
        #expect(block.metadata(0).map(\.name) == ["k"])
        #expect(block.metadata(0).map(\.value) == ["v"])
        #expect(block.entries[0].metadataSize == 2)
        var output = ByteBuffer()
        let labels = block.streams.map(\.labels)
        block.encode([0], labels: { labels[$0] }, lines: [:], into: &output)
        #expect([UInt8](output.bytes) == Self.request)
    }

    @Test("a line can be cut and labels replaced, the rest staying as it was")
    func edits() throws {
        var block = PushBlock()
        try block.load(compressed(Self.request).span.bytes)
        var output = ByteBuffer()
        block.encode([0], labels: { _ in "{job=\"u\", x=\"y\"}" }, lines: [0: [0x68]], into: &output)
        var edited = PushBlock()
        try edited.load(compressed([UInt8](output.bytes)).span.bytes)
        #expect(edited.streams.map(\.labels) == ["{job=\"u\", x=\"y\"}"])
        #expect(edited.line(0) == [0x68])
        #expect(edited.entries[0].time == block.entries[0].time)
        #expect(edited.metadata(0).map(\.value) == ["v"])

        var relabeled = ByteBuffer()
        #expect(PushBlock.relabel(Self.request.span.bytes, labels: { _ in "{job=\"t\"}" }, into: &relabeled))
        #expect([UInt8](relabeled.bytes) == Self.request)
    }

    @Test("bytes that are no request are refused, never trapped on")
    func fuzz() {
        var generator = SeededRandom(seed: SeededRandom.seed())
        func random(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
        for _ in 0..<20_000 {
            var bytes = Self.request
            for _ in 0...random(4) { bytes[random(bytes.count)] = UInt8(random(256)) }
            if random(3) == 0 { bytes.removeLast(random(bytes.count)) }
            var block = PushBlock()
            guard (try? block.load(compressed(bytes).span.bytes)) != nil else { continue }
            for entry in block.entries.indices {
                _ = block.line(entry)
                _ = block.metadata(entry)
            }
            var output = ByteBuffer()
            let labels = block.streams.map(\.labels)
            block.encode(Array(block.entries.indices)[...], labels: { labels[$0] }, lines: [:], into: &output)
            _ = PushBlock.relabel(bytes.span.bytes, labels: { $0 }, into: &output)
        }
    }
}
