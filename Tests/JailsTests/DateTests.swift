import Bytes
import Telemetry
import TestSupport
import Testing

@testable import Jails

@Suite("Dates in lines")
struct DateTests {
    private static let zone = ZoneFile(rule: "CET-01CEST-02,M3.5.0,M10.5.0") ?? .utc
    /// 2005-08-14 12:00:00 there.
    private static let now = 1_124_013_600.0

    private func time(_ pattern: String, _ line: String) throws -> Double? {
        let templates = try DateTemplates.make(pattern.isEmpty ? [] : [pattern], decades: 0...2)
        let detector = DateDetector(templates)
        let bytes = Array(line.utf8)
        guard let found = detector.match(bytes.span.bytes, now: Self.now) else { return nil }
        return detector.templates[found.template].time(bytes.span.bytes, DateClock(now: Self.now, zone: Self.zone))
    }

    // Times that fail2ban 1.0.2 gives.
    @Test(
        "fields, and what stands in for missing ones",
        arguments: [
            ("%y-%m-%d", "69-01-02", 3_124_306_800), ("%d/%b %H:%M:%S", "15/Aug 12:00:00", 1_124_100_000),
            ("%d/%b %H:%M:%S", "16/Aug 12:00:01", 1_092_650_401), ("%H:%M:%S", "12:00:01", 1_123_927_201),
            ("%H:%M:%S", "11:59:59", 1_124_013_599), ("%Y %j", "2005 200", 1_121_724_000),
            ("%Y %U %w", "2005 20 3", 1_116_367_200),
            ("%I:%M %p", "12:30 am", 1_123_972_200), ("%A %B %d", "Monday January 3", 1_104_706_800),
            ("%Y", "2004 x", 1_092_434_400),
            ("%Y-%m-%d", "2005-08-20", 1_124_488_800), ("%j", "300", 1_098_828_000),
            ("EPOCH", "1124013600.123", 1_124_013_600.123),
            ("LEPOCH", "1124013600123", 1_124_013_600.123), ("%Z %H:%M", "CEST 01:00", 1_123_974_000),
            ("TAI64N", "@400000004c91b044077a9e94 x", 1_284_616_260),
            ("{^LN-BEG}Epoch", "[1124013600] x", 1_124_013_600),
            ("", "Aug 14 11:59:58 host x", 1_124_013_598), ("", "2005-08-14T09:59:58.123Z x", 1_124_013_598),
            ("", "x [14/Aug/2005:11:59:58 +0200] y", 1_124_013_598),
            ("^\\[{DATE}\\]", "[2005-08-14 11:59:58] x", 1_124_013_598),
        ] as [(String, String, Double)])
    func times(_ pattern: String, _ line: String, _ expected: Double) throws {
        #expect(try time(pattern, line) == expected)
    }

