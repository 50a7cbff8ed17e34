import Bytes
import Configuration
import PushServer
import Synchronization
import Telemetry
import TestSupport
import Testing
import Transport

@testable import Exporter

@Suite("Remote writer")
struct RemoteWriterTests {
    private let folder = QueueFolder()
    private let metrics = MetricRegistry()
    private let readiness = Readiness()

    private func writer(
        _ server: PushServer, _ change: (inout RemoteWriteConfiguration) -> Void = { _ in }
    ) throws -> RemoteWriter {
        var configuration = RemoteWriteConfiguration(
            name: "test", url: "http://127.0.0.1:\(server.port)/api/v1/write")
        configuration.queueConfig.batchSendDeadline = 0.05
        change(&configuration)
        return try RemoteWriter(
            configuration: configuration, directory: folder.path, metrics: metrics, readiness: readiness,
            logger: quiet, userAgent: "tocsin/1.2.3")
    }

    private func total(_ name: String, _ labels: LabelSet = [:]) -> Double {
        metrics.total("prometheus_remote_storage_" + name, matching: labels)
    }

    private func times(_ requests: [PushServer.Request]) throws -> [UInt64] {
        try requests.flatMap { try message($0.body).messages(1) }.flatMap { $0.messages(2) }.map { $0.number(2) }
    }

    @Test("requests have the headers of their version and nothing is lost at the end")
    func headers() throws {
        let server = PushServer { _ in .status(204) }
        defer { server.stop() }
        let writer = try writer(server) { $0.http.headers = ["X-Mine": "yes"] }
        writer.start()
        let one = series(["__name__": "a"])
        for time in 1...50 { writer.append(batch([SeriesSample(series: one, timestamp: Int64(time), value: 1)])) }
        writer.stop(deadline: 5)
        let requests = server.requests
        #expect(try times(requests) == Array(1...50))
        #expect(requests[0].line == "POST /api/v1/write HTTP/1.1")
        let headers = requests[0].headers
        #expect(headers["content-type"] == "application/x-protobuf" && headers["content-encoding"] == "snappy")
        #expect(headers["x-prometheus-remote-write-version"] == "0.1.0" && headers["x-mine"] == "yes")
        #expect(headers["user-agent"] == "tocsin/1.2.3" && headers["retry-attempt"] == nil)
        #expect(total("samples_total") == 50 && total("samples_in_total") == 50 && writer.pendingSamples == 0)
        #expect(total("queue_highest_sent_timestamp_seconds") == 0.05)
        #expect(readiness.all.isEmpty)
    }

