import Bytes
import TestSupport
import Testing

@Suite("JSON strings")
struct JSONStringTests {
    /// The decoded text and the offset after it.
    private func decode(_ text: String) -> (text: String, end: Int)? {
        let bytes = Array(text.utf8)
        var buffer = ByteBuffer()
        buffer.append("kept" as StaticString)
        var offset = 0
        let isWhole = buffer.append(jsonString: bytes.span.bytes, from: &offset)
        let result = String(lossy: buffer.bytes)
        #expect(result.hasPrefix("kept"))
        if !isWhole { #expect(result == "kept" && offset == 0) }
        return isWhole ? (String(result.dropFirst(4)), offset) : nil
    }

    @Test(
        "escapes are decoded",
        arguments: [
            (#"""#, ""), (#"plain""#, "plain"), (#"exactly8""#, "exactly8"),
            (#"more than eight bytes""#, "more than eight bytes"),
            (#"\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#"\u0041\u00e9\u20ac""#, "Aé€"),
            (#"\ud83d\ude00""#, "😀"), (#"\uD83D\uDE00""#, "😀"), (#"\ud83d""#, "\u{FFFD}"), (#"\ude00""#, "\u{FFFD}"),
            (#"\ud83dx\u0041""#, "\u{FFFD}xA"), (#"\ud83d\u0041""#, "\u{FFFD}A"),
            (#"\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#"1234567\n1234567\u003c\u003e""#, "1234567\n1234567<>"),
            (#"größer ✓""#, "größer ✓"), (#"\u0000""#, "\0"),
        ])
    func escapes(_ json: String, _ expected: String) {
        let result = decode(json)
        #expect(result?.text == expected)
        #expect(result?.end == json.utf8.count)
    }

    @Test("it ends at the quote")
    func ends() {
        let result = decode(#"a","b""#)
        #expect(result?.text == "a" && result?.end == 2)
    }

    @Test(
        "a string without end or with an unknown escape is refused",
        arguments: ["", "abc", #"\"#, #"\""#, #"\x""#, #"\u12""#, #"\u12g4""#, "12345678", #"\ud83d\u"#])
    func refused(_ json: String) {
        #expect(decode(json) == nil)
    }

    @Test("what is escaped is decoded to the same")
    func roundTrip() {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ -> UInt8 in
                let special: [UInt8] = [0x22, 0x5c, 0x0a, 0x01]
                return Bool.random(using: &random)
                    ? special[Int.random(in: 0..<4, using: &random)] : .random(in: 0...255, using: &random)
            }
            var json = ByteBuffer()
            json.append(jsonEscaping: bytes.span.bytes)
            json.append(0x22)
            var back = ByteBuffer()
            var offset = 0
            let isWhole = back.append(jsonString: json.bytes, from: &offset)
            #expect(isWhole && offset == json.count && [UInt8](back.bytes) == bytes)
        }
    }
}
