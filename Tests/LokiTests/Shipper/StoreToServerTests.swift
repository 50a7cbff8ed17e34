import Bytes
import Glibc
import Logging
import Logs
import PushServer
import Synchronization
import Telemetry
import Testing

@testable import Loki

@Suite("From the store to the server")
struct StoreToServerTests {
    @Test("lines written to a store arrive once, over restarts and errors, and unchanged")
    func delivers() throws {
        let directory = "/tmp/tocsin-store-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { system("rm -rf '\(directory)'") }
        let requests = Atomic<Int>(0)
        let taken = Mutex<[String]>([])
        let server = PushServer { request in
            guard requests.wrappingAdd(1, ordering: .relaxed).newValue % 3 != 0 else { return .status(500) }
            var block = PushBlock()
            guard (try? block.load(request.body.span.bytes)) != nil else { return .status(400, body: "snappy:") }
            taken.withLock { taken in
                for entry in block.entries.indices { taken.append(String(decoding: block.line(entry), as: UTF8.self)) }
            }
            return .status(204)
        }
        defer { server.stop() }
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        var configuration = ClientConfiguration(name: "loki", url: server.url)
        configuration.backoff.minPeriod = 0.01
        var written = 0
        for _ in 0..<3 {
            let metrics = MetricRegistry()
            let store = try LogStore(
                directory: directory, configuration: StoreConfiguration(), metrics: metrics, readiness: Readiness(),
                logger: logger)
            let shipper = try LokiShipper(
                configuration: configuration, feed: store, metrics: metrics, readiness: Readiness(), logger: logger,
                quarantineDirectory: directory + "/quarantine")
            shipper.start()
            var writer = EntryWriter(metrics: EntryMetrics(metrics, source: "test"))
            for round in 0..<10 {
                let stream = writer.stream(labels: ["app": "a\(round % 3)"])
                for _ in 0..<20 {
                    let line = Array("line \(written)".utf8)
                    writer.append(stream, Timestamp(nanoseconds: 1_767_225_600_000_000_000), line.span.bytes)
                    written += 1
                }
                try writer.commit(positions: [], to: store, stop: StopToken())
            }
            let limit = Timestamp.monotonic.advanced(seconds: 20)
            while taken.withLock({ $0.count }) < written, Timestamp.monotonic < limit { usleep(2000) }
            shipper.stop(deadline: 5)
            store.close()
        }
        // Of each stream in order: several records may go in one request, which brings a stream's lines together.
        for stream in 0..<3 {
            let own = (0..<written).filter { $0 / 20 % 10 % 3 == stream }.map { "line \($0)" }
            let found = taken.withLock { $0 }.filter(Set(own).contains)
            #expect(found == own)
        }
    }
}
