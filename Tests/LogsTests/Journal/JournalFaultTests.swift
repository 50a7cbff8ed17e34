import CLinux
import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Logs

/// Calls of libsystemd that fail, by their number among calls of their kind.
final class PlannedFaults: JournalFaults {
    private let call: JournalCall
    private let failing: Range<Int>
    private let code: Int32
    private let counts = Mutex<[JournalCall: Int]>([:])

    init(_ call: JournalCall, _ failing: Range<Int>, _ code: Int32) {
        self.call = call
        self.failing = failing
        self.code = code
    }

    func result(of call: JournalCall) -> Int32? {
        let number = counts.withLock { counts in
            counts[call, default: 0] += 1
            return counts[call, default: 0]
        }
        return call == self.call && failing.contains(number) ? -code : nil
    }

    func count(_ call: JournalCall) -> Int { counts.withLock { $0[call] ?? 0 } }
}

@Suite("The journal source under faults", .enabled(if: JournalFixture.isAvailable), .serialized)
struct JournalFaultTests {
    /// Two files of different origin, in which some entries have one time in common.
    private static func fixture() -> (fixture: JournalFixture, texts: [String]) {
        let fixture = JournalFixture()
        var texts: [String] = []
        func entries(_ range: Range<Int>, boot: Int) -> [JournalFixture.Entry] {
            range.flatMap { number in
                (0..<(number % 7 == 0 ? 3 : 1)).map { tie in
                    texts.append("line \(number).\(tie)")
                    return JournalFixture.entry(number, "line \(number).\(tie)", boot: boot)
                }
            }
        }
        fixture.write(entries(0..<200, boot: 1), to: "a")
        fixture.write(entries(300..<500, boot: 2), to: "b")
        return (fixture, texts)
    }

    private static func configuration(_ path: String) -> JournalConfiguration {
        var journal = JournalConfiguration()
        journal.path = path
        journal.maxAge = 1e9
        return journal
    }

    private static let codes = [EBADMSG, ENODATA, EADDRNOTAVAIL, E2BIG, ENOENT, EIO]

    @Test(
        "a call that fails once costs no entry and repeats none",
        arguments: [JournalCall.open, .next, .seek, .cursor, .time, .fields, .process], codes)
    func once(call: JournalCall, code: Int32) {
        let (fixture, texts) = Self.fixture()
        // Entry 103 has two others of its moment before it.
        let number = [.next, .time, .fields].contains(call) ? 136 : 1
        let faults = PlannedFaults(call, number..<number + 1, code)
        let run = JournalRun(Self.configuration(fixture.path), faults: faults)
        run.wait { $0.sink.lines.count >= texts.count }
        fixture.write([JournalFixture.entry(900, "late", boot: 3)], to: "c")
        run.wait { $0.sink.lines.count > texts.count }
        // What would come twice would come now.
        run.wait(seconds: 0.05) { _ in false }
        run.end()
        #expect(run.sink.texts == texts + ["late"])
        let reason = JournalError("", -code).reason
        #expect(run.counter("tocsin_journal_errors_total", ["source": "journal", "reason": reason]) == 1)
        #expect(run.counter("tocsin_journal_gap_entries_total") == 0)
        #expect(run.counter("tocsin_journal_reopens_total") == (call == .cursor ? 0 : 1))
        #expect(!run.hasFailed)
    }

    @Test("a reopening in the midst of entries of one moment, unnamed, repeats and skips none", arguments: 130..<140)
    func ties(number: Int) {
        let (fixture, texts) = Self.fixture()
        let run = JournalRun(
            Self.configuration(fixture.path), faults: PlannedFaults(.fields, number..<number + 1, EBADMSG))
        run.wait { $0.sink.lines.count >= texts.count }
        run.wait(seconds: 0.05) { _ in false }
        run.end()
        #expect(run.sink.texts == texts)
    }

    @Test("a call that goes on failing is handed over to the supervisor after a few attempts", arguments: codes)
    func always(code: Int32) {
        let (fixture, texts) = Self.fixture()
        let faults = PlannedFaults(.next, 100..<Int.max, code)
        let began = Timestamp.monotonic
        let run = JournalRun(Self.configuration(fixture.path), faults: faults)
        #expect(run.wait { $0.hasFailed })
        run.end()
        #expect(faults.count(.open) == JournalReader.failureLimit)
        #expect(Timestamp.monotonic.seconds(since: began) > 2)
        #expect(run.sink.texts == Array(texts.prefix(99)))
        // The next run goes on from there.
        let again = JournalRun(Self.configuration(fixture.path), sink: run.sink)
        #expect(again.texts(texts.count) == texts)
    }

    @Test("where the cursor cannot be sought the time leads to it")
    func seekFails() throws {
        let (fixture, texts) = Self.fixture()
        let cursors = try fixture.cursors()
        for index in [0, 5, 133, 300] {
            let run = JournalRun(
                Self.configuration(fixture.path),
                sink: JournalRecorder(position: JournalPosition(cursor: cursors[index]).encoded),
                faults: PlannedFaults(.seek, 1..<2, EADDRNOTAVAIL))
            #expect(run.texts(texts.count - index - 1) == Array(texts.dropFirst(index + 1)))
        }
    }

    @Test("entries that stay unreadable are passed over, counted and missing among the numbers")
    func unreadable() {
        let fixture = JournalFixture()
        fixture.write((0..<50).map { JournalFixture.entry($0, "line \($0)") })
        let faults = PlannedFaults(.fields, 11..<22, EBADMSG)
        let run = JournalRun(Self.configuration(fixture.path), faults: faults)
        run.wait { $0.sink.lines.count >= 41 }
        run.end()
        let texts = run.sink.texts
        // Line 10 failed, line 9 was met again and failed too, then nine more.
        #expect(texts == (0..<50).filter { !(10..<19).contains($0) }.map { "line \($0)" })
        #expect(faults.count(.open) == 2)
        #expect(run.counter("tocsin_journal_gap_entries_total") == 9)
    }

