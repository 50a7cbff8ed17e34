import Bytes
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Alerting

@Suite struct HistoryLogTests {
    static func event(_ time: Int64, _ name: String = "A", _ kind: HistoryEvent.Kind = .firing) -> HistoryEvent {
        HistoryEvent(
            time: time, kind, [["alertname": name, "host": "h\(time % 3)"]], ["reason": "as \"it\" was", "value": "1"])
    }

    private static func newest(_ directory: TestDirectory, _ query: HistoryQuery = HistoryQuery()) throws
        -> [HistoryEvent]
    {
        try HistoryFiles(directory: directory.path).newest(query)
    }

    @Test("events of every kind read back, and go on after a restart")
    func readsBack() throws {
        let directory = TestDirectory()
        var events: [HistoryEvent] = []
        for round in 0..<3 {
            let log = HistoryLog(directory: directory.path)
            #expect(log.trouble.isEmpty)
            for kind in HistoryEvent.Kind.allCases {
                let event = Self.event(Int64(events.count), "A\(round)", kind)
                events.append(event)
                log.append([event])
            }
            #expect(log.numbers.written == HistoryEvent.Kind.allCases.count)
            #expect(log.numbers.failure == nil)
        }
        #expect(try Self.newest(directory) == events)
        #expect(try Self.newest(directory, HistoryQuery(limit: 5)) == events.suffix(5))
    }

    @Test(
        "a query takes times, names, matchers and kinds",
        arguments: [
            ([("start", "4"), ("end", "7")], [4, 5, 6]), ([("alert", "B")], [1, 3, 5, 7, 9]),
            ([("match[]", "host=h1")], [1, 4, 7]), ([("match[]", "host=h1"), ("alert", "A")], [4]),
            ([("event", "resolved"), ("limit", "2")], [5, 9]),
            ([("match[]", "{host=~\"h.\",x=\"\"}"), ("limit", "1")], [9]),
            ([("match[]", "x=y")], []),
        ] as [([(String, String)], [Int64])])
    func queries(_ parameters: [(String, String)], _ times: [Int64]) throws {
        let directory = TestDirectory()
        HistoryLog(directory: directory.path).append(
            (0..<10).map { Self.event($0, $0 % 2 == 0 ? "A" : "B", $0 % 4 == 1 ? .resolved : .firing) })
        #expect(
            try Self.newest(directory, HistoryQuery(parameters.map { (name: $0.0, value: $0.1) })).map(\.time) == times)
    }

    @Test(
        "what cannot be asked is told of",
        arguments: [("limit", "0"), ("limit", "x"), ("start", "now"), ("event", "fired"), ("match[]", "a")])
    func refuses(_ name: String, _ value: String) {
        #expect(throws: MatcherError.self) { try HistoryQuery([(name: name, value: value)]) }
    }

    @Test("the oldest go when there is too much or they are too old")
    func retains() throws {
        let directory = TestDirectory()
        var limits = HistoryLog.Limits()
        limits.maxSize = 256 << 10
        limits.maxAge = 1_000_000
        let log = HistoryLog(directory: directory.path, limits: limits)
        for time in 0..<8_000 { log.append([Self.event(Int64(time))]) }
        #expect(log.numbers.size <= 272 << 10)
        let left = try Self.newest(directory, HistoryQuery(limit: 100_000)).map(\.time)
        #expect(left == Array((left.first ?? 0)..<8_000))
        #expect(left.count > 1_500 && left.count < 8_000)
        // Too old but for those of the file that is written to.
        log.append([Self.event(2_000_000)])
        log.append([Self.event(4_000_000)])
        #expect(try Self.newest(directory).map(\.time) == [4_000_000])
        #expect(HistoryLog(directory: directory.path, limits: limits).numbers.size == log.numbers.size)
    }

    @Test("cut off or damaged at any byte, it starts, has what came before, and goes on")
    func survivesTornTails() throws {
        let whole = TestDirectory()
        let events = (0..<40).map { Self.event($0) }
        HistoryLog(directory: whole.path).append(events)
        let name = HistoryFiles.kind.fileName(1)
        let bytes = try whole.contents(name)
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<100 {
            var cut = Array(bytes[..<Int.random(in: 0...bytes.count, using: &random)])
            if Bool.random(using: &random), !cut.isEmpty { cut[Int.random(in: 0..<cut.count, using: &random)] ^= 4 }
            let directory = TestDirectory()
            try directory.write(name, cut)
            let log = HistoryLog(directory: directory.path)
            let left = try Self.newest(directory)
            #expect(left == Array(events.prefix(left.count)))
            log.append([Self.event(99)])
            #expect(log.numbers.failure == nil)
            #expect(try Self.newest(directory) == left + [Self.event(99)])
        }
    }

    @Test("a full disk costs what comes while it is full, is counted, and holds nobody up")
    func survivesFullDisks() throws {
        let directory = TestDirectory()
        let isFull = Condition(false)
        let log = HistoryLog(
            directory: directory.path,
            faults: DiskFaults(write: { length in isFull.withLock { $0 } ? (ENOSPC, length / 2) : (0, 0) }))
        var kept: [HistoryEvent] = []
        for time in 0..<60 {
            let full = time % 6 > 3 || time == 0
            isFull.withLock { $0 = full }
            log.append([Self.event(Int64(time))])
            #expect((log.numbers.failure != nil) == full)
            if !full { kept.append(Self.event(Int64(time))) }
        }
        #expect(log.numbers.dropped == 60 - kept.count)
        #expect(try Self.newest(directory) == kept)
        #expect(HistoryLog(directory: directory.path).trouble.isEmpty)
    }

    @Test("whoever follows gets each event once, over files, restarts and deletions")
    func follows() throws {
        let directory = TestDirectory()
        var limits = HistoryLog.Limits()
        limits.maxSize = 1 << 20
        var log = HistoryLog(directory: directory.path, limits: limits)
        var position: HistoryFiles.Position?
        var seen: [Int64] = []
        func read() throws {
            while true {
                let (events, next) = try log.next(after: position)
                position = HistoryFiles.Position(encoded: next.encoded)
                if events.isEmpty { return }
                seen += events.map(\.time)
            }
        }
        try read()
        for time in 0..<3_000 {
            log.append([Self.event(Int64(time))])
            if time % 500 == 77 { log = HistoryLog(directory: directory.path, limits: limits) }
            if time % 7 == 0 { try read() }
        }
        try read()
        #expect(seen == Array(0..<3_000))
        #expect(try HistoryFiles(directory: directory.path).numbers().count > 3)
        // Does not wait where there is something, nor where it is over.
        log.append([Self.event(3_000)])
        log.wait(after: position, seconds: 60) { false }
        try read()
        #expect(seen.last == 3_000)
        log.wait(after: position, seconds: 60) { true }
        let files = HistoryFiles(directory: directory.path)
        for number in try files.numbers() { unlink(files.directory.file(HistoryFiles.kind.fileName(number))) }
        log = HistoryLog(directory: directory.path, limits: limits)
        log.append([Self.event(5_000)])
        try read()
        #expect(seen.last == 5_000)
    }
}
