import Bytes
import Glibc
import TestSupport
import Testing

@Suite("RFC 3339")
struct RFC3339Tests {
    private func parse(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        return RFC3339.parse(bytes.span.bytes)
    }

    private func format(_ nanoseconds: Int64) -> String {
        var buffer = ByteBuffer()
        RFC3339.append(nanoseconds, to: &buffer)
        return String(lossy: buffer.bytes)
    }

    @Test(
        "time stamps with and without fraction and offset are read",
        arguments: [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.000000001Z", 1),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("2026-11-20T09:08:07.1Z", 1_795_165_687_100_000_000),
            ("2026-11-20T09:08:07.12345678Z", 1_795_165_687_123_456_780),
            ("2026-11-20T09:08:07.123456789Z", 1_795_165_687_123_456_789),
            ("2026-11-20T11:08:07.123456789+02:00", 1_795_165_687_123_456_789),
            ("2026-11-20T03:38:07.1234-05:30", 1_795_165_687_123_400_000),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
            ("2000-02-29T23:59:59+00:00", 951_868_799_000_000_000),
            ("2262-04-11T23:47:15Z", 9_223_372_035_000_000_000),
        ] as [(String, Int64)])
    func read(_ text: String, _ expected: Int64) {
        #expect(parse(text) == expected)
    }

    @Test(
        "what is no time stamp is refused",
        arguments: [
            "", "2026", "2026-11-20T09:08:07", "2026-11-20 09:08:07Z", "2026-11-20T09:08:07.Z", "2026-11-20T09:08:07.1",
            "2026-11-20T09:08:07.1234567890Z", "2026-11-20T09:08:07ZZ", "2026-11-20T09:08:07+0200",
            "2026-11-20T09:08:07+24:00", "2026-11-20T09:08:07+02:60", "2026-13-20T09:08:07Z", "2026-00-20T09:08:07Z",
            "2026-11-31T09:08:07Z", "2026-02-29T09:08:07Z", "2100-02-29T09:08:07Z", "2026-11-00T09:08:07Z",
            "2026-11-20T24:08:07Z", "2026-11-20T09:60:07Z", "2026-11-20T09:08:60Z", "2O26-11-20T09:08:07Z",
            "2026-11-20T09:08:0:Z", "2026-11-20T09:08:07.12a456789Z", "2026/11/20T09:08:07Z", "2026-11-20T09:08:07z",
            "2026-11-2\u{e9}T09:08:07Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
        ])
    func refused(_ text: String) {
        #expect(parse(text) == nil)
    }

    @Test("times are written with nine digits")
    func written() {
        #expect(format(0) == "1970-01-01T00:00:00.000000000Z")
        #expect(format(-1) == "1969-12-31T23:59:59.999999999Z")
        #expect(format(.min) == "1677-09-21T00:12:43.145224192Z")
        #expect(format(.max) == "2262-04-11T23:47:16.854775807Z")
    }

    @Test("what is written is read back, and the calendar is the C library's")
    func roundTrip() {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<5000 {
            let nanoseconds = Int64.random(in: -9_223_372_035_000_000_000...9_223_372_035_999_999_999, using: &random)
            let text = format(nanoseconds)
            #expect(parse(text) == nanoseconds)
            var seconds = Int(nanoseconds / 1_000_000_000 - (nanoseconds % 1_000_000_000 < 0 ? 1 : 0))
            var parts = tm()
            gmtime_r(&seconds, &parts)
            #expect(Int(text.prefix(4)) == 1900 + Int(parts.tm_year))
            #expect(Int(text.dropFirst(5).prefix(2)) == Int(parts.tm_mon) + 1)
            #expect(Int(text.dropFirst(8).prefix(2)) == Int(parts.tm_mday))
            #expect(Int(text.dropFirst(11).prefix(2)) == Int(parts.tm_hour))
        }
    }

    @Test("a damaged time stamp never crashes and only a well-formed one is read")
    func fuzz() {
        var random = SeededRandom(seed: SeededRandom.seed())
        let samples = ["2026-11-20T09:08:07.123456789+02:00", "2026-11-20T09:08:07.5Z"].map { Array($0.utf8) }
        for _ in 0..<50_000 {
            var bytes = samples[Int.random(in: 0..<2, using: &random)]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            bytes.removeLast(Int.random(in: 0...2, using: &random))
            if let nanoseconds = RFC3339.parse(bytes.span.bytes) { #expect(parse(format(nanoseconds)) == nanoseconds) }
        }
    }
}
