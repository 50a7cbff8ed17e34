import Bytes
import Glibc
import TestSupport
import Testing

@testable import Jails

@Suite("fail2ban's database")
struct Fail2BanDatabaseTests {
    private let files: ConfigurationFiles
    private var path: String { files.path + "/fail2ban.sqlite3" }
    private static let now = 1_700_000_000.0

    init() throws { files = try ConfigurationFiles([:]) }

    /// Runs a program of Python with the database's path as its argument.
    private func python(_ program: String) throws {
        try files.write("make.py", program)
        try #require(system("/usr/bin/python3 '\(files.path)/make.py' '\(path)' >'\(files.path)/out' 2>&1") == 0)
    }

    private static let tables = """
        import sqlite3, sys
        db = sqlite3.connect(sys.argv[1])
        db.executescript('''
            CREATE TABLE fail2banDb(version INTEGER);
            CREATE TABLE bans(jail TEXT, ip TEXT, timeofban INTEGER, bantime INTEGER, bancount INTEGER, data JSON);
            CREATE TABLE bips(ip TEXT, jail TEXT, timeofban INTEGER, bantime INTEGER, bancount INTEGER, data JSON, PRIMARY KEY(ip, jail));
        ''')

        """

    private func store() -> BanStore { BanStore(directory: files.path + "/bans") { Self.now } }

    private func failure(_ path: String? = nil) -> String {
        do throws(Fail2BanDatabase.Failure) {
            _ = try Fail2BanDatabase(path: path ?? self.path).read(into: store(), now: Self.now)
            return ""
        } catch {
            return error.description
        }
    }

    static var hasFail2Ban: Bool { system("/usr/bin/python3 -c 'import fail2ban.server.database' 2>/dev/null") == 0 }

    @Test("what fail2ban itself has written is taken over", .enabled(if: hasFail2Ban))
    func own() throws {
        try python(
            """
            import sys
            from fail2ban.server.database import Fail2BanDb
            from fail2ban.server.ticket import BanTicket
            class Actions:
                def getBanTime(self): return 600
            class Jail:
                def __init__(self, name): self.name = name; self.actions = Actions()
            db = Fail2BanDb(sys.argv[1])
            jail = Jail('sshd')
            db.addJail(jail)
            def ban(ip, time, duration, count, lines, data):
                ticket = BanTicket(ip, time, lines, data)
                ticket.setBanTime(duration)
                ticket.setBanCount(count)
                db.addBan(jail, ticket)
            ban('192.0.2.1', 1699990000, 600, 2, [], {})
            ban('192.0.2.1', 1699999900, 600, 3, ['a line', ['Nov 14 ', '22:11:40', ' a host']], {'failures': 5, 'user': 'root'})
            ban('192.0.2.2', 1699999000, 600, 4, [], {})
            ban('2001:db8::1', 1600000000, -1, 1, [], {})
            """)
        let store = store()
        var expected = Fail2BanDatabase.Summary()
        (expected.active, expected.ended, expected.events) = (2, 1, 4)
        #expect(try Fail2BanDatabase(path: path).read(into: store, now: Self.now) == expected)
        let again = self.store()
        let bans = again.bans(of: "sshd", withGroups: true).sorted { $0.target.description < $1.target.description }
        #expect(bans.map(\.target.description) == ["192.0.2.1", "2001:db8::1"])
        #expect(bans[0].time == 1_699_999_900)
        #expect(bans[0].duration == 600)
        #expect(bans[0].failures == 5)
        #expect(bans[0].groups == ["user": "root"])
        #expect(bans[1].end == .infinity)
        #expect(again.record(of: BanTarget("192.0.2.1"), in: "sshd")?.count == 3)
        #expect(again.record(of: BanTarget("192.0.2.2"), in: nil)?.count == 4)
        let events = try again.events(BanEventQuery())
        #expect(events.map(\.time) == [1_600_000_000, 1_699_990_000, 1_699_999_000, 1_699_999_900])
        #expect(events.last?.ban.matches == ["a line", "Nov 14 22:11:40 a host"])
        // A second time nothing comes twice, and what is known here counts.
        var ban = bans[0]
        ban.count = 9
        again.add(ban)
        #expect(try Fail2BanDatabase(path: path).read(into: again, now: Self.now).events == 0)
        #expect(again.record(of: BanTarget("192.0.2.1"), in: "sshd")?.count == 9)
    }

