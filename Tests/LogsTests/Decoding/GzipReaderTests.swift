import Bytes
import Glibc
import Testing

@testable import Logs

@Suite("gzip files")
struct GzipReaderTests {
    /// "first\nsecond\n" and "third\n", each a member made by gzip -n.
    private static let first: [UInt8] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0xcb, 0x2c, 0x2a, 0x2e, 0xe1, 0x2a, 0x4e,
        0x4d, 0xce, 0xcf, 0x4b, 0xe1, 0x02, 0x00, 0x20, 0x51, 0x45, 0x08, 0x0d, 0x00, 0x00, 0x00,
    ]
    private static let second: [UInt8] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2b, 0xc9, 0xc8, 0x2c, 0x4a, 0xe1, 0x02, 0x00,
        0xf2, 0x91, 0x2c, 0x78, 0x06, 0x00, 0x00, 0x00,
    ]

    /// What is read, in pieces of `limit`, and the error it ends with.
    private func read(_ file: [UInt8], limit: Int = 7, skip: Int64 = 0) -> (text: String, error: String?) {
        var template = Array("/tmp/tocsin-gzip-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        unlink(template)
        defer { close(descriptor) }
        #expect(write(descriptor, file, file.count) == file.count)
        lseek(descriptor, 0, SEEK_SET)
        var text = ByteBuffer()
        do throws(GzipError) {
            var reader = try GzipReader(descriptor: descriptor, path: "/x.gz")
            try reader.skip(to: skip)
            while try reader.read(into: &text, limit: limit) > 0 {}
            #expect(reader.position == skip + Int64(text.count))
            return (String(lossy: text.bytes), nil)
        } catch {
            return (String(lossy: text.bytes), error.description)
        }
    }

    @Test("members are read one after the other, padding is passed over", arguments: [1, 5, 1000])
    func members(_ limit: Int) {
        #expect(read([], limit: limit).text == "")
        #expect(read(Self.first, limit: limit).text == "first\nsecond\n")
        #expect(read(Self.first + Self.second, limit: limit).text == "first\nsecond\nthird\n")
        let padded = read(Self.first + Self.second + Array(repeating: 0, count: 100_000), limit: limit)
        #expect(padded.text == "first\nsecond\nthird\n" && padded.error == nil)
    }

    @Test("a position in uncompressed bytes is gone to, over members")
    func skip() {
        #expect(read(Self.first + Self.second, skip: 6).text == "second\nthird\n")
        #expect(read(Self.first + Self.second, skip: 15).text == "ird\n")
        #expect(read(Self.first + Self.second, skip: 19).text == "")
        #expect(read(Self.first, skip: 20).error?.contains("only 13 uncompressed bytes") == true)
    }

    @Test("a file that ends too early says so and gives what it has")
    func truncated() {
        for length in 1..<Self.first.count {
            #expect(read(Array(Self.first.prefix(length))).error?.contains("ends in the middle") == true)
        }
    }

    @Test("damage is reported with its place, never a crash")
    func damaged() {
        #expect(read(Array("plain text, no gzip".utf8)).error?.contains("not intact gzip near byte") == true)
        var broken = Self.first + Self.second
        broken[Self.first.count - 8] ^= 1
        let result = read(broken)
        #expect(result.text == "first\nsecond\n" && result.error?.contains("incorrect data check") == true)
        for index in 0..<Self.first.count {
            for bit in 0..<8 {
                var damaged = Self.first
                damaged[index] ^= UInt8(1 << bit)
                _ = read(damaged)
            }
        }
    }

    @Test("several hundred kilobytes come through in small memory")
    func large() {
        let bytes = Self.second + Self.first
        let many = (0..<20_000).flatMap { _ in bytes }
        let result = read(many, limit: 4096)
        #expect(result.error == nil && result.text.utf8.count == 20_000 * 19)
    }
}
