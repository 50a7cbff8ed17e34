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
}
