import Bytes
import Telemetry
import Testing

@testable import Jails

@Suite("fail2ban's log lines")
struct Fail2banLogTests {
    private static let now = 1_795_867_200.1239
    private let log = Fail2banLog(zone: ZoneFile(rule: "CET-1CEST,M3.5.0,M10.5.0") ?? .utc, process: 812)
    private let jail = JailSettings(name: "sshd")

    private func lines(_ event: JailEvent) -> [String] { log.lines(for: event, of: jail, now: Self.now) }

    private static let ban = Ban(jail: "sshd", target: "192.0.2.1", time: now - 1, duration: 600)

    private static func ban(_ change: (inout Ban) -> Void) -> Ban {
        var ban = ban
        change(&ban)
        return ban
    }

    private static let cases: [(JailEvent, [String])] = [
        (.banned(ban, isObserved: false), ["fail2ban.actions        [812]: NOTICE  [sshd] Ban 192.0.2.1"]),
        (
            .banned(ban { $0.isRestored = true }, isObserved: false),
            ["fail2ban.actions        [812]: NOTICE  [sshd] Restore Ban 192.0.2.1"]
        ),
        (
            .banned(ban { ($0.duration, $0.count) = (1200, 2) }, isObserved: false),
            [
                "fail2ban.actions        [812]: NOTICE  [sshd] Ban 192.0.2.1",
                "fail2ban.observer       [812]: NOTICE  [sshd] Increase Ban 192.0.2.1 (2 # 20m -> 2026-11-28 13:19:59)",
            ]
        ),
        (.banned(ban, isObserved: true), []), (.unbanned(ban, isObserved: true), []),
        (.unbanned(ban, isObserved: false), ["fail2ban.actions        [812]: NOTICE  [sshd] Unban 192.0.2.1"]),
        (.alreadyBanned(ban, delay: 2), []),
        (.alreadyBanned(ban, delay: 3), ["fail2ban.actions        [812]: NOTICE  [sshd] 192.0.2.1 already banned"]),
        (
            .prolonged(ban, delay: 60, isObserved: false),
            ["fail2ban.actions        [812]: WARNING [sshd] 192.0.2.1 already banned"]
        ),
        (.expired("192.0.2.1"), ["fail2ban.actions        [812]: INFO    [sshd] Ignore 192.0.2.1, expired bantime"]),
        (
            .found("192.0.2.1", time: now - 5, retries: 2),
            ["fail2ban.filter         [812]: INFO    [sshd] Found 192.0.2.1 - 2026-11-28 12:59:55"]
        ),
        (
            .ignored("192.0.2.1", .ownAddress),
            ["fail2ban.filter         [812]: INFO    [sshd] Ignore 192.0.2.1 by ignoreself rule"]
        ),
        (
            .knownOffender("192.0.2.1", time: now, bans: 2, weight: 3, maximumRetries: 5),
            ["fail2ban.observer       [812]: INFO    [sshd] Found 192.0.2.1, bad - 2026-11-28 13:00:00, 2 # -> 3.0"]
        ),
        (
            .knownOffender("192.0.2.1", time: now, bans: 9, weight: 5, maximumRetries: 5),
            ["fail2ban.observer       [812]: INFO    [sshd] Found 192.0.2.1, bad - 2026-11-28 13:00:00, 9 # -> 5, Ban"]
        ),
        (
            .resolved("a.example", [IPNetwork(ipv4: 0xc000_0201)]),
            ["fail2ban.ipdns          [812]: WARNING Determined IP using DNS Lookup: a.example = {'192.0.2.1'}"]
        ),
    ]

    @Test("each event has its line", arguments: cases.indices)
    func lines(_ index: Int) {
        let (event, expected) = Self.cases[index]
        #expect(lines(event) == expected.map { "2026-11-28 13:00:00,123 " + $0 })
    }

    @Test("they are what fail2ban's own formatter makes of the same")
    func formatter() throws {
        let script = """
            import os, time, logging
            os.environ['TZ'] = 'CET-1CEST,M3.5.0,M10.5.0'; time.tzset()
            from fail2ban.helpers import getVerbosityFormat
            from fail2ban.server.mytime import MyTime
            formatter = logging.Formatter(getVerbosityFormat(1))
            for name, level, text in (('actions', 25, 'Ban 192.0.2.1'), ('filter', 20, 'Found 192.0.2.1 - ' + MyTime.time2str(\(Self.now) - 5)), ('actions', 30, '192.0.2.1 already banned')):
                logging.addLevelName(25, 'NOTICE')
                record = logging.LogRecord('fail2ban.' + name, level, '', 0, '[sshd] ' + text, (), None)
                record.created = \(Self.now); record.msecs = int((record.created - int(record.created)) * 1000); record.process = 812
                print(formatter.format(record))
            for seconds in sys.stdin: print(MyTime.seconds2str(float(seconds) if '.' in seconds else int(seconds)))
            """
        let spans = [
            "0", "1", "59", "30.5", "60", "61", "3594", "3595", "3600", "4800", "86395", "86400", "90061", "172799",
            "604800", "608400", "3456000", "31535999", "31536000", "34560000", "100000000",
        ]
        guard let output = try Fail2ban.run(script, input: spans.joined(separator: "\n") + "\n") else { return }
        let events: [JailEvent] = [
            .banned(Self.ban, isObserved: false), .found("192.0.2.1", time: Self.now - 5, retries: 1),
            .alreadyBanned(Self.ban, delay: 100),
        ]
        #expect(events.flatMap(lines) == Array(output.prefix(3)))
        #expect(spans.map { Fail2banLog.span(Double($0) ?? -1) } == Array(output.dropFirst(3)))
    }

    @Test("the stock recidive filter finds who was banned")
    func recidive() throws {
        guard let folder = Fail2ban.configurations.first else {
            print("skipped: no recidive filter here")
            return
        }
        let filter = try Filter(try FilterDefinition(name: "recidive", directory: folder), now: Self.now)
        func ids(_ event: JailEvent) -> [String] {
            lines(event).flatMap { filter.failures(in: Array($0.utf8).span.bytes, now: Self.now) }.compactMap(\.id)
        }
        #expect(ids(.banned(Self.ban, isObserved: false)) == ["192.0.2.1"])
        #expect(ids(.unbanned(Self.ban, isObserved: false)).isEmpty)
        #expect(ids(.banned(Self.ban { $0.isRestored = true }, isObserved: false)).isEmpty)
    }
}
