import Telemetry
import TestSupport
import Testing

@testable import Loki

@Suite("Label strings")
struct StreamLabelsReaderTests {
    @Test("they survive being written and read")
    func labels() {
        let labels: LabelSet = ["a": "x\"y\\z\n\t\u{1}\u{7f}é\u{200b}\u{1f600}", "b_2": "{}=,", "c": " "]
        #expect(StreamLabelsReader.read(labels.description) == labels)
        for broken in ["", "{", "{a}", "{a=}", "{a=\"}", "{a=\"b\"", "{a=\"b\" b}", "{=\"a\"}", "{a=\"\\u12\"}", "x"] {
            #expect(StreamLabelsReader.read(broken) == nil)
        }
    }

    @Test("random text is read or refused, never crashes")
    func fuzz() {
        var random = SeededRandom(seed: SeededRandom.seed())
        let pieces = [
            "{", "}", "job", "=", "\"", "'", "\\", ",", " ", "é", "\\u00", "\\x", "\\U0010ffff", "\u{0}", "x",
        ]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0..<14, using: &random)).map { _ in pieces.randomElement() ?? "" }.joined()
            guard let labels = StreamLabelsReader.read(text) else { continue }
            #expect(StreamLabelsReader.read(labels.description) == labels, "\(text)")
        }
    }
}
