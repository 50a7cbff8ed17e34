import Logging
import Synchronization
import Telemetry
import Testing

@testable import Loki

@Suite("Troubles of a destination")
struct TroublesTests {
    private final class Log: Sendable {
        private let state = Mutex<[String]>([])
        var messages: [String] { state.withLock { $0 } }
        func add(_ message: String) { state.withLock { $0.append(message) } }
    }

    private struct Handler: LogHandler {
        let log: Log
        var logLevel: Logger.Level = .debug
        var metadata: Logger.Metadata = [:]
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) { log.add("\(event.message)") }
    }

    private let log = Log()
    private let readiness = Readiness()

    private func troubles() -> Troubles {
        let log = log
        return Troubles(
            ShipperContext(
                configuration: ClientConfiguration(name: "x", url: "http://x/"),
                metrics: ShipperMetrics(MetricRegistry(), destination: "x", host: "x"), readiness: readiness,
                logger: Logger(label: "test", factory: { _ in Handler(log: log) }), stopping: StopToken(),
                aborting: StopToken()))
    }

    @Test("the worst is shown, the destination's own first, until the last is over")
    func shown() {
        let troubles = troubles()
        func state() -> PartState? { readiness.all.first?.state }
        troubles.report(.degraded("slow"), of: .destination)
        #expect(state() == .degraded("slow"))
        troubles.report(.failed("no right"), of: .tenant("b"))
        #expect(state() == .failed("tenant b: no right (and 1 more)"))
        troubles.report(.failed("no certificate"), of: .destination)
        #expect(state() == .failed("no certificate (and 1 more)"))
        troubles.end(of: .destination)
        troubles.report(.failed("no right"), of: .tenant(""))
        #expect(state() == .failed("no right (and 1 more)"))
        troubles.end(of: .tenant(""))
        troubles.end(of: .tenant("a"))
        #expect(state() == .failed("tenant b: no right"))
        troubles.end(of: .tenant("b"))
        #expect(state() == .ok)
    }

    @Test("a server that fails every second request does not fill the log")
    func flapping() {
        let troubles = troubles()
        for _ in 0..<100 {
            troubles.report(.degraded("500"), of: .destination)
            troubles.end(of: .destination)
        }
        #expect(log.messages == ["destination in trouble", "destination takes data again"])
    }
}