    @Test("a queue that is full is told by readiness until the server takes samples again")
    func full() throws {
        let isDown = Mutex(true)
        let server = PushServer { _ in .status(isDown.withLock { $0 } ? 503 : 204) }
        defer { server.stop() }
        let writer = try writer(server) {
            $0.queue.maxSize = 200_000
            $0.queueConfig.maxSamplesPerSend = 500
            $0.queueConfig.maxBackoff = 0.1
        }
        writer.start()
        defer { writer.stop(deadline: 1) }
        let one = series(["__name__": "a"])
        var random = SeededRandom(seed: 3)
        for round in 0..<60 {
            let samples = (1...500).map { at in
                SeriesSample(
                    series: one, timestamp: Int64(round * 500 + at), value: Double.random(in: 0...1, using: &random))
            }
            writer.append(batch(samples))
        }
        func state() -> PartState? { readiness.all.first { $0.name == "remote_write/test" }?.state }
        #expect(
            comesTrue {
                guard case .degraded(let reason)? = state() else { return false }
                return reason.contains("503") && reason.contains("its queue is full")
            })
        #expect(total("samples_dropped_total", ["reason": "queue_full"]) > 0)
        isDown.withLock { $0 = false }
        #expect(comesTrue { state() == .ok && writer.pendingSamples == 0 })
    }

    @Test("what cannot be sent in time stays and is sent by the next one, in order")
    func outage() throws {
        let isDown = Mutex(true)
        let server = PushServer { _ in isDown.withLock { $0 } ? .status(503) : .status(204) }
        defer { server.stop() }
        let one = series(["__name__": "a"])
        let first = try writer(server)
        first.start()
        for time in 1...20 { first.append(batch([SeriesSample(series: one, timestamp: Int64(time), value: 1)])) }
        #expect(comesTrue { server.requests.count >= 2 })
        let begin = Timestamp.monotonic
        first.stop(deadline: 3)
        #expect(Timestamp.monotonic.seconds(since: begin) < 3)
        #expect(first.pendingSamples == 20)
        let tried = server.requests
        #expect(tried[0].headers["retry-attempt"] == nil && tried[1].headers["retry-attempt"] == "1")
        #expect(total("samples_retried_total") >= 20 && total("samples_failed_total") == 0)
        isDown.withLock { $0 = false }
        let second = try writer(server)
        second.start()
        second.append(batch([SeriesSample(series: one, timestamp: 21, value: 1)]))
        second.stop(deadline: 5)
        #expect(try times(Array(server.requests.dropFirst(tried.count))).suffix(21) == Array(1...21))
        #expect(second.pendingSamples == 0)
    }

    @Test("a server that hangs does not hold up the end")
    func hangs() throws {
        let server = PushServer { _ in .stall }
        defer { server.stop() }
        let writer = try writer(server)
        writer.start()
        writer.append(batch([SeriesSample(series: series(["__name__": "a"]), timestamp: 1, value: 1)]))
        #expect(comesTrue { !server.requests.isEmpty })
        let begin = Timestamp.monotonic
        writer.stop(deadline: 0.5)
        #expect(Timestamp.monotonic.seconds(since: begin) < 3)
        #expect(writer.pendingSamples == 1)
    }

    @Test("415 to 2.0 is answered with 1.0, for the same samples and from then on")
    func fallback() throws {
        let server = PushServer { $0.headers["content-type"]?.contains("v2") == true ? .status(415) : .status(200) }
        defer { server.stop() }
        let writer = try writer(server) { $0.message = .v2 }
        writer.start()
        let one = series(["__name__": "a"])
        for time in 1...2 {
            writer.append(batch([SeriesSample(series: one, timestamp: Int64(time), value: 1)]))
            #expect(comesTrue { total("queue_highest_sent_timestamp_seconds") == Double(time) / 1000 })
        }
        writer.stop(deadline: 5)
        let versions = server.requests.map { $0.headers["x-prometheus-remote-write-version"] }
        #expect(versions == ["2.0.0", "0.1.0", "0.1.0"])
        #expect(try times(Array(server.requests.dropFirst())) == [1, 2])
    }

    @Test("2.0 counts what the server does not say it wrote, and what it wrote of a refused batch is no loss")
    func written() throws {
        let replies = Mutex<[PushServer.Reply]>([
            .status(204, headers: ["x-prometheus-remote-write-samples-written: 1"]), .status(200),
            .status(400, headers: ["X-Prometheus-Remote-Write-Samples-Written: 2"], body: "out of order"),
        ])
        let server = PushServer { _ in replies.withLock { $0.removeFirst() } }
        defer { server.stop() }
        let writer = try writer(server) { $0.message = .v2 }
        writer.start()
        let all = (0..<3).map { series(["__name__": "a", "n": "\($0)"]) }
        for time in 1...3 {
            writer.append(batch(all.map { SeriesSample(series: $0, timestamp: Int64(time), value: 1) }))
            #expect(comesTrue { server.requests.count == time })
        }
        writer.stop(deadline: 5)
        #expect(metrics.total("tocsin_remote_write_unconfirmed_samples_total") == 2 + 3)
        #expect(total("samples_failed_total") == 1)
    }

    @Test("what is not to be sent is counted by its reason")
    func drops() throws {
        let server = PushServer { _ in .status(204) }
        defer { server.stop() }
        var rule = RelabelRule()
        rule.action = .drop
        rule.sourceLabels = ["__name__"]
        rule.regex = "noise"
        let writer = try writer(server) {
            $0.writeRelabelConfigs = [rule]
            $0.queueConfig.capacity = 10
        }
        let one = series(["__name__": "a"])
        let noise = series(["__name__": "noise"])
        func sample(_ series: Series, _ time: Int64) -> SeriesSample {
            SeriesSample(series: series, timestamp: time, value: 1)
        }
        // Not started: nothing is taken out of memory.
        writer.append(
            batch([
                sample(one, 5), sample(one, 5), sample(one, 3), sample(one, 6), sample(noise, 1), sample(noise, 2),
                sample(noise, 3),
            ]))
        writer.append(batch((0..<4).map { sample(one, 10 + $0) }))
        #expect(total("samples_dropped_total", ["reason": "capacity"]) == 4)
        #expect(writer.pendingSamples == 7)
        writer.start()
        writer.stop(deadline: 5)
        #expect(try times(server.requests) == [5, 6])
        for (reason, count) in [("duplicate", 1.0), ("out_of_order", 1), ("dropped_series", 3), ("too_old", 0)] {
            #expect(total("samples_dropped_total", ["reason": reason]) == count, "\(reason)")
        }
    }

    @Test("a batch is dropped when it is too old, also while it is being retried")
    func tooOld() throws {
        let server = PushServer { _ in .status(500) }
        defer { server.stop() }
        let writer = try writer(server) {
            $0.queueConfig.sampleAgeLimit = 2
            $0.queueConfig.maxBackoff = 0.2
        }
        writer.start()
        let now = Timestamp.now.milliseconds
        writer.append(batch([SeriesSample(series: series(["__name__": "a"]), timestamp: now, value: 1)]))
        #expect(comesTrue { total("samples_dropped_total", ["reason": "too_old"]) == 1 })
        #expect(!server.requests.isEmpty && writer.pendingSamples == 0)
        writer.stop(deadline: 1)
    }

    @Test("a series that has ended begins again as another, and its marker keeps its bits")
    func stale() throws {
        let server = PushServer { _ in .status(204) }
        defer { server.stop() }
        let writer = try writer(server)
        writer.start()
        let one = series(["__name__": "a"])
        writer.append(
            batch([
                SeriesSample(series: one, timestamp: 1, value: 1),
                SeriesSample(series: one, timestamp: 2, value: StaleMarker.value),
                SeriesSample(series: one, timestamp: 3, value: 3),
            ]))
        writer.stop(deadline: 5)
        let samples = try server.requests.flatMap { try message($0.body).messages(1) }.flatMap { $0.messages(2) }
        #expect(samples.map { $0.fixed(1) } == [Double(1).bitPattern, 0x7ff0_0000_0000_0002, Double(3).bitPattern])
    }

    @Test("a secret that was replaced in its file is tried once more before samples are given up")
    func secrets() throws {
        let server = PushServer { $0.headers["authorization"] == "Bearer new" ? .status(204) : .status(401) }
        defer { server.stop() }
        let secret = QueueFolder()
        try secret.write(Array("new\n".utf8), to: "token")
        let writer = try writer(server) {
            $0.http.bearerToken = .init(Secret("old"), file: "\(secret.path)/token")
        }
        writer.start()
        writer.append(batch([SeriesSample(series: series(["__name__": "a"]), timestamp: 1, value: 1)]))
        writer.stop(deadline: 5)
        #expect(server.requests.map { $0.headers["authorization"] } == ["Bearer old", "Bearer new"])
        #expect(total("samples_failed_total") == 0 && writer.pendingSamples == 0)
    }

    @Test("an exemplar is sent once, with the first sample of its series")
    func exemplars() throws {
        let server = PushServer { _ in .status(204) }
        defer { server.stop() }
        let writer = try writer(server) { $0.sendExemplars = true }
        writer.start()
        let one = series(["__name__": "a"])
        var both = batch((1...2).map { SeriesSample(series: one, timestamp: $0, value: 1) })
        both.exemplars = [SeriesExemplar(series: one, labels: ["t": "x"], value: 3, timestamp: 1)]
        writer.append(both)
        writer.stop(deadline: 5)
        let found = try server.requests.flatMap { try message($0.body).messages(1) }
        #expect(found.map { $0.messages(3).count } == [1, 0])
        #expect(total("exemplars_total") == 1)
    }

    @Test("metadata of 1.0 is sent by itself, at its interval")
    func metadata() throws {
        let server = PushServer { _ in .status(204) }
        defer { server.stop() }
        let writer = try writer(server) { $0.metadataConfig.sendInterval = 0.2 }
        writer.start()
        let one = series(["__name__": "a"], .counter, help: "Help.")
        writer.append(batch([SeriesSample(series: one, timestamp: 1, value: 1)]))
        #expect(comesTrue { total("metadata_total") >= 2 })
        writer.stop(deadline: 5)
        let families = try server.requests.flatMap { try message($0.body).messages(3) }
        #expect(families.count >= 2 && families[0].texts(2) == ["a"] && families[0].texts(4) == ["Help."])
        #expect(families[0].number(1) == 1)
    }
}
