import Bytes
import TestSupport
import Testing

@testable import Logs
@testable import Telemetry

@Suite("CRI lines")
struct CRIDecoderTests {
    private func decode(_ line: [UInt8]) -> (text: String, record: ContainerRecord)? {
        var text = ByteBuffer()
        text.append("kept " as StaticString)
        guard let record = CRIDecoder.decode(line.span.bytes, into: &text) else {
            #expect(text.count == 5)
            return nil
        }
        return (String(String(lossy: text.bytes).dropFirst(5)), record)
    }

    @Test(
        "a line is decoded",
        arguments: [
            ("2026-11-20T09:08:07.123456789Z stdout F hello", "hello", ContainerStream.stdout, false),
            ("2026-11-20T11:08:07.123456789+02:00 stderr P  two  spaces ", " two  spaces ", .stderr, true),
            ("2026-11-20T09:08:07.123456789Z stdout F ", "", .stdout, false),
            ("2026-11-20T09:08:07.123456789Z stdout F", "", .stdout, false),
            ("2026-11-20T09:08:07.123456789Z stdout P:tag:other x", "x", .stdout, true),
            ("2026-11-20T09:08:07.123456789Z stdout F:tag", "", .stdout, false),
            ("2026-11-20T09:08:07.123456789Z stdout F:tag ", "", .stdout, false),
        ])
    func decoded(_ line: String, _ text: String, _ stream: ContainerStream, _ isPartial: Bool) {
        let result = decode(Array(line.utf8))
        #expect(result?.text == text)
        #expect(
            result?.record
                == ContainerRecord(
                    time: Timestamp(nanoseconds: 1_795_165_687_123_456_789), stream: stream, isPartial: isPartial))
    }

    @Test(
        "what is not such a line is refused",
        arguments: [
            "", "text", "2026-11-20T09:08:07.123456789Z", "2026-11-20T09:08:07.123456789Z stdout",
            "2026-11-20T09:08:07.123456789Z stdout ", "2026-11-20T09:08:07.123456789Z stdin F x",
            "2026-11-20T09:08:07.123456789Z stdout X x", "2026-11-20T09:08:07.123456789Z stdout FP x",
            "2026-11-20T09:08:07.123456789 stdout F x", "2026-11-20T09:08:07.123456789Z  stdout F x",
            "2026-11-20X09:08:07.123456789Z stdout F x", "2026-11-20T09:08:07.123456789Z stdoutF F x",
        ])
    func refused(_ line: String) {
        #expect(decode(Array(line.utf8)) == nil)
    }

    @Test("damaged lines never crash")
    func fuzz() {
        var random = SeededRandom(seed: SeededRandom.seed())
        let sample = Array("2026-11-20T09:08:07.123456789+02:00 stderr P:a hello world".utf8)
        for _ in 0..<100_000 {
            var line = sample
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                line[Int.random(in: 0..<line.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            line.removeLast(Int.random(in: 0...line.count, using: &random))
            if let result = decode(line) { #expect(result.text.utf8.count <= line.count * 3) }
        }
    }
}
