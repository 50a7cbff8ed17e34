import Bytes
import TestSupport
import Testing

@Suite struct ByteBufferTests {
    @Test("appending grows the buffer and keeps what was there")
    func grows() {
        var buffer = ByteBuffer()
        for index in 0..<10_000 { buffer.append(UInt8(truncatingIfNeeded: index)) }
        #expect(buffer.count == 10_000)
        #expect(buffer.bytes.byte(at: 9_999) == UInt8(truncatingIfNeeded: 9_999))
        buffer.removeFirst(9_990)
        #expect([UInt8](buffer.bytes) == (9_990..<10_000).map { UInt8(truncatingIfNeeded: $0) })
        buffer.truncate(to: 3)
        buffer.release()
        #expect([UInt8](buffer.bytes) == [6, 7, 8].map { UInt8(truncatingIfNeeded: 9_984 + $0) })
    }

    @Test(
        "a varint takes as many bytes as its length says and reads back",
        arguments: [
            0, 1, 127, 128, 16_383, 16_384, UInt64(UInt32.max), 1 << 35, 1 << 62, .max,
        ])
    func varints(value: UInt64) {
        var buffer = ByteBuffer()
        buffer.append(varint: value)
        #expect(buffer.count == Varint.length(value))
        var offset = 0
        #expect(buffer.bytes.readVarint(&offset) == value)
        #expect(offset == buffer.count)
    }

    @Test("a varint that ends early or never ends is nil", arguments: [[0x80], [], Array(repeating: 0xff, count: 12)])
    func brokenVarints(bytes: [UInt8]) {
        var offset = 0
        #expect(bytes.span.bytes.readVarint(&offset) == nil)
    }

    @Test("CRC-32C gives RFC 3720's check values")
    func checksums() {
        #expect(Array("123456789".utf8).span.bytes.crc32c() == 0xe306_9283)
        #expect([UInt8](repeating: 0, count: 32).span.bytes.crc32c() == 0x8a91_36aa)
        #expect([UInt8](repeating: 0xff, count: 32).span.bytes.crc32c() == 0x62a8_ab43)
        let whole = [UInt8](0..<200)
        let first = Array(whole[..<77]).span.bytes.crc32c()
        #expect(Array(whole[77...]).span.bytes.crc32c(first) == whole.span.bytes.crc32c())
    }

    @Test("validity of UTF-8 agrees with the standard library on random bytes")
    func utf8Validity() {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                [0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xed, 0xa0, 0xff, 0xc0].randomElement(
                    using: &random)! as UInt8
            }
            #expect(bytes.span.bytes.isUTF8 == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
            var repaired = ByteBuffer()
            _ = repaired.append(repairing: bytes.span.bytes)
            #expect(String(lossy: repaired.bytes) == String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test("searches find the first and the last, from where they are told")
    func searches() {
        let bytes = Array("one two two".utf8)
        let span = bytes.span.bytes
        #expect(span.firstIndex(of: 0x20) == 3)
        #expect(span.firstIndex(of: 0x20, from: 4) == 7)
        #expect(span.firstIndex(of: 0x7a) == nil)
        #expect(span.lastIndex(of: 0x77) == 9)
        #expect(span.firstRange(of: Array("two".utf8).span.bytes, from: 5) == 8)
        #expect(span.hasPrefix("one") && !span.hasPrefix("onee"))
    }

    @Test("snappy round trips, and refuses what is not snappy or too large")
    func snappy() throws {
        let text = Array(repeating: Array("tocsin ".utf8), count: 1000).flatMap { $0 }
        var compressed = ByteBuffer()
        Snappy.compress(text.span.bytes, into: &compressed)
        var back = ByteBuffer()
        try Snappy.uncompress(compressed.bytes, into: &back)
        #expect([UInt8](back.bytes) == text)
        #expect(throws: SnappyError.self) {
            var rest = ByteBuffer()
            try Snappy.uncompress(compressed.bytes, into: &rest, limit: 100)
        }
        #expect(throws: SnappyError.self) {
            var rest = ByteBuffer()
            try Snappy.uncompress(([0x05, 0xff, 0xff] as [UInt8]).span.bytes, into: &rest)
        }
    }
}
