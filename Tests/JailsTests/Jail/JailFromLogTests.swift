import Bytes
import Testing

@testable import Jails

@Suite("From a log's lines to bans")
struct JailFromLogTests {
    private static let files = [
        "jail.conf": """
        [DEFAULT]
        bantime = 10m
        findtime = 10m
        maxretry = 3
        usedns = no
        bantime.increment = true
        bantime.maxtime = 1h
        [web]
        filter = web
        ignoreip = 192.0.2.99
        port = http,https
        [users]
        filter = users
        """,
        "filter.d/web.conf": "[Definition]\nfailregex = ^\\s*<HOST> failed as <F-USER>\\S+</F-USER>$\n",
        "filter.d/users.conf": "[Definition]\nfailregex = ^\\s*<ADDR> failed as <F-ID>\\S+</F-ID>$\n",
    ]

    private func run(_ name: String, _ lines: [String], now: Double) throws -> [JailEvent] {
        let files = try ConfigurationFiles(Self.files)
        let definition = try #require(try JailsConfiguration(directory: files.path).jails.first { $0.name == name })
        let filter = try Filter(try #require(definition.filter), now: now)
        let names = FixedNames()
        let host = HostAddresses(interfaces: { [] }, name: "", resolver: names)
        let jail = try Jail(
            try JailSettings(definition),
            surroundings: JailSurroundings(history: MemoryBanHistory(), names: names, trustedNames: names, host: host))
        return lines.flatMap { line in
            filter.failures(in: Array(line.utf8).span.bytes, now: now).flatMap { jail.take($0, now: now) }
        }
    }

    // 2026-11-28 12:00:00 in Greenwich.
    private static let now = 1_795_867_200.0

    @Test("the third failure of an address bans it, with the lines and what the pattern took; the ignored one goes on")
    func web() throws {
        let lines = (0..<3).flatMap { second in
            ["192.0.2.1", "192.0.2.99", "127.0.0.1", "bad.example"].map {
                "2026-11-28 11:59:5\(second) \($0) failed as user\(second)"
            }
        }
        let events = try run("web", lines, now: Self.now)
        let ban = try #require(events.bans.first)
        #expect(events.bans.count == 1 && ban.target == "192.0.2.1" && ban.end == Self.now - 8 + 600)
        #expect(ban.matches == [lines[0], lines[4], lines[8]])
        #expect(ban.groups["user"] == "user2" && ban.groups["ip4"] == "192.0.2.1")
        #expect(events.filter { $0 == .ignored("192.0.2.99", .address) }.count == 3)
        #expect(events.filter { $0 == .refused("127.0.0.1", .loopback) }.count == 3)
    }

    @Test("users are counted where the filter says who by <F-ID>, from wherever they come")
    func users() throws {
        let lines = (1...3).map { "2026-11-28 11:59:5\($0) 192.0.2.\($0) failed as root" }
        let ban = try #require(try run("users", lines, now: Self.now).bans.first)
        #expect(ban.target == .text("root") && ban.groups["ip4"] == "192.0.2.3")
    }
}
