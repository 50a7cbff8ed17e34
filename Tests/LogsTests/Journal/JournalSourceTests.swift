import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Logs

@Suite("The journal source", .enabled(if: JournalFixture.isAvailable), .serialized)
struct JournalSourceTests {
    private static func configuration(_ fixture: JournalFixture) -> JournalConfiguration {
        var journal = JournalConfiguration()
        journal.path = fixture.path
        journal.maxAge = 1e9
        return journal
    }

    private static func numbered(_ range: Range<Int>) -> [JournalFixture.Entry] {
        range.map { JournalFixture.entry($0, "line \($0)", unit: "u\($0 % 3).service", priority: $0 % 8) }
    }

    @Test("entries become lines of their streams, in order, with the time of receipt")
    func entries() throws {
        let fixture = JournalFixture()
        fixture.write(Self.numbered(0..<50))
        let run = JournalRun(Self.configuration(fixture))
        #expect(run.texts(50) == (0..<50).map { "line \($0)" })
        let first = try #require(run.sink.lines.first)
        #expect(first.labels == "{level=\"emerg\", unit=\"u0.service\"}")
        #expect(first.time == Int64(JournalFixture.epoch) * 1000)
        #expect(run.counter("tocsin_source_read_lines_total", ["source": "journal", "job": "test"]) == 50)
        #expect(run.counter("promtail_journal_target_lines_total", [:]) == 50)
        #expect(run.counter("tocsin_journal_gap_entries_total") == 0)
    }

    @Test("a restart from any entry goes on with the next one")
    func restart() throws {
        let fixture = JournalFixture()
        fixture.write(Self.numbered(0..<12))
        let cursors = try fixture.cursors()
        #expect(cursors.count == 12)
        for (index, cursor) in cursors.dropLast().enumerated() {
            let sink = JournalRecorder(position: JournalPosition(cursor: cursor).encoded)
            let run = JournalRun(Self.configuration(fixture), sink: sink)
            #expect(run.texts(11 - index) == (index + 1..<12).map { "line \($0)" })
            #expect(run.counter("tocsin_journal_gap_entries_total") == 0)
        }
        // A source that is run again from its own position stores nothing twice.
        let sink = JournalRecorder()
        #expect(JournalRun(Self.configuration(fixture), sink: sink).texts(12).count == 12)
        let again = JournalRun(Self.configuration(fixture), sink: sink)
        again.wait(seconds: 0.3) { _ in false }
        again.end()
        #expect(sink.lines.count == 12)
    }

