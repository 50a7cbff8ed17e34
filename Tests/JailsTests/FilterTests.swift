import Bytes
import Glibc
import TestSupport
import Testing

@testable import Jails

@Suite("Filters at work")
struct FilterTests {
    private static let now = 1_124_013_600.0

    private func filter(_ text: String, _ settings: Filter.Settings = .init()) throws -> Filter {
        let files = try ConfigurationFiles(["filter.d/t.conf": "[Definition]\n" + text])
        return try Filter(try FilterDefinition(name: "t", directory: files.path), now: Self.now, settings: settings)
    }

    private func read(_ filter: Filter, _ line: String, now: Double = FilterTests.now) -> [Failure] {
        filter.failures(in: Array(line.utf8).span.bytes, now: now)
    }

    @Test("the date is cut out, and what is around it glued")
    func date() throws {
        let filter = try filter("failregex = ^a  b from <HOST>$\n")
        let found = read(filter, "a 2005-08-14 09:00:00 b from 192.0.2.1")
        #expect(found.map(\.id) == ["192.0.2.1"])
        #expect(found.map(\.time) == [1_124_010_000])
        #expect(read(filter, "a  b from 192.0.2.1", now: Self.now + 1).map(\.time) == [Self.now + 1])
    }

    @Test("a line without a date has that of the line before for a minute")
    func lastDate() throws {
        let filter = try filter("failregex = from <HOST>$\n")
        _ = read(filter, "2005-08-14 09:59:50 x")
        #expect(read(filter, "from 192.0.2.1", now: Self.now).map(\.time) == [Self.now - 10])
        #expect(read(filter, "from 192.0.2.1", now: Self.now + 60).map(\.time) == [Self.now + 60])
    }

    @Test("a prefix gives content and groups to all patterns")
    func prefix() throws {
        let filter = try filter(
            "prefregex = ^<F-USER>\\w+</F-USER>: <F-CONTENT>.+</F-CONTENT>$\nfailregex = ^bad <HOST>\n  ^worse <F-USER>\\w+</F-USER> <HOST>\n"
        )
        #expect(read(filter, "kim: bad 192.0.2.1").first?.text("user") == "kim")
        #expect(read(filter, "kim: worse bob 192.0.2.1").first?.text("user") == "bob")
        #expect(read(filter, "bad 192.0.2.1").isEmpty)
    }

    @Test("alternatives fill what is empty, tuples add up")
    func groups() throws {
        let filter = try filter(
            "failregex = ^<HOST> u=<F-USER>\\w*</F-USER> v=<F-ALT_USER_1>\\w*</F-ALT_USER_1> <F-TUPLE_ID_1>\\w</F-TUPLE_ID_1>(?P<tuple_id_2>\\w)$\n"
        )
        let found = try #require(read(filter, "192.0.2.1 u= v=kim ab").first)
        #expect(found.text("user") == "kim")
        #expect(found.groups["fid"] == .list(["a", "b"]))
        #expect(found.id == "a, b")
    }

    @Test("an address may come in another line of the session than the failure")
    func sessions() throws {
        let text = """
            failregex = ^<F-MLFID>\\[\\d+\\]</F-MLFID> <F-NOFAIL>hello</F-NOFAIL> <HOST>$
                ^<F-MLFID>\\[\\d+\\]</F-MLFID> denied <F-USER>\\w+</F-USER>$
                ^<F-MLFID>\\[\\d+\\]</F-MLFID> <F-MLFFORGET><F-MLFGAINED>welcome</F-MLFGAINED></F-MLFFORGET> <F-USER>\\w+</F-USER>$

            """
        let filter = try filter(text)
        #expect(read(filter, "[1] hello 192.0.2.1").map(\.isNoFail) == [true])
        let denied = read(filter, "[1] denied kim")
        #expect(denied.map(\.id) == ["192.0.2.1"])
        #expect(denied.first?.matches == ["[1] hello 192.0.2.1", "[1] denied kim"])
        // The same user gets in: no failure. Another one does: the first one's failures stand.
        #expect(read(filter, "[1] welcome kim").map(\.isNoFail) == [true])
        #expect(read(filter, "[2] denied kim").map(\.id) == [nil])
        #expect(read(filter, "[2] hello 192.0.2.2").map(\.isNoFail) == [false])
        #expect(read(filter, "[2] welcome bob").map(\.isNoFail) == [false])
        // Forgotten.
        #expect(read(filter, "[1] denied kim").map(\.id) == [nil])
    }

    @Test("sessions have a bound, and the dropped ones are counted")
    func sessionBound() throws {
        var cache = SessionCache()
        func add(_ name: String, _ now: Double) {
            var groups: FailureGroups = ["mlfid": .text("x")]
            _ = cache.merge(&groups, time: 0, pattern: 0, weight: 1, session: name, line: RawSpan(), now: now)
        }
        for number in 0..<(SessionCache.capacity + 5) { add("\(number)", 0) }
        #expect(cache.count == SessionCache.capacity && cache.evicted == 5)
        add("new", SessionCache.lifetime + 1)
        #expect(cache.count == 1)
    }

