import Bytes
import Configuration
import Rules
import Synchronization
import Telemetry
import Testing

@testable import Alerting

@Suite("Trials of routes and receivers") struct TrialTests {
    private static let text = """
        route:
          receiver: root
          group_by: [alertname]
          routes:
            - {receiver: page, matchers: [severity=page], continue: true, group_by: ['...'], group_wait: 5s}
            - {receiver: night, matchers: [team=x], mute_time_intervals: [late], active_time_intervals: [late, early]}
        receivers: [{name: root}, {name: page}, {name: night}]
        inhibit_rules: [{source_matchers: [sev=down], target_matchers: [sev=up]}]
        time_intervals:
          - {name: late, time_intervals: [{times: [{start_time: '22:00', end_time: '23:00'}]}]}
          - {name: early, time_intervals: [{times: [{start_time: '06:00', end_time: '07:00'}]}]}
        """

    private static func trial(_ labels: LabelSet, _ state: AlertingState = AlertingState()) throws -> RouteTrial {
        RouteTrial(labels, try AlertingConfigurationTests.read(text).contents, state: state, at: Scene.begin)
    }

    @Test("an alert's routes, groups and times")
    func findsRoutes() throws {
        let both = try Self.trial(["alertname": "A", "severity": "page", "team": "x"])
        #expect(both.ways.map(\.route.receiver) == ["page", "night"])
        #expect(
            both.ways.map(\.groupKey) == [
                #"{}/{severity="page"}:{alertname="A", severity="page", team="x"}"#, #"{}/{team="x"}:{alertname="A"}"#,
            ])
        #expect(both.ways[0].timing == nil && both.ways[0].timingChange == nil)
        // It is 22:13:20: muted until 06:00, as it is not the time of any other interval in between.
        #expect(both.ways[1].timing == .muted(by: ["late"]))
        #expect(both.ways[1].timingChange.map { APITime.text($0) } == "2023-11-15T06:00:00.000Z")
        #expect(try Self.trial(["a": "b"]).ways.map(\.route.receiver) == ["root"])
        let tree = RouteTrial.tree(
            RoutingTree(try AlertingConfigurationTests.read(Self.text).contents.route), ["team": "x"])
        #expect(tree.split(separator: "\n").map { $0.hasPrefix("* ") } == [false, false, true])
        #expect(tree.contains(#"  {severity="page"}  receiver: page  continue: true"#))
    }

    @Test("what an agent shows is what holds the alert back")
    func seesLiveState() throws {
        var scene = try Scene(Self.text)
        scene.fire("S", ["sev": "down"])
        let id = try scene.engine.set(
            Silence(
                matchers: [LabelMatcher("alertname", .equal, "A")], startsAt: scene.now, endsAt: scene.now + 60_000,
                createdBy: "me", comment: "c"), at: scene.now)
        let api = AlertmanagerAPI(about: .init(version: "1", startedAt: 0, configuration: ""))
        func get(_ path: String) throws -> JSONValue {
            let response = api.respond(to: APIRequest("GET", path), engine: &scene.engine, at: scene.now)
            return try JSONValue(parsing: response.body.span.bytes)
        }
        let state = AlertingState(
            alerts: try get("/alerts"), silences: try get("/silences"), leavingOut: [], at: scene.now)
        let trial = try Self.trial(["alertname": "A", "sev": "up"], state)
        #expect(trial.silences.map(\.id) == [id])
        #expect(trial.inhibitedBy == ["alertname": "S", "sev": "down"])
        let free = try Self.trial(["alertname": "B"], state)
        #expect(free.silences.isEmpty && free.inhibitedBy == nil)
    }

    @Test("payloads are shown without secrets, and nothing is sent")
    func showsPayloads() throws {
        var configuration = try AlertingConfigurationTests.read(
            """
            route: {receiver: all}
            receivers:
              - name: all
                webhook_configs: [{url_file: /nowhere/url}]
                pagerduty_configs: [{routing_key: very-secret}]
                pushover_configs: [{token: very-secret, user_key: very-secret}]
                slack_configs: [{api_url: "http://127.0.0.1:1/very-secret", channel: "#c"}]
                telegram_configs: [{bot_token: very-secret, chat_id: 7}]
                email_configs: [{to: a@example.org, from: b@example.org, smarthost: "127.0.0.1:1"}]
                exec_configs: [{command: [/bin/false]}]
            """
        ).contents
        let shown = Mutex<[PayloadPreview]>([])
        var environment = ReceiverEnvironment(
            templates: try #require(configuration.templates), userAgent: "test", templateFailed: { _, _, _ in })
        environment.preview = { preview in shown.withLock { $0.append(preview) } }
        let ways = try #require(configuration.makeIntegrations(environment)["all"])
        let trial = RouteTrial(["alertname": "Disk"], configuration, at: Scene.begin)
        for way in ways {
            let result = way.deliver(
                trial.notification(trial.ways[0], externalURL: "http://a"), memory: [:], stop: StopToken())
            #expect(result == .refused(reason: "only shown"), "\(way.kind)")
        }
        let bodies = shown.withLock { $0.map { String(decoding: $0.body, as: UTF8.self) } }
        #expect(bodies.count == 7)
        #expect(bodies.allSatisfy { $0.contains("Disk") && !$0.contains("very-secret") })
    }

    private struct Way: Integration {
        let kind: String
        var sendsResolved = true
        var answer: DeliveryResult
        let heard: @Sendable (Notification, DeliveryMemory) -> Void

        func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
            heard(notification, memory)
            return answer
        }
    }

    @Test("a test goes every way once, says what it is, and tells each outcome")
    func sendsTests() throws {
        let heard = Mutex<[(Notification, DeliveryMemory)]>([])
        let hear: @Sendable (Notification, DeliveryMemory) -> Void = { n, m in heard.withLock { $0.append((n, m)) } }
        let ways: [any Integration] = [
            Way(kind: "a", answer: .delivered(memory: ["k": "v"]), heard: hear),
            Way(kind: "b", sendsResolved: false, answer: .refused(reason: "no"), heard: hear),
            Way(kind: "c", answer: .retry(reason: "later", after: 5), heard: hear),
        ]
        var outcomes: [NotifyTrial.Outcome] = []
        NotifyTrial.run(
            ways, receiver: "r", labels: ["severity": "page"], externalURL: "http://a", isResolving: true,
            stop: StopToken()
        ) { outcomes.append($0) }
        #expect(outcomes.map(\.kind) == ["a", "a", "b", "c", "c"])
        #expect(outcomes.map(\.error) == [nil, nil, "no", "later", "later"])
        let told = heard.withLock { $0 }
        #expect(told.map(\.0.isFiring) == [true, false, true, true, false])
        #expect(told.map(\.1) == [[:], ["k": "v"], [:], [:], [:]])
        let labels = try #require(told.first?.0.alerts.first?.labels)
        #expect(
            labels == [
                "alertname": "TestNotification", "severity": "page", "tocsin_test": "this is a test, nothing is wrong",
            ])
        #expect(told.first?.0.alerts.first?.annotations["summary"]?.contains("TEST") == true)
        // The default texts have it in their subject.
        let template = try MessageTemplate(#"{{ template "__subject" . }}"#, name: "subject")
        let subject = try NotificationTemplates().expand(template, NotificationData(try #require(told.first?.0)))
        #expect(subject.contains("this is a test"))
    }
}
