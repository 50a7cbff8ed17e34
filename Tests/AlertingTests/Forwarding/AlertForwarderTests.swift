import Bytes
import Glibc
import PushServer
import Rules
import Telemetry
import Testing
import Transport

@testable import Alerting

@Suite struct AlertForwarderTests {
    /// A forwarder, and what it hands on.
    private final class Bench: Sendable {
        let forwarder: AlertForwarder
        let metrics = MetricRegistry()
        private let mine = Condition<[AlertNotice]>([])
        private let said = Condition<[String]>([])

        init(
            _ directory: TestDirectory, _ servers: [PushServer], policy: ForwardingConfiguration.Policy = .forward,
            told: [AlertID] = [], _ change: (inout ForwardingConfiguration) -> Void = { _ in }
        ) throws {
            var configuration = ForwardingConfiguration()
            var group = AlertmanagerGroup()
            group.targets = servers.map { ["__address__": "127.0.0.1:\($0.port)"] }
            group.timeout = 2
            configuration.alertmanagers = [group]
            configuration.policy = policy
            change(&configuration)
            forwarder = AlertForwarder(
                configuration, directory: directory.path, userAgent: "tocsin/test", metrics: metrics, told: { told },
                local: { [mine] alerts in mine.withLock { $0 += alerts } },
                say: { [said] _, failure in said.withLock { $0.append(failure ?? "well") } })
            WorkerThread(name: "forwarding") { [forwarder] in forwarder.run() }.detach()
        }

        deinit { forwarder.end(within: 0) }

        var local: [String] { mine.withLock { $0.map { "\($0.labels["alertname"] ?? "") \($0.state)" } } }
        var sentences: [String] { said.withLock { $0 } }
        func total(_ name: String) -> Double { metrics.total("prometheus_notifications_\(name)") }
    }

