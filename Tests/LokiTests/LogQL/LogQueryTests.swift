import Bytes
import Telemetry
import TestSupport
import Testing

@testable import Loki

@Suite struct LogQueryTests {
    @Test(
        "a query selects streams and accepts lines",
        arguments: [
            (#"{job="a"}"#, #"{job="a"}"#, "x", true),
            (#"{job="a"}"#, #"{job="b"}"#, "x", false),
            (#"{job!="a", unit=~"ssh.*"}"#, #"{job="b", unit="sshd"}"#, "x", true),
            (#"{job=~"a|b"}"#, #"{job="ab"}"#, "x", false),
            (#"{job!~"a.*"}"#, #"{job="b"}"#, "x", true),
            (#"{missing=""}"#, #"{job="b"}"#, "x", true),
            (#"{} |= "Failed" != "invalid" |~ "from .*""#, #"{job="b"}"#, "Failed password from 1.2.3.4", true),
            (#"{} |= "Failed" != "invalid" |~ "from .*""#, #"{job="b"}"#, "Failed invalid from 1.2.3.4", false),
            (#"{} |= "a" or "b""#, #"{job="b"}"#, "xbx", true),
            (#"{} != "a" or "b""#, #"{job="b"}"#, "xbx", false),
            ("{} |~ `\\d{3}`", #"{job="b"}"#, "ab 404", true),
            (#"{} !~ "(?i)ERROR""#, #"{job="b"}"#, "an error", false),
            (#"{} |= "tab\there é""#, #"{job="b"}"#, "tab\there é", true),
        ])
    func queries(query: String, labels: String, line: String, expected: Bool) throws {
        let parsed = try LogQueryParser.parse(query)
        let set = try #require(StreamLabelsReader.read(labels))
        let bytes = Array(line.utf8)
        #expect((parsed.selects(set) && parsed.accepts(bytes.span.bytes)) == expected)
    }

    @Test(
        "a wrong query names the column, what was expected and what was found",
        arguments: [
            ("", 1, "expected a stream selector"),
            ("{job}", 5, "`=`, `!=`, `=~` or `!~` after the label name `job`"),
            (#"{job="a""#, 9, "expected `,` or `}`, found the end"),
            (#"{job=~"("}"#, 7, "("),
            (#"{job="a"} foo"#, 11, "a line filter"),
            (#"{job="a"} |= x"#, 14, "a quoted string"),
            (#"{job="a"} |= "x"#, 14, "no closing"),
            (#"{job="\q"}"#, 7, "unknown escape"),
            (#"{job="a"} | json"#, 11, "a line filter"),
        ])
    func errors(query: String, column: Int, message: String) {
        let error = #expect(throws: LogQueryError.self) { try LogQueryParser.parse(query) }
        #expect(error?.column == column)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test("random text is parsed or refused, never crashes")
    func fuzz() {
        var random = SeededRandom(seed: SeededRandom.seed())
        let pieces = ["{", "}", "job", "=", "=~", "!=", "|=", "\"", "`", "\\", "or", ",", " ", "é", "\\u00", "x"]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0..<14, using: &random)).map { _ in pieces.randomElement() ?? "" }.joined()
            _ = try? LogQueryParser.parse(text)
        }
    }
}
