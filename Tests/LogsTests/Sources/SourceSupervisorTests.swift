import Logging
import Synchronization
import Telemetry
import Testing

@testable import Logs

/// Fails as often as it has sentences, then is well.
private final class FailingSource: LogSource {
    let name = "failing"
    let sentences: Mutex<[String]>
    init(_ sentences: [String]) { self.sentences = Mutex(sentences.reversed()) }

    func run(_ context: SourceContext) throws(SourceError) {
        if let sentence = sentences.withLock({ $0.popLast() }) { throw SourceError(sentence) }
        context.readiness.set("source/failing", .ok)
        while !context.stop.isStopped { context.stop.wait(seconds: 10) }
    }
}

/// Keeps the levels and errors that are logged.
private final class Messages: Sendable {
    let all = Mutex<[String]>([])
}

private struct Recorder: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    let messages: Messages

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        messages.all.withLock { $0.append("\(event.level) \(event.metadata?["error"].map { "\($0)" } ?? "")") }
    }
}

@Suite("Supervision of sources")
struct SourceSupervisorTests {
    let directory = TemporaryDirectory()

    @Test("a failure that stays the same is logged once; readiness shows it until the source is well again")
    func failures() async throws {
        let fixture = StoreFixture()
        let store = try fixture.open(directory.path)
        let messages = Messages()
        let context = SourceContext(
            store: store, metrics: fixture.registry, readiness: fixture.readiness,
            logger: Logger(label: "test", factory: { _ in Recorder(messages: messages) }), stop: StopToken())
        var pauses = SourceSupervisor.Pauses()
        pauses.first = 0.01
        pauses.last = 0.02
        let source = FailingSource(["a", "a", "a", "b", "b", "a"])
        let supervisor = SourceSupervisor(source, context: context, pauses: pauses)
        let limit = Timestamp.monotonic
        func state() -> PartState? { fixture.readiness.all.first { $0.name == "source/failing" }?.state }
        while !(source.sentences.withLock(\.isEmpty) && state() == .ok), Timestamp.monotonic.seconds(since: limit) < 10
        {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(state() == .ok)
        supervisor.stop()
        #expect(messages.all.withLock { $0 } == ["error a", "debug a", "debug a", "error b", "debug b", "error a"])
        store.close()
    }

    @Test("a source that flaps is logged once, counted each time, and its pauses grow until a run has lasted")
    func flapping() async throws {
        let fixture = StoreFixture()
        let store = try fixture.open(directory.path)
        let messages = Messages()
        let context = SourceContext(
            store: store, metrics: fixture.registry, readiness: fixture.readiness,
            logger: Logger(label: "test", factory: { _ in Recorder(messages: messages) }), stop: StopToken())
        var pauses = SourceSupervisor.Pauses()
        pauses.first = 0.02
        pauses.last = 0.16
        // Well for a moment each time; the sixth run lasts longer than the longest pause.
        let source = FlappingSource([0.001, 0.001, 0.001, 0.001, 0.001, 0.4, 0.001, 0.001])
        let supervisor = SourceSupervisor(source, context: context, pauses: pauses)
        let begin = Timestamp.monotonic
        while source.ends.withLock(\.count) < 8, Timestamp.monotonic.seconds(since: begin) < 20 {
            try await Task.sleep(for: .milliseconds(5))
        }
        let starts = source.starts.withLock { $0 }
        let ends = source.ends.withLock { $0 }
        let failures = fixture.registry.counter("tocsin_source_errors_total", help: "", ["source": "flapping"]).current
        supervisor.stop()
        #expect(ends.count == 8)
        let gaps = zip(ends, starts.dropFirst()).map { $1.seconds(since: $0) }
        for (gap, least) in zip(gaps, [0.02, 0.04, 0.08, 0.16, 0.16, 0.02, 0.04]) {
            #expect(gap >= least * 0.95, "pauses \(gaps)")
        }
        // After the run that lasted the pause is short again.
        #expect(gaps[5] < gaps[4], "pauses \(gaps)")
        #expect(source.seen.withLock { $0 } == Array(repeating: "failed", count: 7), "readiness in the pauses")
        #expect(messages.all.withLock { $0.filter { $0 == "error flaps" }.count } == 2)
        #expect(failures >= 7)
        store.close()
    }
}

/// Is well for so many seconds each time it runs, then fails.
private final class FlappingSource: LogSource {
    let name = "flapping"
    let seconds: [Double]
    let starts = Mutex<[Timestamp]>([])
    let ends = Mutex<[Timestamp]>([])
    /// What readiness showed when a run after the first began.
    let seen = Mutex<[String]>([])

    init(_ seconds: [Double]) { self.seconds = seconds }

    func run(_ context: SourceContext) throws(SourceError) {
        let turn = starts.withLock { starts in
            starts.append(.monotonic)
            return starts.count - 1
        }
        guard turn < seconds.count else { throw SourceError("flaps") }
        let state = context.readiness.all.first { $0.name == "source/flapping" }?.state
        if turn > 0 {
            var text = "ok"
            if case .failed = state { text = "failed" }
            seen.withLock { $0.append(text) }
        }
        context.readiness.set("source/flapping", .ok)
        context.stop.wait(seconds: seconds[turn])
        ends.withLock { $0.append(.monotonic) }
        throw SourceError("flaps")
    }
}