    private static func eventually(_ condition: () -> Bool) async throws -> Bool {
        for _ in 0..<9000 {
            if condition() { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    private static func alerts(_ request: PushServer.Request) -> [JSONValue] {
        (try? JSONValue(parsing: request.body.span.bytes))?.elements ?? []
    }

    @Test("a request as Prometheus makes it, to each Alertmanager, with external labels and relabelling")
    func request() async throws {
        let directory = TestDirectory()
        let servers = [PushServer { _ in .status(200) }, PushServer { _ in .status(200) }]
        defer { for server in servers { server.stop() } }
        let bench = try Bench(directory, servers) { configuration in
            configuration.externalLabels = ["host": "web", "team": "b"]
            var drop = RelabelRule()
            (drop.sourceLabels, drop.regex, drop.action) = (["alertname"], "Secret", .drop)
            var without = RelabelRule()
            (without.regex, without.action) = ("pod", .labeldrop)
            configuration.alertRelabeling = [drop, without]
            var second = RelabelRule()
            (second.targetLabel, second.replacement) = ("by", "group")
            configuration.alertmanagers[0].alertRelabeling = [second]
        }
        bench.forwarder.take([
            AlertNotice(
                labels: ["alertname": "A\"", "team": "a", "pod": "x"], annotations: ["summary": "é\n"], state: .firing,
                startsAt: 1_700_000_000_123, endsAt: 1_700_000_240_000,
                generatorURL: "http://p/graph?g0.expr=x&g0.tab=1",
                value: 1),
            FallbackLedgerTests.notice("Secret"),
        ])
        for server in servers {
            #expect(try await Self.eventually { server.requests.count == 1 })
            let request = try #require(server.requests.first)
            #expect(request.line == "POST /api/v2/alerts HTTP/1.1")
            #expect(request.headers["content-type"] == "application/json")
            #expect(request.headers["user-agent"] == "tocsin/test")
            #expect(
                String(decoding: request.body, as: UTF8.self)
                    == #"[{"annotations":{"summary":"é\n"},"endsAt":"2023-11-14T22:17:20.000Z","startsAt":"2023-11-14T22:13:20.123Z","generatorURL":"http://p/graph?g0.expr=x&g0.tab=1","labels":{"alertname":"A\"","by":"group","host":"web","team":"a"}}]"#
            )
        }
        #expect(try await Self.eventually { bench.total("sent_total") == 2 })
        #expect(bench.total("errors_total") == 0)
        #expect(bench.forwarder.counts.waiting == 0)
        #expect(bench.forwarder.alertmanagers.active == servers.map { "http://127.0.0.1:\($0.port)/api/v2/alerts" })
    }

    @Test(
        "requests have 64 alerts at most; what a full queue has no room for is dropped from its beginning and counted")
    func batches() async throws {
        let directory = TestDirectory()
        let open = Condition(false)
        let server = PushServer { _ in
            while !open.withLock({ $0 }) { usleep(5000) }
            return .status(200)
        }
        defer { server.stop() }
        // What is held up must not be given up, however busy the machine is.
        let bench = try Bench(directory, [server]) { $0.alertmanagers[0].timeout = 600 }
        bench.forwarder.take([FallbackLedgerTests.notice("first")])
        #expect(try await Self.eventually { server.requests.count == 1 })
        for part in 0..<4 {
            bench.forwarder.take((0..<2600).map { FallbackLedgerTests.notice("A\(part * 2600 + $0)") })
        }
        #expect(bench.total("dropped_total") == 400)
        #expect(bench.total("queue_length") == 10_000)
        open.withLock { $0 = true }
        #expect(try await Self.eventually { bench.total("sent_total") == 10_001 })
        let sizes = server.requests.map { Self.alerts($0).count }
        #expect(sizes.max() == 64 && sizes.reduce(0, +) == 10_001)
        #expect(Self.alerts(server.requests[1]).first?["labels"]?["alertname"]?.string == "A400")
        #expect(server.connectionCount == 1)
    }

    @Test("one that fails or hangs is nobody else's trouble; what failed is not sent again by itself")
    func failures() async throws {
        let directory = TestDirectory()
        let servers = [
            PushServer { _ in .status(500, body: "no") }, PushServer { _ in .stall }, PushServer { _ in .reset },
            PushServer { _ in .status(200) },
        ]
        defer { for server in servers { server.stop() } }
        let bench = try Bench(directory, servers, policy: .fallback) { $0.fallbackAfter = 1 }
        bench.forwarder.take([FallbackLedgerTests.notice()])
        #expect(try await Self.eventually { servers[3].requests.count == 1 })
        #expect(try await Self.eventually { bench.total("errors_total") == 3 })
        #expect(servers.map(\.requests.count) == [1, 1, 1, 1])
        #expect(bench.sentences.contains("status 500: no"))
        #expect(bench.sentences.count == 3)
        #expect(bench.forwarder.counts == (0, 0) && bench.local == [])
    }

    @Test("when none takes it this agent tells of it once, goes on after a kill, and tells its end, whoever is back")
    func fallsBack() async throws {
        let directory = TestDirectory()
        let isUp = Condition(false)
        let server = PushServer { _ in isUp.withLock { $0 } ? .status(200) : .status(503) }
        defer { server.stop() }
        let name = FallbackLedgerTests.notice("A")
        do {
            let bench = try Bench(directory, [server], policy: .fallback) { $0.fallbackAfter = 1 }
            bench.forwarder.take([name])
            #expect(bench.local == [])
            #expect(try await Self.eventually { bench.local == ["A firing"] })
            #expect(bench.forwarder.counts == (0, 1))
        }
        // The same after a kill: what is local stays so, and goes to the dispatcher, which knows what it told.
        isUp.withLock { $0 = true }
        let bench = try Bench(directory, [server], policy: .fallback) { $0.fallbackAfter = 1 }
        bench.forwarder.take([name, FallbackLedgerTests.notice("B")])
        #expect(bench.local == ["A firing"])
        #expect(try await Self.eventually { bench.total("sent_total") == 2 })
        bench.forwarder.take([FallbackLedgerTests.notice("A", .resolved), FallbackLedgerTests.notice("B", .resolved)])
        #expect(bench.local == ["A firing", "A resolved"])
    }

    @Test("what was told from here before anything was forwarded stays local until its end")
    func adopts() throws {
        let directory = TestDirectory()
        let notice = FallbackLedgerTests.notice("A")
        for _ in 0..<2 {
            // Only the first time: afterwards the file says what is whose.
            let bench = try Bench(directory, [], told: [AlertID(of: notice.labels)])
            bench.forwarder.take([notice])
            #expect(bench.local == ["A firing"])
        }
        let bench = try Bench(directory, [], told: [AlertID(of: ["alertname": "B"])])
        bench.forwarder.take([FallbackLedgerTests.notice("B")])
        #expect(bench.local == [])
    }

    @Test("with `both` everything goes to both, and nothing is kept")
    func both() async throws {
        let directory = TestDirectory()
        let server = PushServer { _ in .status(500) }
        defer { server.stop() }
        let bench = try Bench(directory, [server], policy: .both, told: [AlertID(of: ["alertname": "A"])])
        bench.forwarder.take([FallbackLedgerTests.notice("A"), FallbackLedgerTests.notice("B")])
        #expect(bench.local == ["A firing", "B firing"])
        #expect(try await Self.eventually { bench.total("errors_total") == 2 })
        #expect(throws: SystemError.self) { try directory.contents("forwarding.state") }
    }

    @Test("another configuration keeps the queues of Alertmanagers that are as they were")
    func reconfigures() async throws {
        let directory = TestDirectory()
        let servers = [PushServer { _ in .status(200) }, PushServer { _ in .status(200) }]
        defer { for server in servers { server.stop() } }
        let bench = try Bench(directory, servers)
        bench.forwarder.take([FallbackLedgerTests.notice()])
        #expect(try await Self.eventually { bench.total("sent_total") == 2 })
        var configuration = ForwardingConfiguration()
        var group = AlertmanagerGroup()
        group.targets = [["__address__": "127.0.0.1:\(servers[0].port)"]]
        group.timeout = 2
        configuration.alertmanagers = [group]
        configuration.policy = .forward
        bench.forwarder.reconfigure(configuration)
        #expect(bench.total("sent_total") == 1)
        bench.forwarder.take([FallbackLedgerTests.notice()])
        #expect(try await Self.eventually { servers[0].requests.count == 2 })
        #expect(servers[1].requests.count == 1)
    }
}
