import Bytes
import Glibc
import Testing

@testable import Jails

@Suite struct FollowedLogTests {
    private func lines(_ log: FollowedLog) throws -> [String] {
        var lines: [String] = []
        while try log.read({ lines.append(String(lossy: $0)) }) {}
        return lines
    }

    @Test func `reads whole lines once`() throws {
        let directory = try ConfigurationFiles([:])
        let path = directory.path + "/a.log"
        try directory.write("a.log", "one\ntwo\r\nthr")
        let log = FollowedLog(path: path)
        try log.open(.time(0, timeOf: { _ in nil }))
        #expect(try lines(log) == ["one", "two"])
        #expect(log.isLive)
        try directory.append("a.log", "ee\nfour\n")
        #expect(try lines(log) == ["three", "four"])
    }

    @Test func `goes on through a rotation, with the old file's last line`() throws {
        let directory = try ConfigurationFiles([:])
        try directory.write("a.log", "one\n")
        let log = FollowedLog(path: directory.path + "/a.log")
        try log.open(.end)
        #expect(try lines(log) == [])
        try directory.append("a.log", "two\nlast")
        rename(directory.path + "/a.log", directory.path + "/a.log.1")
        #expect(try lines(log) == ["two"])
        try directory.write("a.log", "new\n")
        #expect(try lines(log) == ["last", "new"])
    }

    @Test func `stays with the old file until the new one has a line, as those who write do`() throws {
        let directory = try ConfigurationFiles([:])
        try directory.write("a.log", "one\n")
        let log = FollowedLog(path: directory.path + "/a.log")
        try log.open(.time(0, timeOf: { _ in nil }))
        rename(directory.path + "/a.log", directory.path + "/a.log.1")
        try directory.write("a.log", "")
        #expect(try lines(log) == ["one"])
        #expect(log.awaitsSuccessor)
        try directory.append("a.log.1", "two\n")
        #expect(try lines(log) == ["two"])
        try directory.append("a.log.1", "three\n")
        try directory.append("a.log", "four\n")
        #expect(try lines(log) == ["three", "four"])
        #expect(!log.awaitsSuccessor)
    }

    @Test(
        arguments: [
            ["a.log-20261128", "a.log.1", "a.log.2"], ["a.log.1", "a.log-x.log", "a.log.gz"],
            ["a.log.2026-11-28", "a.log.9"],
        ])
    func `begins in the newest of those before`(names: [String]) throws {
        let directory = try ConfigurationFiles([:])
        for (age, name) in names.enumerated() {
            try directory.write(name, "\(name)\n")
            let time = timeval(tv_sec: Glibc.time(nil) - (name == names[0] ? 10 : 20 + age), tv_usec: 0)
            #expect(utimes(directory.path + "/" + name, [time, time]) == 0)
        }
        try directory.write("a.log", "new\n")
        let log = FollowedLog(path: directory.path + "/a.log")
        try log.open(.time(0, timeOf: { _ in nil }))
        #expect(try lines(log) == [names[0], "new"])
    }

    @Test func `goes on through a truncation`() throws {
        let directory = try ConfigurationFiles([:])
        try directory.write("a.log", "one\ntwo\n")
        let log = FollowedLog(path: directory.path + "/a.log")
        try log.open(.time(0, timeOf: { _ in nil }))
        #expect(try lines(log) == ["one", "two"])
        truncate(directory.path + "/a.log", 0)
        #expect(try lines(log) == [])
        try directory.append("a.log", "three\n")
        #expect(try lines(log) == ["three"])
    }

    @Test func `turns what is not UTF-8 into it, line by line`() throws {
        let directory = try ConfigurationFiles([:])
        let path = directory.path + "/a.log"
        let file = try #require(fopen(path, "w"))
        fwrite([0x4a, 0xf6, 0x72, 0x67, 0x0a, 0x6f, 0x6e, 0x65, 0x0d, 0x0a] as [UInt8], 1, 10, file)
        fclose(file)
        for (encoding, first) in [("latin-1", "J\u{f6}rg"), ("koi8-r", "J\u{416}rg"), ("", "J\u{fffd}rg")] {
            let log = FollowedLog(path: path, encoding: encoding)
            try log.open(.time(0, timeOf: { _ in nil }))
            #expect(try lines(log) == [first, "one"], "\(encoding)")
        }
    }

    @Test func `begins in the file before, where that is of the time too`() throws {
        let directory = try ConfigurationFiles([:])
        try directory.write("a.log.1", "1 one\n2 two\n")
        try directory.write("a.log", "3 three\n")
        let log = FollowedLog(path: directory.path + "/a.log")
        try log.open(.time(2, timeOf: { line in line.firstIndex(of: 0x20).flatMap { line.slice(0, $0).number } }))
        // Small files are read whole: whose time is too old is for the jail to say.
        #expect(try lines(log) == ["1 one", "2 two", "3 three"])
    }

    @Test func `finds the first line of a time in a large file`() throws {
        let directory = try ConfigurationFiles([:])
        let text = (0..<200_000).map { "\($0) filler filler" }.joined(separator: "\n") + "\n"
        try directory.write("a.log", text)
        for wanted in [0.0, 1, 77_777, 199_999, 300_000] {
            let log = FollowedLog(path: directory.path + "/a.log")
            try log.open(
                .time(wanted) { line in
                    line.firstIndex(of: 0x20).flatMap { line.slice(0, $0).number }
                })
            let found = try lines(log)
            let first = found.first.flatMap { Double($0.prefix { $0 != " " }) } ?? .infinity
            #expect(first <= wanted || wanted > 199_999)
            // At most what two chunks hold is read beside.
            #expect(Double(found.count) <= max(0, 200_000 - wanted) + 40_000)
        }
    }

    @Test func `cuts a line that no filter would read whole`() throws {
        let directory = try ConfigurationFiles([:])
        try directory.write("a.log", String(repeating: "x", count: 1 << 20) + "\nnext\n")
        let log = FollowedLog(path: directory.path + "/a.log")
        try log.open(.time(0, timeOf: { _ in nil }))
        let found = try lines(log)
        #expect(found.count == 2)
        #expect(found.first?.utf8.count == Filter.longestLine)
        #expect(found.last == "next")
    }
}
