import Exporter
import Glibc
import Logging
import Telemetry
import Testing

@testable import Agent

@Suite("The metrics road")
struct MetricsRoadTests {
    private let metrics = MetricRegistry()
    private let readiness = Readiness()
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Nobody listens at their ports.
    private func section(_ job: String, _ writes: [(name: String, port: Int)]) -> MetricsSection {
        var section = MetricsSection()
        section.host.disablesDefaults = true
        section.host.enabled = [job == "new" ? "uname" : "loadavg": true]
        var scrape = MetricScrapeJob(jobName: job)
        scrape.discoveries = [.fixed([TargetGroup(targets: [["__address__": "127.0.0.1:1"]])])]
        section.scrapes = [scrape]
        section.remoteWrites = writes.map { write in
            RemoteWriteConfiguration(name: write.name, url: "http://127.0.0.1:\(write.port)/")
        }
        return section
    }

    /// Ports of the remote writes that are known to metrics.
    private var ports: [Int] {
        [1, 2, 3].filter {
            metrics.total("prometheus_remote_storage_shards", matching: ["url": "http://127.0.0.1:\($0)/"]) > 0
        }
    }

    @Test("a configuration of which one part cannot be had changes nothing; when it can, all of it is switched to")
    func allOrNothing() throws {
        var template = Array("/tmp/tocsin-road-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { _ = system("rm -r '\(directory)'") }
        mkdir("\(directory)/remote_write", 0o755)
        let obstacle = "\(directory)/remote_write/b"
        try #require(fclose(fopen(obstacle, "w")) == 0)

        let road = MetricsRoad(
            stateDirectory: directory, store: SampleFanOut(), metrics: metrics, readiness: readiness, logger: quiet)
        defer { road.stop(deadline: 1) }
        road.apply(try road.plan(section("old", [("a", 1)])))
        let host = try #require(road.page.host)
        let new = section("new", [("a", 2), ("b", 3)])
        let error = #expect(throws: (any Error).self) { _ = try road.plan(new) }
        #expect("\(try #require(error))".contains(obstacle))
        #expect(road.page.host === host && host.names == ["loadavg"])
        #expect(road.scraper.report.droppedCounts.map(\.pool) == ["old"])
        #expect(ports == [1])
        #expect(readiness.all.filter(\.state.isReady).map(\.name) == ["remote_write/a"])

        unlink(obstacle)
        road.apply(try road.plan(new))
        #expect(road.page.host?.names == ["uname"])
        #expect(road.scraper.report.droppedCounts.map(\.pool) == ["new"])
        #expect(ports == [2, 3])
    }
}
