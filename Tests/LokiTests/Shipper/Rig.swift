import Bytes
import Glibc
import Logging
import Logs
import PushServer
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Loki

/// One destination, its feed and the lines its server has taken.
final class Rig: Sendable {
    let feed = MemoryFeed()
    let metrics = MetricRegistry()
    let readiness = Readiness()
    let server: PushServer
    let shipper: LokiShipper
    let directory: String
    /// What the server has answered 204 to, or said it has stored: "labels line", in order.
    let taken: Taken

    final class Taken: Sendable {
        private let state = Mutex<[String]>([])
        var lines: [String] { state.withLock { $0 } }
        func add(_ lines: [String]) { state.withLock { $0 += lines } }
    }

    /// `answer` gets the decoded lines and returns what to reply and which of them are stored.
    init(
        _ adjust: (inout ClientConfiguration) -> Void = { _ in },
        answer: @escaping @Sendable (PushServer.Request, [String]) -> (PushServer.Reply, stored: [String])
    ) throws {
        let taken = Taken()
        self.taken = taken
        server = PushServer { request in
            let (reply, stored) = answer(request, decode(request.body))
            taken.add(stored)
            return reply
        }
        var configuration = ClientConfiguration(name: "test", url: server.url)
        configuration.backoff.minPeriod = 0.01
        configuration.backoff.maxPeriod = 0.05
        configuration.timeout = 1
        adjust(&configuration)
        directory = "/tmp/tocsin-quarantine-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        shipper = try LokiShipper(
            configuration: configuration, feed: feed, metrics: metrics, readiness: readiness,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            quarantineDirectory: directory, userAgent: "tocsin/test")
    }

    deinit { system("rm -rf '\(directory)'") }

    /// Another shipper at the same feed, as after a crash: it knows only what the feed was told.
    func another(
        _ adjust: (inout ClientConfiguration) -> Void = { _ in }, to server: PushServer
    ) throws -> LokiShipper {
        var configuration = ClientConfiguration(name: "test", url: server.url)
        configuration.backoff.minPeriod = 0.01
        configuration.backoff.maxPeriod = 0.05
        adjust(&configuration)
        return try LokiShipper(
            configuration: configuration, feed: feed, metrics: MetricRegistry(), readiness: Readiness(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            quarantineDirectory: directory)
    }

    /// Starts, waits until everything has been settled, and stops.
    func run(until isDone: (Rig) -> Bool = { $0.isDrained }) {
        shipper.start()
        #expect(wait { isDone(self) }, "not settled in time; taken: \(taken.lines)")
        end()
    }

    func end() {
        shipper.stop(deadline: 2)
        server.stop()
    }

    func wait(_ condition: () -> Bool) -> Bool {
        let limit = Timestamp.monotonic.advanced(seconds: 20)
        while !condition() {
            if Timestamp.monotonic > limit { return false }
            usleep(2000)
        }
        return true
    }

    var isDrained: Bool {
        guard let state = feed.state("test") else { return false }
        return state.held.isEmpty && state.waiting.isEmpty && state.cursor.offset == UInt64(feed.count)
    }

    func count(_ name: String, _ labels: LabelSet = ["destination": "test"]) -> Int {
        for family in metrics.snapshot() where family.name == name {
            if case .counter(let counter)? = family.series[labels] { return Int(counter.current) }
        }
        return 0
    }

    var quarantined: [String] {
        defer {
            unlink(directory + "/test.jsonl")
            rmdir(directory)
        }
        guard let file = fopen(directory + "/test.jsonl", "r") else { return [] }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 1 << 20)
        var lines: [String] = []
        while fgets(&buffer, Int32(buffer.count), file) != nil {
            lines.append(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        return lines
    }
}

func decode(_ body: [UInt8]) -> [String] {
    var block = PushBlock()
    guard (try? block.load(body.span.bytes)) != nil else { return ["undecodable"] }
    return block.entries.indices.map {
        let entry = block.entries[$0]
        return block.streams[entry.stream].labels + " " + String(decoding: block.line($0), as: UTF8.self)
    }
}

func lines(_ stream: String, _ range: Range<Int>) -> [MemoryFeed.Line] {
    range.map {
        MemoryFeed.Line(labels: "{app=\"\(stream)\"}", time: 1_767_225_600_000_000_000 + Int64($0), text: "l\($0)")
    }
}

func sent(_ stream: String, _ range: Range<Int>) -> [String] { range.map { "{app=\"\(stream)\"} l\($0)" } }

/// Text that does not compress; another in each call.
func noise(_ length: Int) -> String {
    var random = noiseSource.withLock { source in
        source &+= 1
        return SeededRandom(seed: source)
    }
    return String((0..<length).map { _ in Character(Unicode.Scalar(UInt8.random(in: 0x21..<0x7b, using: &random))) })
}

private let noiseSource = Mutex<UInt64>(0)

/// As Loki answers with a `max_line_size` of 10 bytes, to a stream `a`.
func refusingLongLines(_ lines: [String]) -> (PushServer.Reply, stored: [String]) {
    let refused = lines.filter { $0.contains("too-long-line") }
    guard !refused.isEmpty else { return (.status(204), lines) }
    let body =
        #"max entry size '10' bytes exceeded for stream '{app="a", service_name="a"}' while adding an entry with length '13' bytes"#
    return (.status(400, body: body), lines.filter { !$0.contains("too-long-line") })
}
