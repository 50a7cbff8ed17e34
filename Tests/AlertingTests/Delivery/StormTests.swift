import Bytes
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Alerting

/// Many alerts at once.
@Suite struct StormTests {
    /// What was asked of the disk.
    private struct Asked {
        var writes = 0
        var synchronisations = 0
        var largest = 0
        /// Writes from this one on fail.
        var failing = Int.max
    }

    private static func faults(_ asked: Condition<Asked>) -> DiskFaults {
        DiskFaults(
            write: { length in
                asked.withLock {
                    $0.writes += 1
                    $0.largest = max($0.largest, length)
                    return $0.writes >= $0.failing ? (ENOSPC, length / 2) : (0, 0)
                }
            },
            synchronize: {
                asked.withLock { $0.synchronisations += 1 }
                return 0
            })
    }

    private static func alerts(_ range: Range<Int>, at now: Int64) -> [TrackedAlert] {
        range.map {
            TrackedAlert(
                labels: ["alertname": "A\($0)", "cluster": "c\($0 % 7)"],
                annotations: ["summary": "what is wrong with \($0)"],
                startsAt: now, endsAt: now + 500_000, updatedAt: now)
        }
    }

    private static func saved(_ directory: TestDirectory) -> AlertingState {
        var state = AlertingState()
        _ = AlertingLog(directory: directory.path, into: &state)
        return state
    }

    @Test(
        "alerts that come at once are written in small pieces and synchronised once, before their sender has its answer"
    )
    func writesInPieces() throws {
        let (directory, asked) = (TestDirectory(), Condition(Asked()))
        let dispatcher = AlertDispatcher(
            try Scene.configuration(AlertingEngineTests.simple), integrations: [:], directory: directory.path,
            externalURL: "", stop: StopToken(), faults: Self.faults(asked))
        let now = Timestamp.now.milliseconds
        dispatcher.receive(Self.alerts(0..<1, at: now))
        asked.withLock { $0 = Asked() }
        dispatcher.receive(Self.alerts(1..<1000, at: now))
        let seen = asked.withLock { $0 }
        #expect(seen.writes > 5 && seen.synchronisations == 1 && seen.largest < 64 << 10, "\(seen)")
        #expect(Self.saved(directory).alerts.count == 1000)
        #expect(dispatcher.withEngine { engine, _ in engine.groups.count } == 7)
        // Nothing new: what came before is synchronised all the same.
        let body = #"[{"labels":{"alertname":"A0","cluster":"c0"}},{"labels":{"alertname":"New"}}]"#
        let api = AlertmanagerAPI(about: .init(version: "", startedAt: 0, configuration: ""))
        #expect(dispatcher.respond(to: APIRequest("POST", "/alerts", body: Array(body.utf8)), api).status == 200)
        #expect(asked.withLock { $0.synchronisations } == 2)
        #expect(Self.saved(directory).alerts.count == 1001)
    }

    @Test("what a step leaves to the next to synchronise is synchronised even where that one has nothing to write")
    func synchronisesLater() {
        let (directory, asked) = (TestDirectory(), Condition(Asked()))
        var state = AlertingState()
        let log = AlertingLog(directory: directory.path, faults: Self.faults(asked), into: &state)
        var step = EngineStep()
        for (index, alert) in Self.alerts(0..<3, at: 1000).enumerated() {
            step.changes = [.alert(AlertID(of: alert.labels), alert)]
            state.apply(step.changes[0])
            log.write(step, state: state, isLast: index == 0)
        }
        let before = asked.withLock { $0.synchronisations }
        log.write(EngineStep(), state: state)
        log.write(EngineStep(), state: state)
        #expect(asked.withLock { $0.synchronisations } == before + 1)
        #expect(Self.saved(directory) == state)
    }

    @Test("a disk that is full in the middle of a new file leaves the old one, and all is written when it works again")
    func keepsOldFile() {
        let (directory, asked) = (TestDirectory(), Condition(Asked()))
        var state = AlertingState()
        let log = AlertingLog(directory: directory.path, faults: Self.faults(asked), into: &state)
        var step = EngineStep()
        func add(_ range: Range<Int>) {
            step.changes = Self.alerts(range, at: 1000).map { .alert(AlertID(of: $0.labels), $0) }
            for change in step.changes { state.apply(change) }
            log.write(step, state: state)
        }
        add(0..<2000)
        #expect(log.failure == nil)
        let old = state
        // The first write is torn, so that the next has to write all anew, which fails after two pieces.
        asked.withLock { $0.failing = $0.writes + 1 }
        add(2000..<2001)
        asked.withLock { $0.failing = $0.writes + 3 }
        add(2001..<2002)
        #expect(log.failure != nil)
        #expect(Self.saved(directory) == old)
        asked.withLock { $0.failing = .max }
        add(2002..<2003)
        #expect(log.failure == nil)
        #expect(Self.saved(directory) == state && state.alerts.count == 2003)
    }

    @Test("what is wrong with a body is told in the same order, wherever it stands")
    func tellsWhatIsWrong() {
        func posted(_ body: String) -> (Int, String, Int) {
            let posted = PostedAlerts(APIRequest("POST", "/alerts", body: Array(body.utf8)), resolveTimeout: 1, at: 5)
            return (posted.response.status, String(decoding: posted.response.body, as: UTF8.self), posted.alerts.count)
        }
        let good = #"{"labels":{"a":"b"},"annotations":{"a long text":"that both have, and that is kept once"}}"#
        #expect(posted("[\(good),\(good)]") == (200, "", 2))
        // No JSON at all is said before what an alert is not.
        let broken = posted("[\(good),1,")
        #expect(broken.0 == 400 && broken.1.contains("parsing body failed") && broken.2 == 0, "\(broken)")
        let wrong = posted("[\(good),1,{}]")
        #expect(wrong.0 == 422 && wrong.1.contains("1 in body must be of type object") && wrong.2 == 0, "\(wrong)")
        let other = posted("{}")
        #expect(other.0 == 422 && other.1.contains("must be of type array") && other.2 == 0, "\(other)")
        let some = posted(#"[{"labels":{}},\#(good),{"labels":{}}]"#)
        #expect(some.0 == 400 && some.1 == "\"at least one label pair required\\nat least one label pair required\"\n")
        #expect(some.2 == 1)
    }

    @Test("an alert reads the same whatever came before it")
    func sharesTexts() throws {
        func read(_ text: String, like other: TrackedAlert?) throws -> TrackedAlert {
            let bytes = Array(text.utf8)
            let item = try JSONValue(parsing: bytes.span.bytes)
            return try PostedAlerts.alert(item, "0", 1, like: other, at: 5).0
        }
        let first = try read(
            #"{"labels":{"a":"b","c":"d"},"annotations":{"e":"f","g":""},"generatorURL":"http://x"}"#, like: nil)
        for text in [
            #"{"labels":{"a":"b","c":"other"},"annotations":{"e":"other","g":""},"generatorURL":"http://x"}"#,
            #"{"labels":{"a":"","c":"d","z":"b"},"annotations":{"g":"f"},"generatorURL":"http://y"}"#,
            #"{"labels":{"b":"b"}}"#,
        ] {
            let alone = try read(text, like: nil)
            #expect(try read(text, like: first) == alone)
        }
    }
}
