import TestSupport
import Testing

@testable import Logs

@Suite("What the journal source parses")
struct JournalTextTests {
    static let cursor =
        "s=34a1d1d92dfe45489705300164cdb9d6;i=154e5;b=00000000000000000000000000001234;m=f4240;t=643fc24ba3aa0;x=9f"

    @Test("a cursor is read into its parts")
    func parts() throws {
        let cursor = try #require(JournalCursor(Self.cursor))
        #expect(cursor.sequenceID == "34a1d1d92dfe45489705300164cdb9d6")
        #expect(cursor.sequence == 0x154e5)
        #expect(cursor.monotonic == 0xf4240)
        #expect(cursor.realtime == 0x643fc24ba3aa0)
        #expect(JournalCursor("t=643fc24ba3aa0")?.realtime == 0x643fc24ba3aa0)
    }

    @Test(
        "what is not a cursor is refused",
        arguments: [
            "", "s=", "x=1", "i=5", "t=-5", "t=+5", "t=1;;", "s=12;i=1", "t=1ffffffffffffffff", "hello", "t=0x1",
        ])
    func refused(text: String) { #expect(JournalCursor(text) == nil) }

    @Test("entries are compared by number, then within a boot, and else not at all")
    func order() throws {
        let id = "s=" + String(repeating: "a", count: 32)
        let other = "s=" + String(repeating: "b", count: 32)
        let boot = "b=" + String(repeating: "1", count: 32)
        let last = try #require(JournalCursor("\(id);i=a;\(boot);m=64;t=5;x=7"))
        let cases: [(String, Bool)] = [
            ("\(id);i=a;t=9", true), ("\(id);i=9;t=9", true), ("\(id);i=b;t=1", false),
            ("\(other);i=1;\(boot);m=63;t=9;x=1", true), ("\(other);i=1;\(boot);m=64;t=5;x=7", true),
            ("\(other);i=1;\(boot);m=64;t=5;x=8", false), ("\(other);i=1;t=1", false),
        ]
        for (text, expected) in cases { #expect(try #require(JournalCursor(text)).isNotAfter(last) == expected) }
    }

    @Test("numbers that are missing between two entries are a gap")
    func gap() throws {
        let id = "s=" + String(repeating: "a", count: 32)
        let before = try #require(JournalCursor("\(id);i=a"))
        #expect(try #require(JournalCursor("\(id);i=14")).gap(since: before, read: 10) == nil)
        #expect(try #require(JournalCursor("\(id);i=14")).gap(since: before, read: 3) == 7)
        #expect(try #require(JournalCursor("\(id);i=14")).gap(since: before, read: .max) == nil)
        #expect(try #require(JournalCursor("\(id);i=9")).gap(since: before, read: 0) == nil)
        #expect(try #require(JournalCursor("t=9")).gap(since: before, read: 0) == nil)
    }

    @Test("a position survives its encoding, and promtail's bare cursor is one")
    func position() throws {
        let position = JournalPosition(cursor: Self.cursor, joins: ["t=1", "t=2"])
        #expect(JournalPosition(decoding: position.encoded) == position)
        #expect(position.start == "t=1")
        #expect(JournalPosition(decoding: Array(Self.cursor.utf8)) == JournalPosition(cursor: Self.cursor))
        #expect(JournalPosition(decoding: []) == nil)
        #expect(JournalPosition(decoding: Array("journal 1\n".utf8)) == nil)
        #expect(JournalPosition(decoding: [0, 255, 10]) == nil)
    }

    @Test("match expressions are read into groups")
    func matches() throws {
        #expect(try JournalMatches("").groups == [])
        #expect(try JournalMatches(" A=1  B=2 ").groups == [["A=1", "B=2"]])
        #expect(try JournalMatches("A=1 A=2 + _B=x=y").groups == [["A=1", "A=2"], ["_B=x=y"]])
        #expect(try JournalMatches("\"A=a b\" B='c \"d'").groups == [["A=a b", "B=c \"d"]])
    }

    @Test("a wrong match expression is refused", arguments: ["A", "a=1", "=1", "1A=2", "+ A=1", "A=1 +", "A=\"1"])
    func wrongMatches(text: String) {
        #expect(throws: JournalMatchError.self) { try JournalMatches(text) }
    }

    @Test("random texts never stop the parsers, and what they accept they accept again")
    func fuzz() throws {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let alphabet = Array("s=i;bmtx0123456789abcdefA_+ \"'\n\u{0}\u{e9}Z".utf8)
        let whole = Array(Self.cursor.utf8)
        for _ in 0..<20_000 {
            var bytes: [UInt8] = random.next() % 2 == 0 ? whole : []
            for _ in 0..<random.next() % 24 {
                let byte = alphabet[Int(random.next() % UInt64(alphabet.count))]
                if bytes.isEmpty || random.next() % 2 == 0 {
                    bytes.append(byte)
                } else {
                    bytes[Int(random.next() % UInt64(bytes.count))] = byte
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            if let position = JournalPosition(decoding: bytes) {
                #expect(JournalPosition(decoding: position.encoded) == position)
            }
            if let cursor = JournalCursor(text) {
                #expect(cursor.isNotAfter(cursor) || cursor.realtime != nil || cursor.hash == nil)
            }
            if let matches = try? JournalMatches(text) {
                let again = matches.groups.map { $0.map { Self.quoted($0) }.joined(separator: " ") }.joined(
                    separator: " + ")
                #expect(try JournalMatches(again) == matches)
            }
        }
    }

    private static func quoted(_ term: String) -> String {
        term.split(separator: "\"", omittingEmptySubsequences: false).map { "\"\($0)\"" }.joined(separator: "'\"'")
    }

    @Test("units are found as journalctl finds them, globs and exclusions by the reader")
    func filter() throws {
        var configuration = JournalConfiguration()
        configuration.units = ["ssh", "user.slice"]
        configuration.maxPriority = 1
        configuration.matches = "A=1 + B=2"
        let filter = try JournalFilter(configuration)
        #expect(filter.pushed.count == 3)
        #expect(filter.pushed[0].contains(["_PID=1", "UNIT=ssh.service"]))
        #expect(filter.pushed[0].contains(["_SYSTEMD_SLICE=user.slice"]))
        #expect(filter.pushed[1] == [["PRIORITY=0", "PRIORITY=1"]])
        #expect(filter.pushed[2] == [["A=1"], ["B=2"]])
        #expect(filter.units.isEmpty)

        configuration = JournalConfiguration()
        configuration.units = ["ssh*"]
        configuration.excludeUnits = ["sshd-debug"]
        configuration.excludeIdentifiers = ["CRON"]
        let reader = try JournalFilter(configuration)
        #expect(reader.pushed.isEmpty)
        #expect(reader.accepts(units: ["ssh.service"], identifier: "sshd"))
        #expect(!reader.accepts(units: ["cron.service"], identifier: "x"))
        #expect(!reader.accepts(units: ["sshd-debug.service"], identifier: "x"))
        #expect(!reader.accepts(units: ["ssh.service"], identifier: "CRON"))
    }
}