    @Test("rows that say nothing are passed over; bans of unknown duration only count")
    func rows() throws {
        try python(
            Self.tables + """
                db.execute('INSERT INTO fail2banDb VALUES(4)')
                for row in [('192.0.2.1', 'sshd', 1699999900, 600, 0, b'{"failures": 3, "matches": "x"}'), ('192.0.2.2', 'sshd', 1699999900, -2, 5, 'no JSON'),
                            ('', 'sshd', 1, 1, 1, None), ('192.0.2.3', 'sshd', 'x', 600, 1, None), ('al\\'ice', 'users', 1699999999, -1, 2, '{"a": "b"}')]:
                    db.execute('INSERT INTO bips VALUES(?,?,?,?,?,?)', row)
                db.commit()
                """)
        let store = store()
        let summary = try Fail2BanDatabase(path: path).read(into: store, now: Self.now)
        #expect((summary.active, summary.ended, summary.skipped) == (2, 1, 2))
        #expect(store.record(of: BanTarget("192.0.2.2"), in: "sshd")?.count == 5)
        #expect(store.record(of: BanTarget("192.0.2.1"), in: "sshd")?.count == 1)
        #expect(store.bans(of: "users").map(\.target) == [.text("al'ice")])
    }

    @Test("version 3 had bans alone: the last of each counts")
    func version3() throws {
        try python(
            Self.tables + """
                db.execute('DROP TABLE bips')
                db.execute('INSERT INTO fail2banDb VALUES(3)')
                for row in [('sshd', '192.0.2.1', 1699999000, 600, 1, None), ('sshd', '192.0.2.1', 1699999900, 1200, 2, None)]:
                    db.execute('INSERT INTO bans VALUES(?,?,?,?,?,?)', row)
                db.commit()
                """)
        let store = store()
        #expect(try Fail2BanDatabase(path: path).read(into: store, now: Self.now).active == 1)
        #expect(store.record(of: BanTarget("192.0.2.1"), in: "sshd")?.lastDuration == 1200)
    }

    @Test("other files are told from it in one sentence")
    func others() throws {
        #expect(failure().contains("No such file"))
        #expect(failure(files.path).contains("Is a directory"))
        try files.write("fail2ban.sqlite3", "")
        #expect(failure().contains("not fail2ban's database: no such table: fail2banDb"))
        try files.write("fail2ban.sqlite3", String(repeating: "no database ", count: 1000))
        #expect(failure().contains("file is not a database"))
        for (version, hint) in [(1, "converts it when it starts"), (5, "has version 5")] {
            unlink(path)
            try python(Self.tables + "db.execute('INSERT INTO fail2banDb VALUES(\(version))'); db.commit()")
            #expect(failure().contains(hint))
        }
        unlink(path)
        try python(Self.tables + "db.commit()")
        #expect(failure().contains("tells no version"))
    }

    @Test("a damaged one is an error or gives what is left, and nothing else")
    func damaged() throws {
        try python(
            Self.tables + """
                db.execute('INSERT INTO fail2banDb VALUES(4)')
                for number in range(300):
                    db.execute('INSERT INTO bips VALUES(?,?,?,?,?,?)', ('192.0.2.%d' % number, 'sshd', 1699999900, 600, 1, '{"matches": ["%s"]}' % ('x' * 100)))
                db.commit()
                """)
        var whole = [UInt8](repeating: 0, count: 1 << 20)
        let file = try #require(fopen(path, "r"))
        whole.removeLast(whole.count - fread(&whole, 1, whole.count, file))
        fclose(file)
        var random = SeededRandom(seed: SeededRandom.seed())
        var errors = 0
        for round in 0..<60 {
            var bytes = whole
            if round % 2 == 0 {
                bytes.removeLast(Int.random(in: 1..<whole.count, using: &random))
            } else {
                for _ in 0..<50 {
                    bytes[.random(in: 0..<whole.count, using: &random)] = .random(in: 0...255, using: &random)
                }
            }
            try files.write("fail2ban.sqlite3", bytes: bytes)
            if !failure().isEmpty { errors += 1 }
        }
        #expect(errors > 20)
        #expect(store().trouble == [])
    }

    @Test("is read while somebody writes to it")
    func busy() throws {
        try python(
            Self.tables + """
                db.execute('INSERT INTO fail2banDb VALUES(4)')
                db.commit()
                """)
        try files.write(
            "hold.py",
            """
            import sqlite3, sys, time
            db = sqlite3.connect(sys.argv[1], isolation_level=None)
            db.execute('PRAGMA journal_mode = MEMORY')
            db.execute('BEGIN EXCLUSIVE')
            db.execute("INSERT INTO bips VALUES('192.0.2.1', 'sshd', 1699999900, 600, 1, NULL)")
            open(sys.argv[1] + '.held', 'w').close()
            time.sleep(0.3)
            db.execute('COMMIT')
            """)
        system("/usr/bin/python3 '\(files.path)/hold.py' '\(path)' &")
        for _ in 0..<500 where access(path + ".held", F_OK) != 0 { usleep(10_000) }
        #expect(try Fail2BanDatabase(path: path).read(into: store(), now: Self.now).active == 1)
    }
}