    @Test("a file truncated under its mapping ends nothing: counted, opened again, the others read on")
    func truncation() {
        let fixture = JournalFixture()
        fixture.write((0..<300).map { JournalFixture.entry($0, "a\($0)") }, to: "a")
        let run = JournalRun(Self.configuration(fixture.path))
        #expect(run.wait { $0.sink.lines.count == 300 })
        truncate("\(fixture.path)/a.journal", 0)
        fixture.write((1000..<1100).map { JournalFixture.entry($0, "b\($0)", boot: 2) }, to: "b")
        #expect(run.wait { $0.sink.lines.count == 400 })
        run.end()
        #expect(run.sink.texts == (0..<300).map { "a\($0)" } + (1000..<1100).map { "b\($0)" })
        #expect(run.counter("tocsin_journal_errors_total", ["source": "journal", "reason": "truncated"]) >= 1)
        #expect(run.counter("tocsin_journal_reopens_total") >= 1)
        #expect(!run.hasFailed)
    }

    @Test("a guarded thread reads zeros where a mapped file has lost its end")
    func guarding() throws {
        let fixture = JournalFixture()
        let path = "\(fixture.path)/mapped"
        JournalFixture.save([UInt8](repeating: 7, count: 8192), to: path)
        let found = Mutex<[UInt64]>([])
        let thread = WorkerThread(name: "guarded") {
            let descriptor = clinux_open(path, O_RDONLY, 0)
            guard let mapped = mmap(nil, 8192, PROT_READ, MAP_SHARED, descriptor, 0) else { return }
            close(descriptor)
            let guarding = clinux_guard_mappings()
            truncate(path, 4096)
            let bytes = [
                mapped.load(fromByteOffset: 100, as: UInt8.self), mapped.load(fromByteOffset: 5000, as: UInt8.self),
            ]
            found.withLock { $0 = [UInt64(guarding)] + bytes.map(UInt64.init) + [clinux_mapping_faults()] }
            munmap(mapped, 8192)
        }
        thread.join()
        #expect(found.withLock { $0 } == [0, 7, 0, 1])
    }

    @Test("while the store has no room the journal is closed, and read on afterwards without repeats")
    func fullStore() {
        let (fixture, texts) = Self.fixture()
        let sink = JournalRecorder()
        sink.state.withLock { $0.isFull = true }
        let run = JournalRun(Self.configuration(fixture.path), sink: sink)
        #expect(run.wait { _ in Self.isMapped(fixture.path) })
        #expect(run.wait(seconds: JournalReader.patience + 5) { _ in !Self.isMapped(fixture.path) })
        sink.state.withLock { $0.isFull = false }
        #expect(run.texts(texts.count) == texts)
        #expect(!run.hasFailed)
    }

    @Test(
        "a file that ends early is read as far as journalctl reads it; the rest is counted, the file named",
        arguments: [false, true])
    func damagedFile(hasLater: Bool) throws {
        let fixture = JournalFixture()
        fixture.write((0..<2000).map { JournalFixture.entry($0, "a\($0) \($0 * 7919)") }, to: "a")
        let file = "\(fixture.path)/a.journal"
        let readable = try Self.breakChain(file, directory: fixture.path)
        try #require(readable > 0 && readable < 2000)
        if hasLater { fixture.write((3000..<3050).map { JournalFixture.entry($0, "b\($0)", boot: 2) }, to: "b") }
        let count = readable + (hasLater ? 50 : 0)
        let run = JournalRun(Self.configuration(fixture.path))
        #expect(run.wait { $0.degradation?.contains(file) == true })
        #expect(run.degradation?.contains("journalctl --verify --file=\(file)") == true)
        run.end()
        #expect(run.sink.lines.count == count)
        #expect(run.counter("tocsin_journal_gap_entries_total") == 2000 - readable)
    }

    @Test("a damaged header is no header, whatever its bytes")
    func header() {
        var random = SeededRandom(seed: 42)
        for length in [0, 7, 207, 208, 300] {
            for _ in 0..<200 {
                var bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                #expect(JournalFileHeader(bytes.span.bytes) == nil)
                if length >= 208 {
                    bytes.replaceSubrange(0..<8, with: Array("LPKSHHRH".utf8))
                    #expect(JournalFileHeader(bytes.span.bytes)?.sequenceID.count == 32)
                }
            }
        }
    }

    /// Breaks the chain of entry arrays in the middle; returns how many entries are left to be read.
    private static func breakChain(_ file: String, directory: String) throws -> Int {
        let descriptor = clinux_open(file, O_RDWR, 0)
        defer { close(descriptor) }
        func number(at offset: UInt64) -> UInt64 {
            var number: UInt64 = 0
            pread(descriptor, &number, 8, Int(offset))
            return number
        }
        // The header's first array, then each one's next.
        var array = number(at: 176)
        for _ in 0..<5 { array = number(at: array + 16) }
        var noise: UInt64 = 0xa5a5_a5a5_a5a5_a5a5
        pwrite(descriptor, &noise, 8, Int(array))
        let journal = try Journal(JournalPlace(directory: directory))
        try journal.seekHead()
        var count = 0
        while try journal.next() { count += 1 }
        return count
    }

    private static func isMapped(_ path: String) -> Bool {
        guard let maps = fopen("/proc/self/maps", "re") else { return false }
        defer { fclose(maps) }
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), maps) != nil {
            if strstr(line, path) != nil { return true }
        }
        return false
    }
}
