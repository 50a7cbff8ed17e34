import Bytes
import Testing

@testable import Logs

@Suite("encodings")
struct TranscoderTests {
    /// All lines of `source` with the offset where each ends, and the replacements made.
    private func lines(_ source: [UInt8], _ encoding: String) throws -> (lines: [String], ends: [Int], replaced: Int) {
        var transcoder = try Transcoder(encoding: encoding)
        let begin = transcoder.begin(source.span.bytes.slice(0, min(4, source.count)))
        var offset = try #require(begin)
        var lines: [String] = []
        var ends: [Int] = []
        while let end = transcoder.lineEnd(source.span.bytes, from: offset) {
            var text = ByteBuffer()
            let textEnd = transcoder.textEnd(source.span.bytes, lineEnd: end)
            transcoder.append(source.span.bytes.slice(offset, textEnd), to: &text)
            lines.append(String(lossy: text.bytes))
            ends.append(end)
            offset = end
        }
        return (lines, ends, transcoder.replacementCount)
    }

    private func utf16(_ text: String, big: Bool) -> [UInt8] {
        text.utf16.flatMap { big ? [UInt8($0 >> 8), UInt8($0 & 0xff)] : [UInt8($0 & 0xff), UInt8($0 >> 8)] }
    }

    @Test("UTF-16 is read in both orders, with and without mark, and lines end at newline units only")
    func wide() throws {
        // U+0A0A, U+0A00 and U+000A's neighbours hold the newline's bytes without being one.
        let text = "first\nਊ\u{0a00}Ċ😀\n\nlast\n"
        let expected = ["first", "ਊ\u{0a00}Ċ😀", "", "last"]
        #expect(try lines(utf16(text, big: false), "utf-16le").lines == expected)
        #expect(try lines(utf16(text, big: true), "UTF-16BE").lines == expected)
        #expect(try lines(utf16(text, big: false), "utf-16").lines == expected)
        #expect(try lines(utf16(text, big: true), "utf-16").lines == expected)
        #expect(try lines([0xff, 0xfe] + utf16(text, big: false), "utf-16").lines == expected)
        let marked = try lines([0xfe, 0xff] + utf16(text, big: true), "")
        #expect(marked.lines == expected)
        #expect(marked.ends == [14, 26, 28, 38])
    }

    @Test("half of a surrogate pair and an odd byte are replaced and counted")
    func brokenWide() throws {
        let result = try lines([0x3d, 0xd8, 0x41, 0, 0x00, 0xde, 0x0a, 0], "utf-16le")
        #expect(result.lines == ["\u{FFFD}A\u{FFFD}"])
        #expect(result.replaced == 2)
        var transcoder = try Transcoder(encoding: "utf-16le")
        var text = ByteBuffer()
        let odd: [UInt8] = [0x41, 0, 0x42]
        transcoder.append(odd.span.bytes, to: &text)
        #expect(String(lossy: text.bytes) == "A\u{FFFD}")
    }

    @Test(
        "encodings of one byte and those of iconv",
        arguments: [
            ("iso-8859-1", [0x67, 0x72, 0xfc, 0xdf, 0x80, 0x0a], "grüß\u{80}"),
            ("latin1", [0xe9, 0x0a], "é"),
            ("windows-1252", [0x80, 0x93, 0x94, 0xe9, 0x81, 0x0a], "€“”é\u{81}"),
            ("", [0xef, 0xbb, 0xbf, 0x61, 0x0a], "a"),
            ("utf8", [0x61, 0xff, 0x62, 0x0a], "a\u{FFFD}b"),
            ("koi8-r", [0xc1, 0xc2, 0x0a], "аб"),
            ("shift_jis", [0x82, 0xa0, 0x41, 0x0a], "あA"),
            ("gbk", [0xc4, 0xe3, 0x0a], "你"),
            ("euc-jp", [0xa4, 0xa2, 0xff, 0x41, 0x0a], "あ\u{FFFD}A"),
            ("shift_jis", [0x41, 0x82, 0x0a], "A\u{FFFD}"),
        ] as [(String, [UInt8], String)])
    func narrow(_ encoding: String, _ bytes: [UInt8], _ expected: String) throws {
        #expect(try lines(bytes, encoding).lines == [expected])
    }

    @Test("a long line goes through iconv whole")
    func long() throws {
        let bytes = Array(repeating: UInt8(0xc1), count: 100_000) + [0x0a]
        #expect(try lines(bytes, "koi8-r").lines == [String(repeating: "а", count: 100_000)])
    }

    @Test(
        "unknown encodings and those without an ASCII newline are refused",
        arguments: ["no-such", "utf-32", "ebcdic-us"])
    func refused(_ name: String) {
        #expect(throws: TranscoderError.self) { _ = try Transcoder(encoding: name) }
    }

    @Test("the start of a file is not judged before it can be told")
    func undecided() throws {
        for (bytes, expected) in [
            ([], nil), ([0xef], nil), ([0xef, 0xbb], nil), ([0x61], 0), ([0xef, 0xbb, 0x61], 0), ([0xff, 0xfe], 2),
        ] as [([UInt8], Int?)] {
            var transcoder = try Transcoder(encoding: "")
            let begin = transcoder.begin(bytes.span.bytes)
            #expect(begin == expected)
        }
    }

    @Test("a long line is cut between characters")
    func cut() throws {
        let utf8 = try Transcoder(encoding: "")
        let text = Array("aé😀b".utf8)
        let cuts = (1...8).map { utf8.cut(text.span.bytes, at: $0) }
        #expect(cuts == [1, 1, 3, 3, 3, 3, 7, 8])
        let wide = try Transcoder(encoding: "utf-16le")
        let units = utf16("a😀b", big: false)
        let wideCuts = (1...8).map { wide.cut(units.span.bytes, at: $0) }
        #expect(wideCuts == [2, 2, 2, 2, 2, 6, 6, 8])
        let continuation = [UInt8](repeating: 0x80, count: 10)
        let forced = utf8.cut(continuation.span.bytes, at: 5)
        #expect(forced == 5)
    }
}
