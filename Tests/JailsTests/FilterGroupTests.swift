import CAllocations
import TestSupport
import Testing

@testable import Jails

@Suite("Several filters on one log")
struct FilterGroupTests {
    private static let now = 1_124_013_600.0
    private static let texts = [
        "prefregex = ^\\s*<F-MLFID>\\w+\\[\\d+\\]: </F-MLFID><F-CONTENT>.+</F-CONTENT>$\n"
            + "failregex = ^Failed for <F-USER>\\w+</F-USER> from <HOST>$\n  ^<F-NOFAIL>Hello</F-NOFAIL> <HOST>$\n",
        "failregex = Failed .* from <HOST>\n  ^anything <HOST>\nignoreregex = friend\n",
        "failregex = ^\\s*[a-z]+\\[\\d+\\]: denied <F-ID>\\S+</F-ID>$\ndatepattern = ^%%Y-%%m-%%d %%H:%%M:%%S\n",
        "maxlines = 3\nfailregex = begin (\\d)$<SKIPLINES>.*end <HOST>$\n",
        "failregex = ^.* from <HOST>$\n",
    ]

    private func filters() throws -> [Filter] {
        try Self.texts.map { text in
            let files = try ConfigurationFiles(["filter.d/t.conf": "[Definition]\n" + text])
            return try Filter(try FilterDefinition(name: "t", directory: files.path), now: Self.now)
        }
    }

    @Test("a group finds what its filters find alone")
    func agrees() throws {
        let seed = SeededRandom.seed()
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let alone = try filters()
        let group = FilterGroup(try filters())
        let dates = ["2005-08-14 09:00:0", "Aug 14 09:00:0", "", "[14/Aug/2005:09:00:0"]
        let heads = ["ssh[1]: ", "ssh[2]: ", "", "from\u{e9}: "]
        let bodies = [
            "Failed for kim from 192.0.2.1", "Hello 192.0.2.2", "Failed x friend from 192.0.2.3", "denied kim",
            "begin 1",
            "end 192.0.2.4", "nothing", "anything 2001:db8::1",
        ]
        for number in 0..<2000 {
            var line = Array(
                ((dates.randomElement(using: &random) ?? "") + "\(number % 10) "
                    + (heads.randomElement(using: &random) ?? "")
                    + (bodies.randomElement(using: &random) ?? "")).utf8)
            if Int.random(in: 0..<20, using: &random) == 0 { line.append(0xff) }
            let now = Self.now + Double(number / 10)
            var expected: [[Failure]] = []
            for filter in alone { expected.append(filter.failures(in: line.span.bytes, now: now)) }
            var found = [[Failure]](repeating: [], count: alone.count)
            group.read(line.span.bytes, time: nil, now: now) { found[$0].append($1) }
            #expect(found == expected, "\(String(decoding: line, as: UTF8.self))")
        }
        #expect(group.filters.allSatisfy { !$0.failurePatterns.allSatisfy { $0.matchCount == 0 } })
    }

    @Test("a line in which nothing is found allocates nothing")
    func allocations() throws {
        let group = FilterGroup(try filters().filter { !$0.isMultiline })
        let lines = ["2005-08-14 09:00:00 ssh[1]: all is well", "2005-08-14 09:00:01 cron: Failed to be anything", "x"]
            .map { Array($0.utf8) }
        func read() {
            for index in lines.indices {
                let line = lines[index]
                group.read(line.span.bytes, time: nil, now: Self.now) { _, _ in Issue.record("found") }
            }
        }
        for _ in 0..<10 { read() }
        let before = callocations_of_this_thread()
        for _ in 0..<100 { read() }
        #expect(callocations_of_this_thread() == before)
    }
}