    @Test("the first start reads max_age back, a later one from its position however old it is")
    func maxAge() throws {
        let fixture = JournalFixture()
        fixture.write(Self.numbered(0..<5))
        var journal = Self.configuration(fixture)
        journal.maxAge = 60
        let young = JournalRun(journal)
        young.wait(seconds: 0.3) { _ in false }
        young.end()
        #expect(young.sink.lines.isEmpty)
        let position = JournalPosition(cursor: try fixture.cursors()[1]).encoded
        #expect(
            JournalRun(journal, sink: JournalRecorder(position: position)).texts(3) == ["line 2", "line 3", "line 4"])
    }

    @Test("a vacuumed position goes on at the next entry there is")
    func vacuum() throws {
        let fixture = JournalFixture()
        fixture.write(Self.numbered(0..<20))
        let cursors = try fixture.cursors()
        // A cursor from before the first entry there is.
        let id = try #require(JournalCursor(cursors[0])?.sequenceID)
        let lost = "s=\(id);i=1;b=" + String(repeating: "9", count: 32) + ";m=1;t=1;x=1"
        let position = JournalPosition(cursor: lost.replacing("i=1;", with: "i=0;")).encoded
        let run = JournalRun(Self.configuration(fixture), sink: JournalRecorder(position: position))
        #expect(run.texts(20).count == 20)

        let other = JournalFixture()
        other.write(Self.numbered(10..<15))
        let gone = JournalRun(
            Self.configuration(other), sink: JournalRecorder(position: JournalPosition(cursor: cursors[5]).encoded))
        #expect(gone.texts(5) == (10..<15).map { "line \($0)" })
    }

    @Test("files of several boots and machines are read as one, the previous boot's tail included")
    func boots() {
        let fixture = JournalFixture()
        fixture.write((0..<5).map { JournalFixture.entry($0, "old \($0)", boot: 1) }, to: "a")
        fixture.write((100..<105).map { JournalFixture.entry($0, "new \($0)", boot: 2) }, to: "b")
        #expect(
            JournalRun(Self.configuration(fixture)).texts(10)
                == (0..<5).map { "old \($0)" } + (100..<105).map { "new \($0)" })
    }

    @Test("a damaged file does not keep the others from being read")
    func damage() throws {
        let fixture = JournalFixture()
        fixture.write((0..<200).map { JournalFixture.entry($0, "a\($0)") }, to: "a")
        fixture.write((1000..<1200).map { JournalFixture.entry($0, "b\($0)", boot: 2) }, to: "b")
        let file = "\(fixture.path)/a.journal"
        let stream = try #require(fopen(file, "r+e"))
        // Past the header and the first objects.
        fseek(stream, 24 << 10, SEEK_SET)
        let noise = [UInt8](repeating: 0xa5, count: 64 << 10)
        fwrite(noise, 1, noise.count, stream)
        fclose(stream)
        let run = JournalRun(Self.configuration(fixture))
        run.wait { $0.sink.texts.contains("b1199") }
        run.end()
        #expect(run.sink.texts.filter { $0.hasPrefix("b") } == (1000..<1200).map { "b\($0)" })
        #expect(!run.hasFailed)
    }

    @Test("bytes flipped anywhere in one file never stop the source, and the other file is read whole")
    func randomDamage() throws {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let fixture = JournalFixture()
        fixture.write((0..<100).map { JournalFixture.entry($0, "a\($0)") }, to: "a")
        fixture.write((1000..<1050).map { JournalFixture.entry($0, "b\($0)", boot: 2) }, to: "b")
        let file = "\(fixture.path)/a.journal"
        for _ in 0..<12 {
            let stream = try #require(fopen(file, "r+e"))
            for _ in 0..<8 {
                // Header, tables and objects all lie in here.
                fseek(stream, Int(random.next() % (300 << 10)), SEEK_SET)
                fputc(Int32(random.next() & 0xff), stream)
            }
            fclose(stream)
            let run = JournalRun(Self.configuration(fixture))
            #expect(run.wait { $0.sink.texts.contains("b1049") || $0.hasFailed })
            run.end()
            #expect(run.sink.texts.filter { $0.hasPrefix("b") } == (1000..<1050).map { "b\($0)" })
        }
    }

    @Test("a directory of machines' directories is read as one, namespaces only where they are named")
    func directories() {
        let fixture = JournalFixture()
        let machine = String(repeating: "a", count: 32)
        fixture.write(Self.numbered(0..<3), to: "system", in: machine)
        fixture.write(Self.numbered(10..<13), to: "system", in: machine + ".web")
        #expect(JournalRun(Self.configuration(fixture)).texts(3) == ["line 0", "line 1", "line 2"])
        var journal = Self.configuration(fixture)
        journal.path += "/\(machine).web"
        #expect(JournalRun(journal).texts(3) == ["line 10", "line 11", "line 12"])
    }

    @Test("lines that are split by LineMax are joined, others of the same service are not")
    func lineMax() {
        let fixture = JournalFixture()
        let piece = [("_STREAM_ID", "s1"), ("_LINE_BREAK", "line-max")]
        fixture.write([
            JournalFixture.entry(0, "before", [("_STREAM_ID", "s1")]),
            JournalFixture.entry(1, "aaa", piece), JournalFixture.entry(2, "other", [("_STREAM_ID", "s2")]),
            JournalFixture.entry(3, "bbb", piece), JournalFixture.entry(4, "ccc", [("_STREAM_ID", "s1")]),
            JournalFixture.entry(5, "after", [("_STREAM_ID", "s1")]),
        ])
        #expect(JournalRun(Self.configuration(fixture)).texts(4) == ["before", "aaabbbccc", "other", "after"])
    }

    @Test("docker's partial messages are joined per container and output", arguments: [true, false])
    func docker(hasID: Bool) {
        let fixture = JournalFixture()
        func part(_ number: Int, _ text: String, _ container: String, last: Bool, priority: Int = 6)
            -> JournalFixture.Entry
        {
            var extra = [("CONTAINER_ID_FULL", container)]
            if !last { extra.append(("CONTAINER_PARTIAL_MESSAGE", "true")) }
            if hasID { extra.append(("CONTAINER_PARTIAL_ID", "\(container)\(priority)")) }
            return JournalFixture.entry(number, text, priority: priority, extra)
        }
        fixture.write([
            part(0, "a1", "c1", last: false), part(1, "b1", "c2", last: false),
            part(2, "e1", "c1", last: false, priority: 3), part(3, "a2", "c1", last: true),
            part(4, "e2", "c1", last: true, priority: 3), part(5, "b2", "c2", last: true),
        ])
        #expect(JournalRun(Self.configuration(fixture)).texts(3) == ["a1a2", "b1b2", "e1e2"])
    }

    @Test("a restart amid joins takes up each of them and repeats nothing")
    func restartAmidJoins() throws {
        let fixture = JournalFixture()
        let pieces = [("_STREAM_ID", "s1"), ("_LINE_BREAK", "line-max")]
        let others = [("_STREAM_ID", "s2"), ("_LINE_BREAK", "line-max")]
        let end = [("_STREAM_ID", "s1")]
        fixture.write([
            JournalFixture.entry(0, "flushed ", pieces), JournalFixture.entry(1, "one"),
            JournalFixture.entry(2, "a", others), JournalFixture.entry(3, "two"), JournalFixture.entry(4, "b", others),
            JournalFixture.entry(5, "three"), JournalFixture.entry(6, "c", [("_STREAM_ID", "s2")]),
            JournalFixture.entry(7, "tail", end),
        ])
        let cursors = try fixture.cursors()
        // The first piece was given out by itself before; s2 was pending when entry 5 had been dealt with.
        let position = JournalPosition(cursor: cursors[5], joins: [cursors[2]])
        let run = JournalRun(Self.configuration(fixture), sink: JournalRecorder(position: position.encoded))
        #expect(run.texts(2) == ["abc", "tail"])
        #expect(run.counter("tocsin_journal_gap_entries_total") == 0)
    }

    @Test("a join that is pending at the end is given out after its time, and kept for a restart before")
    func pendingJoin() throws {
        let fixture = JournalFixture()
        let piece = [("_STREAM_ID", "s1"), ("_LINE_BREAK", "line-max")]
        fixture.write([JournalFixture.entry(0, "one"), JournalFixture.entry(1, "half", piece)])
        let sink = JournalRecorder()
        #expect(JournalRun(Self.configuration(fixture), sink: sink).texts(1) == ["one"])
        let saved = try #require(sink.position("journal:journal").flatMap { JournalPosition(decoding: $0) })
        #expect(saved.joins == [try fixture.cursors()[1]])
        let again = JournalRun(Self.configuration(fixture), sink: sink)
        #expect(again.texts(2) == ["one", "half"])
    }

    @Test("long messages are cut into marked pieces, longer ones truncated, newlines and binary kept")
    func longLines() throws {
        let fixture = JournalFixture()
        let long = String(repeating: "é", count: 5000)
        fixture.write([
            JournalFixture.entry(0, long), JournalFixture.entry(1, "two\nlines"),
            JournalFixture.entry(2, String(repeating: "x", count: 200_000)),
        ])
        var limits = LineLimits()
        limits.maxLineSize = 4001
        let run = JournalRun(Self.configuration(fixture), limits: limits)
        run.wait { $0.sink.texts.count >= 54 }
        run.end()
        let pieces = run.sink.lines.filter { $0.text.hasPrefix("é") }
        #expect(pieces.map(\.text).joined() == long)
        #expect(pieces.compactMap { $0.metadata["line_part"] } == ["1", "2", "3"])
        #expect(run.sink.texts.contains("two\nlines"))
        #expect(run.sink.texts.filter { $0.hasPrefix("x") }.joined().count == 200_000)

        limits.maxJoinedSize = 8000
        let cut = JournalRun(Self.configuration(fixture), limits: limits)
        cut.wait { $0.sink.texts.count >= 5 }
        cut.end()
        #expect(cut.sink.lines.filter { $0.text.hasPrefix("x") }.last?.metadata["line_truncated"] == "true")
        #expect(cut.counter("tocsin_journal_truncated_entries_total") == 2)
    }

    @Test("matches, units, priorities and exclusions leave what is asked for")
    func filters() {
        let fixture = JournalFixture()
        fixture.write(
            Self.numbered(0..<8) + [
                JournalFixture.entry(8, "about u1", unit: "init.scope", [("UNIT", "u1.service")]),
                [
                    ("__REALTIME_TIMESTAMP", Array("\(JournalFixture.epoch + 9000)".utf8)),
                    ("__MONOTONIC_TIMESTAMP", Array("1009000".utf8)),
                    ("_BOOT_ID", Array(String(repeating: "1", count: 32).utf8)),
                    ("MESSAGE", Array("started u1".utf8)), ("_PID", Array("1".utf8)),
                    ("UNIT", Array("u1.service".utf8)), ("PRIORITY", Array("6".utf8)),
                ],
            ])
        func texts(_ count: Int, _ change: (inout JournalConfiguration) -> Void) -> [String] {
            var journal = Self.configuration(fixture)
            change(&journal)
            return JournalRun(journal).texts(count)
        }
        #expect(texts(4) { $0.units = ["u1"] } == ["line 1", "line 4", "line 7", "started u1"])
        #expect(texts(4) { $0.units = ["u[1]*"] } == ["line 1", "line 4", "line 7", "started u1"])
        #expect(texts(3) { $0.maxPriority = 2 } == ["line 0", "line 1", "line 2"])
        #expect(
            texts(1) {
                $0.maxPriority = 2; $0.units = ["u1"]
            } == ["line 1"])
        #expect(texts(2) { $0.matches = "PRIORITY=3 + PRIORITY=5 _SYSTEMD_UNIT=u2.service" } == ["line 3", "line 5"])
        #expect(
            texts(2) {
                $0.identifiers = ["u0"]; $0.excludeMatches = ["PRIORITY=3"]
            } == ["line 0", "line 6"])
        #expect(
            texts(4) { $0.excludeUnits = ["u1", "u2*"] } == ["line 0", "line 3", "line 6", "about u1"])
        #expect(texts(9) { $0.excludeIdentifiers = ["init"] }.count == 9)
    }

    @Test("what has no message or no labels is counted, and as JSON nothing is left out")
    func odd() throws {
        let fixture = JournalFixture()
        fixture.write([
            JournalFixture.entry(0, nil),
            JournalFixture.entry(1, "a\"b\n", [("X", "1"), ("X", "2")]),
            JournalFixture.entry(
                2, "Suppressed 7 messages", [("MESSAGE_ID", "a596d6fe7bfa4994828e72309e95d61e"), ("N_DROPPED", "7")]),
        ])
        let run = JournalRun(Self.configuration(fixture), relabel: { _ in [:] })
        #expect(run.texts(2).count == 2)
        #expect(run.sink.lines.first?.labels == "{job=\"test\"}")
        #expect(run.counter("promtail_journal_target_parsing_errors_total", ["error": "no_message"]) == 1)
        #expect(run.counter("promtail_journal_target_parsing_errors_total", ["error": "empty_labels"]) == 3)
        #expect(run.counter("tocsin_journal_suppressed_entries_total") == 7)

        var journal = Self.configuration(fixture)
        journal.json = true
        journal.structuredMetadata = ["_PID"]
        let json = JournalRun(journal)
        let texts = json.texts(3)
        try #require(texts.count == 3)
        #expect(texts[1].contains("\"MESSAGE\":\"a\\\"b\\n\""))
        #expect(texts[1].contains("\"X\":[\"1\",\"2\"]") || texts[1].contains("\"X\":[\"2\",\"1\"]"))
        #expect(json.sink.lines[1].metadata == ["pid": "101"])
    }

    @Test("relabelling that may look at anything sees all fields; tenants go by __tenant_id__")
    func allFields() {
        let fixture = JournalFixture()
        fixture.write(Self.numbered(0..<3))
        let run = JournalRun(Self.configuration(fixture), inputs: nil) { labels in
            labels["__journal__pid"] == "101"
                ? nil : ["pid": labels["__journal__pid"] ?? "", "__tenant_id__": "t", "__x": "y"]
        }
        #expect(run.texts(2) == ["line 0", "line 2"])
        #expect(run.sink.lines.map(\.labels) == ["{pid=\"100\"}", "{pid=\"102\"}"])
    }

    @Test("new files are found while it runs, and deleted ones let go")
    func live() {
        let fixture = JournalFixture()
        fixture.write(Self.numbered(0..<5), to: "a")
        let run = JournalRun(Self.configuration(fixture))
        #expect(run.wait { $0.sink.lines.count == 5 })
        fixture.write(Self.numbered(10..<15), to: "b")
        #expect(run.wait { $0.sink.lines.count == 10 })
        unlink("\(fixture.path)/a.journal")
        fixture.write(Self.numbered(20..<25), to: "c")
        #expect(run.wait { $0.sink.lines.count == 15 })
        run.end()
        #expect(run.sink.texts == ((0..<5).map { $0 } + (10..<15) + (20..<25)).map { "line \($0)" })
    }

    @Test("a directory that is not there and files that may not be read are said with the remedy")
    func access() throws {
        var access = JournalAccess(JournalPlace(), root: "/nonexistent")
        #expect(access.failure?.contains("there is no journal") == true)
        #expect(access.absence == nil)
        access.directories = ["/var/log/journal"]
        #expect(access.failure == nil)
        #expect(access.emptiness?.contains("/var/log/journal") == true)
        access.foreign = ["/var/log/journal/x/other.journal"]
        #expect(access.failure?.contains("other.journal is not a journal file") == true)
        access.denied = ["/var/log/journal/x/system.journal", "b"]
        #expect(access.failure?.contains("system.journal and 1 more") == true)
        #expect(access.failure?.contains("systemd-journal") == true)
        access.readable = 1
        #expect(access.failure == nil)
        #expect(access.warning?.contains("systemd-journal") == true)
    }

    @Test("a directory that is not there is named, waited for and read once it is there")
    func absentDirectory() {
        let fixture = JournalFixture()
        var journal = Self.configuration(fixture)
        journal.path += "/later"
        let run = JournalRun(journal)
        #expect(run.wait { $0.degradation?.contains(journal.path) == true })
        fixture.write(Self.numbered(0..<5), in: "later")
        #expect(run.wait { $0.sink.lines.count == 5 })
        #expect(run.degradation == nil)
        #expect(!run.hasFailed)
    }

    @Test("a namespace whose directory is not there is said, with its name, until it is there")
    func absentNamespace() {
        let fixture = JournalFixture()
        let machine = String(repeating: "a", count: 32)
        for name in ["etc", "var", "var/log", "var/log/journal"] { mkdir("\(fixture.path)/\(name)", 0o755) }
        JournalFixture.save(Array("\(machine)\n".utf8), to: fixture.path + "/etc/machine-id")
        fixture.write(Self.numbered(0..<3), to: "system", in: "var/log/journal/\(machine)")
        func access(_ namespace: String) -> JournalAccess {
            JournalAccess(JournalPlace(namespace: namespace), root: fixture.path)
        }
        #expect(access("web").absence?.contains("\(machine).web") == true)
        #expect(access("").absence == nil)
        #expect(JournalAccess.namespaces(root: fixture.path) == [""])
        fixture.write(Self.numbered(0..<3), to: "system", in: "var/log/journal/\(machine).web")
        #expect(access("web").absence == nil)
        #expect(JournalAccess.namespaces(root: fixture.path) == ["", "web"])
        #expect(access("eb").absence != nil)
        #expect(access("web").readable == 1)
        // The source itself shows it.
        var journal = JournalConfiguration()
        journal.namespace = "tocsin-nowhere"
        let run = JournalRun(journal)
        #expect(run.wait { $0.degradation?.contains("tocsin-nowhere") == true })
        #expect(!run.hasFailed)
    }
}
