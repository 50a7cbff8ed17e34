import Testing

@testable import Jails

/// What somebody may write into a log who wants to stop the watcher, or to have another banned.
@Suite("Hostile lines")
struct HostileLineTests {
    private static let now = 1_124_013_600.0

    private func filter(_ text: String) throws -> Filter {
        let files = try ConfigurationFiles(["filter.d/t.conf": "[Definition]\n" + text])
        return try Filter(try FilterDefinition(name: "t", directory: files.path), now: Self.now)
    }

    private func read(_ filter: Filter, _ bytes: [UInt8], now: Double = HostileLineTests.now) -> [Failure] {
        filter.failures(in: bytes.span.bytes, now: now)
    }

    @Test(
        "a line that costs a backtracking matcher twice as much with each part more is given up, and then passed over")
    func doubling() throws {
        // Repeats within repeats, as filters of mail servers had them.
        let filter = try filter(
            "failregex = ^imap-login:(?: (?:[^:]+: ?)+)*failed rip=<HOST>$\n  ^pop3-login: failed rip=<HOST>$\n")
        let slow = Array(("imap-login: x" + String(repeating: ": a", count: 40) + " rip=192.0.2.1").utf8)
        let begin = ContinuousClock.now
        for _ in 0..<20 { #expect(read(filter, slow).isEmpty) }
        #expect(begin.duration(to: .now) < .seconds(5))
        #expect(filter.failurePatterns[0].limitCount == FailurePattern.mostRecentLimits)
        #expect(read(filter, Array("pop3-login: failed rip=192.0.2.1".utf8)).map(\.id) == ["192.0.2.1"])
    }

    @Test("lines of a megabyte are cut, whatever they hold", arguments: ["a", ":", "\0", "é", "2005-08-14 09:00:00 "])
    func long(_ part: String) throws {
        let filter = try filter(
            "prefregex = ^<F-CONTENT>.+</F-CONTENT>$\nfailregex = ^.*end <HOST>$\n  (?:a|:)+ from <HOST>\n")
        var line = Array("end 192.0.2.1 ".utf8)
        while line.count < 1 << 20 { line += Array(part.utf8) }
        line += Array(" end 192.0.2.2".utf8)
        #expect(read(filter, line).isEmpty)
        #expect(read(filter, Array("x end 192.0.2.3".utf8)).map(\.id) == ["192.0.2.3"])
    }

    @Test("an address that a user's name carries is not who failed, where the pattern ends at the line's end")
    func forged() throws {
        let filter = try filter("failregex = ^Failed for <F-USER>.*</F-USER> from <HOST> port \\d+$\n")
        let found = read(filter, Array("Failed for x from 198.51.100.7 port 1 from 192.0.2.1 port 22".utf8))
        #expect(found.map(\.id) == ["192.0.2.1"])
        #expect(found.first?.text("user") == "x from 198.51.100.7 port 1")
        // What looks like another line within it is no line.
        #expect(read(filter, Array("x\rFailed for y from 198.51.100.7 port 1".utf8)).isEmpty)
    }

    @Test("NULs and what is not UTF-8 are text like other text")
    func bytes() throws {
        let filter = try filter("failregex = ^Failed for <F-USER>\\S*</F-USER> from <HOST>$\n")
        let user: [UInt8] = [0x61, 0, 0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf4, 0x90]
        let found = read(filter, Array("Failed for ".utf8) + user + Array(" from 192.0.2.1".utf8))
        #expect(found.map(\.id) == ["192.0.2.1"])
        let text = try #require(found.first?.text("user"))
        #expect(
            text.hasPrefix("a\0\u{fffd}")
                && text.unicodeScalars.allSatisfy { $0 == "a" || $0 == "\0" || $0 == "\u{fffd}" })
        for byte in UInt8.min...UInt8.max { #expect(read(filter, [UInt8](repeating: byte, count: 300)).isEmpty) }
    }

    @Test("lines of nothing but dates, and dates that no calendar has, are lines")
    func dates() throws {
        let filter = try filter("failregex = ^\\s*<HOST>\\s*$\n")
        let odd = [
            "2005-08-14 09:00:00", "Aug 14 09:00:00", "1124013600", "@400000004252b2d90c2a3b4c", "2005-02-31 25:61:61",
            "99999999999", "2005-08-14 09:00:00 2005-08-14 09:00:00 2005-08-14 09:00:00", "Feb 29 00:00:00",
            "[1124013600]",
            "14/Aug/2005:09:00:00 +9999", "2005-08-14T09:00:00,999999 -0930", "", " ",
        ]
        for line in odd { #expect(read(filter, Array(line.utf8)).isEmpty) }
        let found = read(filter, Array("2005-08-14 09:59:59 192.0.2.1".utf8))
        #expect(found.map(\.id) == ["192.0.2.1"] && found.first?.time.isFinite == true)
    }

    @Test("a flood of sessions takes bounded memory, and the oldest go")
    func sessions() throws {
        var cache = SessionCache()
        let names = GroupNames(["user"])
        var groups = FailureGroups(names)
        groups["user"] = .text("kim")
        groups["nofail"] = .text("x")
        let count = 100_000
        for number in 0..<count {
            var own = groups
            _ = cache.merge(
                &own, time: 0, pattern: 0, weight: 1, session: "\(number)", line: RawSpan(), now: Double(number) / 1e6)
        }
        #expect(cache.count == SessionCache.capacity && cache.evicted == count - SessionCache.capacity)
    }

    @Test("long lines of sessions take bounded memory, and the oldest sessions go")
    func longLines() throws {
        var cache = SessionCache()
        let names = GroupNames([])
        let line =
            [UInt8](repeating: 0xc3, count: 1) + [UInt8]("\u{e4}".utf8).dropFirst()
            + [UInt8](repeating: 0x61, count: 60_000)
        let most = SessionCache.lineCapacity / SessionCache.longestLine
        for number in 0..<(most + 100) {
            var groups = FailureGroups(names)
            groups["nofail"] = .text("x")
            _ = cache.merge(
                &groups, time: 0, pattern: 0, weight: 1, session: "\(number)", line: line.span.bytes, now: 0)
        }
        #expect(cache.count == most && cache.evicted == 100)
        // What ends gives its room back.
        for number in 100..<(most + 100) {
            var groups = FailureGroups(names)
            groups["mlfforget"] = .text("x")
            let session = cache.merge(
                &groups, time: 0, pattern: 0, weight: 1, session: "\(number)", line: RawSpan(), now: 0)
            var told: [Failure] = []
            session.tell { told.append($0) }
            #expect(told.first?.matches.count == 2 && told.first?.matches.first?.utf8.count == SessionCache.longestLine)
        }
        #expect(cache.count == 0)
        for number in 0..<most {
            var groups = FailureGroups(names)
            groups["nofail"] = .text("x")
            _ = cache.merge(
                &groups, time: 0, pattern: 0, weight: 1, session: "\(number)", line: line.span.bytes, now: 0)
        }
        #expect(cache.count == most && cache.evicted == 100)
    }

    @Test("what one session remembers is bounded")
    func oneSession() throws {
        var cache = SessionCache()
        let names = GroupNames(["user"])
        let line = [UInt8](repeating: 0x61, count: 1000)
        var last: SessionCache.Session?
        for number in 0..<5000 {
            var groups = FailureGroups(names)
            groups["user"] = .text("\(number)")
            groups["dns"] = .text(String(repeating: "x", count: 1000))
            last = cache.merge(
                &groups, time: 0, pattern: 0, weight: 1, session: "one", line: line.span.bytes, now: 0)
        }
        let session = try #require(last)
        #expect(
            session.failure.users.count <= Failure.mostMatches && session.failure.matches.count <= Failure.mostMatches)
        #expect(session.failure.groups.size < 16 << 10)
        #expect(session.failure.text("user") == "4999")
    }
}