    @Test("lines are matched together, skipped ones stay")
    func lines() throws {
        let filter = try filter("maxlines = 4\nfailregex = ^begin (?P<_n>\\d)<SKIPLINES>end (?P=_n) <HOST>$\n")
        #expect(["begin 1", "begin 2"].allSatisfy { read(filter, $0).isEmpty })
        #expect(read(filter, "end 1 192.0.2.1").first?.matches == ["begin 1", "end 1 192.0.2.1"])
        #expect(read(filter, "end 2 192.0.2.2").map(\.id) == ["192.0.2.2"])
        #expect(read(filter, "end 2 192.0.2.2").isEmpty)
    }

    @Test("ignored lines are no failures, whether the pattern is asked first or last")
    func ignored() throws {
        for more in ["", "  ^b <HOST>\n  ^c <HOST>\n  ^d <HOST>\n"] {
            let filter = try filter("failregex = ^a <HOST>\n\(more)ignoreregex = friend$\n")
            #expect(read(filter, "a 192.0.2.1 friend").isEmpty && filter.outcome == .ignored)
            #expect(read(filter, "a 192.0.2.1 foe").count == 1)
        }
    }

    @Test("a pattern that takes too long is given up, and set aside after three times")
    func limits() throws {
        let filter = try filter("failregex = ^(?:a+)+ <HOST>\n  ^b <HOST>\n")
        let slow = String(repeating: "a", count: 60) + "! 192.0.2.1"
        for _ in 0..<4 { #expect(read(filter, slow).isEmpty) }
        let pattern = filter.failurePatterns[0]
        #expect(pattern.limitCount == 3 && pattern.quarantineCount == 1 && pattern.skippedCount == 1)
        #expect(read(filter, "b 192.0.2.1").count == 1)
        _ = read(filter, slow, now: Self.now + 61)
        #expect(pattern.limitCount == 4)
    }

    @Test(
        "a filter that says nobody, or does not compile, is refused",
        arguments: ["failregex = ^nobody\n", "failregex = (<HOST>\n", "failregex = <HOST>\ndatepattern = %Q\n"])
    func refused(_ text: String) { #expect(throws: JailConfigurationError.self) { try filter(text) } }

    @Test("bytes that are not UTF-8, and long lines, are read")
    func bytes() throws {
        let filter = try filter("failregex = ^a . <HOST>\n")
        let broken = Array("a ".utf8) + [0xff] + Array(" 192.0.2.1".utf8)
        let found = filter.failures(in: broken.span.bytes, now: 0)
        #expect(found.count == 1)
        let long = [UInt8](repeating: 0x61, count: 200_000)
        let none = filter.failures(in: long.span.bytes, now: 0)
        #expect(none.isEmpty)
    }

    @Test(
        "literals that must occur are found, and no others",
        arguments: [
            ("^abc def$", ["abc def"]), ("(?:abc|defg)", ["abc", "defg"]), ("(?:abc)?xy", ["xy"]), ("ab+cd*e", ["ab"]),
            ("(?!never)ab", ["ab"]),
            ("a{2}bcd", ["bcd"]), ("[abc]de", ["de"]), ("(?P<x>abc)d", ["abcd"]), ("(?(x)ab|cd)ef", ["ef"]),
            (#"\[\d+\] abc"#, ["] abc"]),
        ])
    func literals(_ pattern: String, _ expected: [String]) {
        #expect(
            RequiredLiterals(pattern, isCaseless: false)?.anyOf.map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test(
        "nothing is claimed where nothing is sure",
        arguments: [
            "a|b", "(?:abc|)", ".*", "(?i:abc)", "(?:abc)*", "(?<=abc)",
        ])
    func noLiterals(_ pattern: String) { #expect(RequiredLiterals(pattern, isCaseless: false) == nil) }

    @Test("the prefilter never hides a match")
    func prefilter() throws {
        let seed = SeededRandom.seed()
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let atoms = [
            "ab", "c", "(?:ab|cd)", "(?:a|bc)?", "[ab]+", "d*", ".", "(?i:Ab)", "b{2}", #"\w"#, "^", "(?=a)",
            "(?:c(?:d|ab))", #"\."#,
        ]
        for _ in 0..<300 {
            let pattern = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                atoms.randomElement(using: &random) ?? ""
            }.joined()
            let caseless = Bool.random(using: &random)
            let matcher = try TextMatcher(pattern, isCaseless: caseless)
            let prefilter = LiteralPrefilter([RequiredLiterals(pattern, isCaseless: caseless)])
            for _ in 0..<30 {
                let line = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                    "abcdAB.".utf8.randomElement(using: &random) ?? 0
                }
                guard matcher.match(line.span.bytes) else { continue }
                let isFound = prefilter.scan(line.span.bytes) && prefilter.isCandidate(0)
                #expect(isFound, "\(pattern) in \(String(decoding: line, as: UTF8.self))")
            }
        }
    }
}