    @Test("what is known of the line before changes nothing of what is found")
    func repeated() throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        let pieces = [
            " ", " ", " ", ".", ",", "1", "2", "2005", " 2005", "20", "Z", "UTC", " +0200", "+", "-", "web", "u", "g",
            "[", "\u{e9}", ":", "58",
        ]
        let dates = [
            "Aug 14 11:59:58", "Sun Aug 14 11:59:58", "Aug  4 2005 11:59:5", "2005-08-14T09:59:58",
            "2005/08/14 09:59:58",
            "14-Aug-2005 09:59:58", "08/14/2005:09:59:58", "20050814T095958", "Aug 14, 2005 1:59:58 am",
            "CEST Aug 14 11:59:58",
        ]
        for date in dates {
            let detector = DateDetector(try DateTemplates.make([], decades: 0...2))
            let alone = try DateTemplates.make([], decades: 0...2)
            var before: [UInt8] = []
            for _ in 0..<2000 {
                // Half of them go on as the line before did, for a while.
                var line = Array(date.utf8)
                if Bool.random(using: &random) {
                    line = Array(before.prefix(line.count + Int.random(in: 0...4, using: &random)))
                }
                for _ in 0..<Int.random(in: 0...5, using: &random) {
                    line += Array(pieces[Int.random(in: 0..<pieces.count, using: &random)].utf8)
                }
                guard line.span.bytes.isUTF8 else { continue }
                before = line
                guard let found = detector.match(line.span.bytes, now: Self.now),
                    detector.templates[found.template].isPlain
                else { continue }
                let name = detector.templates[found.template].name
                let template = try #require(alone.first { $0.name == name })
                let isMatched = template.match(line.span.bytes, from: 0, to: line.count)
                #expect(isMatched, "\(String(lossy: line.span.bytes))")
                #expect(template.cut == found.cut, "\(String(lossy: line.span.bytes))")
            }
        }
    }

    @Test(
        "what is no date",
        arguments: [
            ("%d %H:%M", "31 10:00"), ("%Z %H:%M", "XYZ 01:00"), ("%Y-%m-%d", "2005-02-30"), ("%H:%M:%S", "01:00:60"),
            ("", "nothing"),
            ("%Y-%m-%d", "x2005-02-03y"),
        ])
    func noTimes(_ pattern: String, _ line: String) throws { #expect(try time(pattern, line) == nil) }

    @Test(
        "bounds and groups are put where fail2ban puts them",
        arguments: [
            ("{UNB}%H", #"((?P<H>[0-1]?\d|2[0-3]))"#), ("**%H", #"((?P<H>[0-1]?\d|2[0-3]))(?=\b|\W|$)"#),
            ("(^%H)", #"(^(?P<H>[0-1]?\d|2[0-3]))(?=\b|\W|$)"#), (#"%H\s"#, #"(?=^|\b|\W)((?P<H>[0-1]?\d|2[0-3])\s)"#),
            ("%H$", #"(?=^|\b|\W)((?P<H>[0-1]?\d|2[0-3]))$"#), ("%H**", #"(?=^|\b|\W)((?P<H>[0-1]?\d|2[0-3]))"#),
            ("^%H", #"^((?P<H>[0-1]?\d|2[0-3]))(?=\b|\W|$)"#),
            ("(?:^|x)%H", #"((?:^|x)(?P<H>[0-1]?\d|2[0-3]))(?=\b|\W|$)"#),
            ("{^LN-BEG}%H", #"^(?:\W{0,2})?((?P<H>[0-1]?\d|2[0-3]))(?=\b|\W|$)"#), ("{UNB}^", "^()"),
        ])
    func bounds(_ pattern: String, _ expected: String) throws {
        #expect(try DatePattern(pattern, decades: 0...2).regex == expected)
    }

    @Test(
        "every built-in template compiles, also within another pattern",
        arguments: [[], ["{^LN-BEG}"], ["^<{DATE}>"], ["LEPOCH", "TAI64N"]] as [[String]])
    func builtIn(_ patterns: [String]) throws {
        for template in try DateTemplates.make(patterns, decades: 0...2) { try template.compile() }
    }

    @Test("31 templates by default, 17 at the beginning of a line, none beside others")
    func counts() throws {
        #expect(try DateTemplates.make([], decades: 0...2).count == 31)
        #expect(try DateTemplates.make(["{^LN-BEG}"], decades: 0...2).count == 17)
        #expect(try DateTemplates.make(["{DEFAULT}", "%H"], decades: 0...2).count == 1)
    }

    @Test("an unknown token is an error")
    func unknownToken() { #expect(throws: PatternError.self) { try DateTemplates.make(["%Q"], decades: 0...2) } }

    @Test("what serves a log moves to the front")
    func order() throws {
        let detector = DateDetector(try DateTemplates.make([], decades: 0...2))
        for second in 10...20 {
            let line = Array("host x 2005-08-14 11:00:\(second) and 10.0.0.1".utf8)
            let found = detector.match(line.span.bytes, now: Self.now)
            #expect(found?.cut == 7..<26)
        }
        #expect(detector.templates[0].hits == 11)
    }
}
