import Bytes
import TestSupport
import Testing

@testable import Logs
@testable import Telemetry

@Suite("docker json-file lines")
struct DockerJSONDecoderTests {
    struct Decoded: Equatable {
        var text: String
        var stream: ContainerStream
        var isPartial: Bool
        var time: Int64
        var attributes: [UInt8]
    }

    static func decode(_ line: [UInt8], plain: Bool = false) -> Decoded? {
        var text = ByteBuffer()
        var attributes = ByteBuffer()
        text.append("kept " as StaticString)
        attributes.append(7)
        let record =
            plain
            ? DockerJSONDecoder.decodePlain(line.span.bytes, into: &text, attributes: &attributes)
            : DockerJSONDecoder.decode(line.span.bytes, into: &text, attributes: &attributes)
        guard let record else {
            #expect(text.count == 5 && attributes.count == 1)
            return nil
        }
        return Decoded(
            text: String(String(lossy: text.bytes).dropFirst(5)), stream: record.stream, isPartial: record.isPartial,
            time: record.time.nanoseconds, attributes: Array([UInt8](attributes.bytes).dropFirst()))
    }

    static let time: Int64 = 1_795_165_687_123_456_789
    static let stamp = "2026-11-20T09:08:07.123456789Z"

    /// The line with `stamp` for T.
    private static func stamped(_ line: String) -> [UInt8] {
        Array(line.split(separator: #""T""#, omittingEmptySubsequences: false).joined(separator: "\"\(stamp)\"").utf8)
    }

    @Test(
        "a line is decoded, whatever the order of its keys",
        arguments: [
            (#"{"log":"hello\n","stream":"stdout","time":"T"}"#, "hello", ContainerStream.stdout, false),
            (#"{"log":"piece","stream":"stderr","time":"T"}"#, "piece", .stderr, true),
            (#"{"log":"\n","stream":"stdout","time":"T"}"#, "", .stdout, false),
            (#"{"log":"","stream":"stdout","time":"T"}"#, "", .stdout, true),
            (#"{"stream":"stdout","time":"T"}"#, "", .stdout, true),
            (#"{"log":"a\n\n","stream":"stderr","time":"T"}"#, "a\n", .stderr, false),
            (
                #"{"log":"say \"\u003chi\u003e\" \\ \u2028\n","stream":"stdout","time":"T"}"#,
                "say \"<hi>\" \\ \u{2028}", .stdout, false
            ),
            (#"{"log":"x\r\n","stream":"stdout","time":"T"}"#, "x\r", .stdout, false),
            (#"{"time":"T","stream":"stderr","log":"late\n"}"#, "late", .stderr, false),
            (#" { "log" : "spaced\n" , "stream" : "stdout" , "time" : "T" } "#, "spaced", .stdout, false),
            (#"{"log":"u\n","stream":"stdout","id":{"a":[1,-2.5e3,true,null,"}"]},"time":"T"}"#, "u", .stdout, false),
            (#"{"l\u006fg":"key\n","stream":"stdout","time":"T"}"#, "key", .stdout, false),
            (#"{"log":"one\n","log":"two\n","stream":"stdout","time":"T"}"#, "two", .stdout, false),
            (#"{"log":null,"stream":null,"attrs":null,"time":"T"}"#, "", .stdout, true),
            (#"{"log":"n\n","time":"T"}"#, "n", .stdout, false),
        ])
    func decoded(_ line: String, _ text: String, _ stream: ContainerStream, _ isPartial: Bool) {
        let bytes = Array(
            line.split(separator: "\"T\"", omittingEmptySubsequences: false).joined(separator: "\"\(Self.stamp)\"").utf8
        )
        let expected = Decoded(text: text, stream: stream, isPartial: isPartial, time: Self.time, attributes: [])
        #expect(Self.decode(bytes) == expected)
        #expect(Self.decode(bytes, plain: true) == expected)
    }

    @Test(
        "what is not such a line is refused",
        arguments: [
            "", "plain text", "{}", "[]", "null", #"{"log":"a\n","stream":"stdout"}"#,
            #"{"log":"a\n","stream":"stdout","time":"yesterday"}"#, #"{"log":"a\n","stream":"other","time":"T"}"#,
            #"{"log":5,"stream":"stdout","time":"T"}"#, #"{"log":"a\n","stream":"stdout","time":"T"}x"#,
            #"{"log":"a\n","stream":"stdout","time":"T""#, #"{"log":"a\n","stream":"stdout","time":"T",}"#,
            #"{"log":"a\n""stream":"stdout","time":"T"}"#, #"{"log":"\q","stream":"stdout","time":"T"}"#,
            #"{"log":"a\n","stream":"stdout","attrs":[],"time":"T"}"#,
            #"{"log":"a\n","stream":"stdout","attrs":{"a"},"time":"T"}"#,
        ])
    func refused(_ line: String) {
        let bytes = Array(
            line.split(separator: "\"S\"", omittingEmptySubsequences: false).joined(separator: "\"\(Self.stamp)\"").utf8
        )
        #expect(Self.decode(bytes) == nil)
    }

    @Test("nesting without end is refused")
    func deep() {
        let line = #"{"x":"# + String(repeating: "[", count: 100_000)
        #expect(Self.decode(Array(line.utf8)) == nil)
    }

    @Test("attributes become structured metadata with label names")
    func attributes() {
        var expected = ByteBuffer()
        StructuredMetadata.append("com_docker_compose_service", "web", to: &expected)
        StructuredMetadata.append("_x", "\"1\"", to: &expected)
        StructuredMetadata.append("tag", "b", to: &expected)
        let attributes = #"{"com.docker.compose.service":"web","9x":"\"1\"","n":5,"empty":"","tag":"b"}"#
        for line in [
            #"{"log":"a\n","stream":"stdout","attrs":\#(attributes),"time":"\#(Self.stamp)"}"#,
            #"{"attrs":\#(attributes),"log":"a\n","stream":"stdout","time":"\#(Self.stamp)"}"#,
        ] {
            let decoded = Self.decode(Array(line.utf8))
            #expect(decoded?.text == "a")
            #expect(decoded?.attributes == [UInt8](expected.bytes))
        }
    }

    @Test("attributes that are not UTF-8 are repaired")
    func brokenAttributes() {
        let line =
            Array(#"{"log":"a\n","stream":"stdout","attrs":{"k":""#.utf8) + [0xff]
            + Array(#""},"time":"\#(Self.stamp)"}"#.utf8)
        var expected = ByteBuffer()
        StructuredMetadata.append("k", "\u{FFFD}", to: &expected)
        #expect(Self.decode(line)?.attributes == [UInt8](expected.bytes))
    }

    @Test("the fast path and the plain one agree on random and damaged lines")
    func fuzz() {
        var random = SeededRandom(seed: SeededRandom.seed())
        var decodedCount = 0
        for _ in 0..<40_000 {
            var line = Self.randomLine(&random)
            if Int.random(in: 0..<3, using: &random) == 0 { Self.damage(&line, &random) }
            let fast = Self.decode(line)
            #expect(fast == Self.decode(line, plain: true), "\(String(decoding: line, as: UTF8.self))")
            if fast != nil { decodedCount += 1 }
        }
        #expect(decodedCount > 20_000)
    }

    private static func randomLine(_ random: inout SeededRandom) -> [UInt8] {
        let pieces = [
            "a", "hello world ", #"\n"#, #"\""#, #"\\"#, #"\u003c"#, #"\ud83d\ude00"#, #"\ud83d"#, "é", "😀", "{", ",",
        ]
        var text = ""
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            text += pieces[Int.random(in: 0..<pieces.count, using: &random)]
        }
        if Bool.random(using: &random) { text += #"\n"# }
        let stream = Bool.random(using: &random) ? "stdout" : "stderr"
        let attributes = Int.random(in: 0..<4, using: &random) == 0 ? #""attrs":{"a.b":"\#(text)","c":"d"},"# : ""
        return Array(#"{"log":"\#(text)","stream":"\#(stream)",\#(attributes)"time":"\#(stamp)"}"#.utf8)
    }

    private static func damage(_ line: inout [UInt8], _ random: inout SeededRandom) {
        let alphabet = Array(#"{}[]":,\u0tn "#.utf8) + [0xff]
        for _ in 0..<Int.random(in: 1...3, using: &random) where !line.isEmpty {
            let index = Int.random(in: 0..<line.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: line.remove(at: index)
            case 1: line.insert(alphabet[Int.random(in: 0..<alphabet.count, using: &random)], at: index)
            case 2: line[index] = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            default: line.removeSubrange(index...)
            }
        }
    }
}
