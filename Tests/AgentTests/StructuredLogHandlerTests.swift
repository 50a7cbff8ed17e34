import Bytes
import Testing

@testable import Agent

@Suite("The agent's own log")
struct StructuredLogHandlerTests {
    @Test(
        "a logfmt value is quoted where it must be",
        arguments: [
            ("plain", "plain"), ("", "\"\""), ("two words", "\"two words\""), ("a=b", "\"a=b\""),
            ("say \"hi\"", #""say \"hi\"""#), ("back\\slash", #""back\\slash""#), ("line\nbreak", #""line\nbreak""#),
            ("tab\tand\r", #""tab\tand\r""#), ("\u{1b}[31m", #""\u001b[31m""#), ("del\u{7f}", #""del\u007f""#),
            ("größe", "größe"), ("/var/log/a.log", "/var/log/a.log"),
        ])
    func logfmt(value: String, written: String) {
        #expect(StructuredLogHandler.logfmt(value) == written)
    }

    @Test(
        "a JSON string reads back as it was",
        arguments: ["", "plain", "\"\\\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}", "größe 🚨 \u{2028}", "</script>"])
    func json(value: String) throws {
        let line = StructuredLogHandler.json([("a", value)])
        #expect(line.dropLast().allSatisfy { $0 >= 0x20 && $0 != 0x7f })
        #expect(line.starts(with: Array(#"{"a":"#.utf8)) && line.suffix(2) == [0x7d, 0x0a])
        let bytes = Array(line.dropFirst(5).dropLast(2))
        var offset = 1
        var text = ByteBuffer()
        let isRead = text.append(jsonString: bytes.span.bytes, from: &offset)
        #expect(isRead)
        #expect(offset == bytes.count)
        #expect(String(lossy: text.bytes) == value)
    }
}
