import Configuration
import PushServer
import Rules
import Telemetry
import Testing
import Transport

@testable import Alerting

@Suite struct HeartbeatTests {
    private static let minute: Int64 = 60_000

    private static func troubles(
        _ judge: inout HeartbeatJudge, _ evaluated: Int64?, _ now: Int64, slow: Int64? = nil,
        backlog: HeartbeatJudge.Backlog = .init(),
        failures: [DeliveryHealth.Failure] = []
    ) -> [HeartbeatJudge.Trouble.Kind] {
        judge.troubles(
            groups: [
                .init(name: "a;slow", interval: 5 * minute, lastEvaluation: slow),
                .init(name: "a;g", interval: minute, lastEvaluation: evaluated),
            ], backlog: backlog, failures: failures, at: now
        ).map(\.kind)
    }

    @Test("a group that is stuck is noticed after three of its intervals, one that has only begun is given as long")
    func noticesStuckGroups() {
        var judge = HeartbeatJudge(failingFor: 10 * Self.minute)
        #expect(Self.troubles(&judge, nil, 0) == [.rules])
        #expect(Self.troubles(&judge, 0, Self.minute).isEmpty)
        #expect(Self.troubles(&judge, 0, 3 * Self.minute + 10_000).isEmpty)
        #expect(Self.troubles(&judge, 0, 3 * Self.minute + 10_001) == [.rules])
        // A reload makes it new, and does not hide that.
        let anew = judge.troubles(
            groups: [
                .init(name: "a;g", interval: Self.minute, lastEvaluation: nil),
                .init(name: "b", interval: 1000, lastEvaluation: 4 * Self.minute),
            ],
            backlog: .init(), failures: [], at: 4 * Self.minute)
        #expect(anew.map(\.reason) == ["the rules of a;g were last evaluated 4m ago, expected every 1m"])
        #expect(Self.troubles(&judge, 4 * Self.minute, 5 * Self.minute).isEmpty)
    }

    @Test("a way that fails for too long withholds it until it works, or until nobody tries it any more")
    func noticesFailures() {
        let clock = Condition<Int64>(0)
        let health = DeliveryHealth { clock.withLock { $0 } }
        func attempt(_ minutes: Int64, _ result: DeliveryResult) {
            clock.withLock { $0 = minutes * Self.minute }
            let notification = Notification(
                receiver: "hook", groupKey: "g", groupLabels: [:], reason: .first, alerts: [], externalURL: "", now: 0)
            health.attempted(
                DeliveryAttempt(
                    delivery: Delivery(
                        id: 1, receiver: "hook", way: 0, notification: notification, memory: [:], deadline: 0),
                    kind: "webhook", number: 1, result: result, seconds: 0, isLast: true))
        }
        var judge = HeartbeatJudge(failingFor: 10 * Self.minute)
        func look(_ minutes: Int64) -> [HeartbeatJudge.Trouble.Kind] {
            let now = minutes * Self.minute
            return Self.troubles(&judge, now, now, slow: now, failures: health.failures)
        }
        attempt(0, .retry(reason: "status 503", after: nil))
        #expect(look(5).isEmpty)
        attempt(11, .refused(reason: "status 404"))
        #expect(look(11) == [.delivery])
        #expect(health.failures.first?.error == "status 404" && health.failures.first?.since == 0)
        attempt(12, .delivered(memory: [:]))
        #expect(look(12).isEmpty && health.failures.isEmpty)
        attempt(20, .refused(reason: "status 404"))
        attempt(31, .refused(reason: "status 404"))
        #expect(look(51) == [.delivery])
        #expect(look(52).isEmpty)
    }

    @Test("what is stuck in the outbox, and groups that nobody looks at, withhold it")
    func noticesStuckOutboxes() {
        var judge = HeartbeatJudge(failingFor: Self.minute)
        var backlog = HeartbeatJudge.Backlog()
        backlog.longestDelivery = 5 * Self.minute
        backlog.oldest = 0
        let now = 6 * Self.minute
        #expect(Self.troubles(&judge, now, now, backlog: backlog).isEmpty)
        #expect(Self.troubles(&judge, now, now + 1, backlog: backlog) == [.outbox])
        backlog.oldest = nil
        backlog.due = now - Self.minute
        #expect(Self.troubles(&judge, now, now, backlog: backlog).isEmpty)
        #expect(Self.troubles(&judge, now, now + 1, backlog: backlog) == [.outbox])
    }

    @Test("the URL is asked for while all is well, and only then", arguments: ["GET", "POST"])
    func beats(method: String) throws {
        let server = PushServer { request in .status(request.line.contains("/down") ? 500 : 200, body: "") }
        defer { server.stop() }
        let troubles = Condition<[HeartbeatJudge.Trouble]>([])
        let reports = Condition<[Heartbeat.Report]>([])
        let heartbeat = Heartbeat(
            try Self.configuration("{url: \"\(Self.url(server, "/ping"))\", method: \(method)}"),
            http: HTTPClientConfiguration(),
            userAgent: "tocsin/test", look: { troubles.withLock { $0 } },
            observe: { report, _ in reports.withLock { $0.append(report) } })
        let stop = StopToken()
        #expect(heartbeat.beat(at: 1000, stop: stop) == .sent)
        let stuck = [HeartbeatJudge.Trouble(kind: .rules, reason: "stuck")]
        troubles.withLock { $0 = stuck }
        #expect(heartbeat.beat(at: 2000, stop: stop) == .withheld(stuck))
        #expect(server.requests.count == 1)
        troubles.withLock { $0 = [] }
        #expect(heartbeat.beat(at: 3000, stop: stop) == .sent)
        #expect(server.requests.map(\.line) == Array(repeating: "\(method) /ping HTTP/1.1", count: 2))
        #expect(reports.withLock { $0.map(\.lastSuccess) } == [1000, 1000, 3000])
        let down = Heartbeat(
            try Self.configuration("{url: \"\(Self.url(server, "/down"))\"}"), http: HTTPClientConfiguration(),
            userAgent: "",
            look: { [] }, observe: { _, _ in })
        guard case .failed(let reason) = down.beat(at: 1, stop: stop) else {
            Issue.record("\(down.report)")
            return
        }
        #expect(reason.contains("500") && down.report.lastSuccess == nil)
    }

    @Test(
        "the section says what it lacks", arguments: ["{}", "{url: \"ftp://x\"}", "{url: \"http://x\", interval: 0s}"])
    func refuses(_ text: String) {
        #expect(throws: ConfigurationError.self) { try Self.configuration(text) }
    }

    private static func url(_ server: PushServer, _ path: String) -> String {
        server.url.replacing("/loki/api/v1/push", with: path)
    }

    private static func configuration(_ text: String) throws -> HeartbeatConfiguration {
        try ConfigurationFile<HeartbeatConfiguration>(Array(text.utf8), file: "heartbeat.yaml").contents
    }
}
