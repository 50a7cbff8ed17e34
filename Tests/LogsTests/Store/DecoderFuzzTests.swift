import Bytes
import Telemetry
import TestSupport
import Testing

@testable import Logs

@Suite("Decoders of the store, on damaged bytes")
struct DecoderFuzzTests {
    private static func record() -> [UInt8] {
        var builder = RecordBuilder()
        var streams = ByteBuffer()
        streams.append(sized: "{job=\"t\"}")
        streams.append(varint: 3)
        for tenant in ["", "b"] {
            builder.append(
                request: Array("some request".utf8).span.bytes, tenant: tenant, entryCount: 3,
                earliest: Timestamp(nanoseconds: 1), latest: Timestamp(nanoseconds: 9), streamCount: 1,
                streams: streams.bytes)
        }
        builder.finish(positions: [PositionUpdate(key: "other", value: [9])], sequence: 4)
        builder.finish(positions: [PositionUpdate(key: "key", value: [1, 2])], sequence: 5)
        return [UInt8](builder.head.bytes)
    }

    private func decode(_ bytes: [UInt8]) -> RecordMetadata? {
        let span = bytes.span.bytes
        guard let header = RecordHeader(decoding: span), bytes.count >= 32 + header.metadataLength else { return nil }
        return RecordMetadata(decoding: span.slice(32, 32 + header.metadataLength), header: header)
    }

    @Test("a record finished twice holds what it was given the second time")
    func finishedTwice() throws {
        let bytes = Self.record()
        #expect(RecordHeader(decoding: bytes.span.bytes)?.sequence == 5)
        let metadata = try #require(decode(bytes))
        #expect(metadata.positions == [PositionUpdate(key: "key", value: [1, 2])])
        #expect(metadata.blocks.map(\.tenant) == ["", "b"])
        #expect(metadata.blocks[1].latest == Timestamp(nanoseconds: 9))
    }

    /// Sets the checksums right again after damage, so that the decoder itself is reached.
    private func seal(_ bytes: inout [UInt8]) {
        guard bytes.count >= 36 else { return }
        store(bytes.span.bytes.slice(32, bytes.count - 4).crc32c(), in: &bytes, at: bytes.count - 4)
        store(UInt32(bytes.count - 32), in: &bytes, at: 8)
        store(0x3130_4345_5243_4f54 as UInt64, in: &bytes, at: 0)
        store(bytes.span.bytes.slice(0, 28).crc32c(), in: &bytes, at: 28)
    }

    private func store<T: FixedWidthInteger>(_ value: T, in bytes: inout [UInt8], at offset: Int) {
        for index in 0..<MemoryLayout<T>.size {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> T(index * 8))
        }
    }

    @Test("records: damage is seen, and with checksums made right it is survived")
    func records() {
        let seed = SeededRandom.seed()
        var generator = SeededRandom(seed: seed)
        let original = Self.record()
        for round in 0..<20_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) { mutate(&bytes, using: &generator) }
            if round % 2 == 0 {
                seal(&bytes)
                _ = decode(bytes)
            } else if bytes != original {
                #expect(bytes.starts(with: original) || decode(bytes) == nil)
            }
        }
    }

    @Test("checkpoints: what is damaged is refused, and bodies of any bytes are survived")
    func checkpoints() throws {
        let seed = SeededRandom.seed()
        var generator = SeededRandom(seed: seed)
        var segment = SegmentSummary(number: 3, written: Timestamp(nanoseconds: 5))
        segment.add(entryCount: 4, earliest: Timestamp(nanoseconds: 1), latest: Timestamp(nanoseconds: 2))
        let positions = PositionCheckpoint(
            location: RecordLocation(segment: 3, offset: 32), nextSequence: 8,
            positions: [PositionKey("a"): [1], PositionKey("b"): [2, 3]], segments: [segment])
        var state = DestinationState(cursor: RecordLocation(segment: 3, offset: 64))
        state.held = [.init(record: RecordLocation(segment: 2, offset: 32), block: 1, streams: ["{a=\"b\"}"])]
        state.batchEnd = RecordLocation(segment: 3, offset: 96)
        state.waiting = [.init(tenant: "t", cursor: RecordLocation(segment: 2, offset: 32))]
        let destination = DestinationCheckpoint(name: "loki", state: state)
        let first = [UInt8](positions.encoded().bytes)
        let second = [UInt8](destination.encoded().bytes)
        #expect(PositionCheckpoint(decoding: first.span.bytes) == positions)
        #expect(DestinationCheckpoint(decoding: second.span.bytes) == destination)
        for _ in 0..<20_000 {
            var bytes = first
            mutate(&bytes, using: &generator)
            _ = PositionCheckpoint(decoding: bytes.span.bytes)
            bytes = second
            mutate(&bytes, using: &generator)
            _ = DestinationCheckpoint(decoding: bytes.span.bytes)
        }
        let directory = TemporaryDirectory()
        var file = GenerationFile(
            directory: StoreDirectory(path: directory.path), name: "x", kind: .positions)
        try file.save(positions.encoded())
        let path = directory.path + "/x.1"
        let whole = try Files.bytes(path)
        #expect(GenerationFile.decode(whole.span.bytes, kind: .positions)?.body == first)
        #expect(GenerationFile.decode(whole.span.bytes, kind: .destination) == nil)
        for _ in 0..<20_000 {
            var bytes = whole
            mutate(&bytes, using: &generator)
            if bytes != whole { #expect(GenerationFile.decode(bytes.span.bytes, kind: .positions) == nil) }
        }
    }
}
