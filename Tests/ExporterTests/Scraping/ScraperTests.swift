import Bytes
import Exporter
import Glibc
import PushServer
import Synchronization
import Telemetry
import Testing

/// A server and a scraper of it; ended by `stop`.
private struct Rig {
    let server: PushServer
    let sink = RecordingSink()
    let scraper: Scraper

    init(
        _ handler: @escaping @Sendable (PushServer.Request) -> PushServer.Reply,
        _ configure: (inout MetricScrapeJob) -> Void = { _ in }
    ) throws {
        server = PushServer(handler)
        scraper = Scraper(sinks: [sink], userAgent: "Tocsin/test", metrics: MetricRegistry())
        try scraper.apply([job(port: server.port, configure)])
    }

    var error: String { scraper.report.active.first?.lastError ?? "" }

    func stop() {
        scraper.stop()
        server.stop()
    }
}

/// One reply after the other, the last again and again.
private func sequence(_ replies: [PushServer.Reply]) -> @Sendable (PushServer.Request) -> PushServer.Reply {
    let next = Mutex(0)
    return { _ in
        next.withLock { next in
            defer { next += 1 }
            return replies[min(next, replies.count - 1)]
        }
    }
}

@Suite("Scraper")
struct ScraperTests {
    @Test("a target's samples arrive with its labels, and with the series about the scrape")
    func samples() async throws {
        let rig = try Rig({ _ in page("a{x=\"1\"} 2\nb 3\n") })
        defer { rig.stop() }
        #expect(await eventually { rig.sink.values("up").count >= 2 })
        let labels = "instance=\"127.0.0.1:\(rig.server.port)\", job=\"j\""
        #expect(
            Array(rig.sink.lines.prefix(7)) == [
                "a{\(labels), x=\"1\"} 2.0", "b{\(labels)} 3.0", "up{\(labels)} 1.0",
                "scrape_duration_seconds{\(labels)} ", "scrape_samples_scraped{\(labels)} 2.0",
                "scrape_samples_post_metric_relabeling{\(labels)} 2.0", "scrape_series_added{\(labels)} 2.0",
            ])
        #expect(rig.sink.values("scrape_series_added").dropFirst().allSatisfy { $0 == 0 })
        #expect(rig.server.connectionCount == 1)
        let request = try #require(rig.server.requests.first)
        #expect(request.line == "GET /metrics HTTP/1.1")
        #expect(
            request.headers["accept"]
                == "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                + "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                + "text/plain;version=0.0.4;q=0.2,*/*;q=0.1")
        #expect(request.headers["accept-encoding"] == "gzip")
        #expect(request.headers["x-prometheus-scrape-timeout-seconds"] == "0.3")
        #expect(request.headers["user-agent"] == "Tocsin/test")
    }

    @Test("a failed scrape has up 0 and ends the series, and the next good one begins them again")
    func failure() async throws {
        let rig = try Rig(sequence([page("a 1\n"), .status(500), page("a 2\n")]))
        defer { rig.stop() }
        #expect(await eventually { rig.sink.values("a").count >= 2 })
        #expect(Array(rig.sink.values("up").prefix(3)) == [1, 0, 1])
        #expect(rig.sink.markers("a") == 1)
        #expect(Array(rig.sink.values("a").prefix(2)) == [1, 2])
    }

    @Test(
        "what is no page fails the scrape with a reason",
        arguments: [
            (.status(404, headers: ["Content-Type: text/plain"], body: "a 1\n"), "server returned HTTP status 404"),
            (.status(200, body: "a 1\n"), "found none"),
            (.status(200, headers: ["Content-Type: text/html"], body: "a 1\n"), "found \"text/html\""),
            (page("a\n"), "line 1, column 2: expected a value"),
            (.resetInBody, ""), (.halfClose, ""), (.reset, ""), (.stall, "timed out"),
            (
                .status(200, headers: ["Content-Type: application/openmetrics-text; version=1.0.0"], body: "a 1\n"),
                "expected # EOF"
            ),
            (
                .status(200, headers: ["Content-Type: text/plain", "Content-Encoding: gzip"], body: "a 1\n"),
                ""
            ),
        ] as [(PushServer.Reply, String)])
    func failures(_ reply: PushServer.Reply, _ reason: String) async throws {
        let rig = try Rig({ _ in reply })
        defer { rig.stop() }
        #expect(await eventually { !rig.sink.values("up").isEmpty && !rig.error.isEmpty })
        #expect(rig.sink.values("up").allSatisfy { $0 == 0 })
        #expect(rig.error.contains(reason), "\(rig.error)")
        #expect(rig.sink.values("a").isEmpty)
    }

    @Test("compressed pages are read, redirects followed, and the fallback reads what has no type")
    func transport() async throws {
        let registry = MetricRegistry()
        registry.gauge("a", help: "Of the page.").set(1)
        let body = MetricsPage(registry).render(accept: nil, acceptEncoding: "gzip").body
        let zipped = try Rig({ _ in .bytes(body, headers: ["Content-Type: text/plain", "Content-Encoding: gzip"]) })
        defer { zipped.stop() }
        let redirected = try Rig({ request in
            request.line.contains("/metrics ") ? .status(302, headers: ["Location: /other"]) : page("a 1\n")
        })
        defer { redirected.stop() }
        let typeless = try Rig({ _ in .status(200, body: "a 1\n") }) {
            $0.fallbackScrapeProtocol = .text0
            $0.enableCompression = false
        }
        defer { typeless.stop() }
        for rig in [zipped, redirected, typeless] {
            #expect(await eventually { rig.sink.values("a").contains(1) }, "\(rig.error)")
        }
        #expect(typeless.server.requests.first?.headers["accept-encoding"] == "identity")
    }

    @Test("a page larger than its limit fails and is told as such; exactly the limit is too much already")
    func bodySize() async throws {
        for (limit, isTaken) in [(5, true), (4, false)] {
            let rig = try Rig({ _ in page("a 1\n") }) {
                $0.bodySizeLimit = limit
                $0.extraScrapeMetrics = true
            }
            defer { rig.stop() }
            #expect(await eventually { !rig.sink.values("up").isEmpty })
            #expect(rig.sink.values("up").first == (isTaken ? 1 : 0))
            #expect(rig.sink.values("scrape_body_size_bytes").first == (isTaken ? 4 : -1))
            #expect(rig.sink.values("scrape_timeout_seconds").first == 0.3)
        }
    }

    @Test("a Unix socket is scraped over")
    func unixSocket() async throws {
        let path = "/tmp/tocsin-scrape-\(getpid()).sock"
        unlink(path)
        defer { unlink(path) }
        let server = PushServer(socketPath: path) { _ in page("a 1\n") }
        defer { server.stop() }
        let sink = RecordingSink()
        let scraper = Scraper(sinks: [sink], userAgent: "t", metrics: MetricRegistry())
        defer { scraper.stop() }
        try scraper.apply([
            job(port: 1) {
                $0.discoveries = [
                    .fixed([TargetGroup(targets: [["__address__": "app"]], labels: ["__unix_socket__": path])])
                ]
            }
        ])
        #expect(await eventually { sink.lines.contains(#"a{instance="app", job="j"} 1.0"#) })
    }

    @Test("a target that hangs does not hold up the others")
    func slow() async throws {
        let hanging = PushServer { _ in .stall }
        let good = PushServer { _ in page("a 1\n") }
        defer {
            hanging.stop()
            good.stop()
        }
        let sink = RecordingSink()
        let scraper = Scraper(sinks: [sink], userAgent: "t", metrics: MetricRegistry())
        var jobs = (0..<4).map { index in
            job("slow\(index)", port: hanging.port) {
                $0.scrapeInterval = 3
                $0.scrapeTimeout = 3
            }
        }
        jobs.append(job(port: good.port))
        try scraper.apply(jobs)
        #expect(await eventually { sink.values("a").count > 12 })
        scraper.stop()
        let count = sink.all.count
        try await Task.sleep(nanoseconds: 300_000_000)
        #expect(sink.all.count == count)
    }

    @Test("a target that is gone gets markers after a while, one that comes back in time goes on")
    func removal() async throws {
        let rig = try Rig({ _ in page("a 1\n") })
        defer { rig.stop() }
        #expect(await eventually { !rig.sink.values("a").isEmpty })
        // Another configuration of the same target: it goes on with its series, and what it no longer has ends.
        try rig.scraper.apply([
            job(port: rig.server.port) {
                var drop = RelabelRule()
                drop.action = .drop
                drop.sourceLabels = ["__name__"]
                drop.regex = "a"
                $0.metricRelabelRules = [drop]
            }
        ])
        #expect(await eventually { rig.sink.markers("a") == 1 })
        #expect(rig.sink.markers("up") == 0)
        let before = rig.sink.values("up").count
        #expect(await eventually { rig.sink.values("up").count > before })
        try rig.scraper.apply([])
        #expect(await eventually { rig.sink.markers("up") == 1 })
        #expect(rig.sink.markers("a") == 1)
    }

    @Test("stopping writes no markers")
    func stop() async throws {
        let rig = try Rig({ _ in page("a 1\n") })
        #expect(await eventually { !rig.sink.values("a").isEmpty })
        rig.stop()
        #expect(rig.sink.markers("a") == 0)
    }

    @Test("a reload leaves jobs alone that did not change")
    func reload() async throws {
        let rig = try Rig({ _ in page("a 1\n") })
        defer { rig.stop() }
        #expect(await eventually { rig.sink.values("up").count > 2 })
        try rig.scraper.apply([job(port: rig.server.port), job("other", port: rig.server.port)])
        #expect(await eventually { rig.sink.lines.contains { $0.contains("job=\"other\"") } })
        #expect(rig.server.connectionCount == 2)
        #expect(rig.sink.markers("a") == 0)
    }

    @Test("with more targets than target_limit all fail")
    func targetLimit() async throws {
        let rig = try Rig({ _ in page("a 1\n") }) {
            $0.targetLimit = 1
            $0.discoveries = [.fixed([TargetGroup(targets: [["__address__": "h:1"], ["__address__": "h:2"]])])]
        }
        defer { rig.stop() }
        #expect(await eventually { rig.sink.values("up").count >= 2 })
        #expect(rig.error == "target_limit exceeded (number of targets: 2, limit: 1)")
    }
}
