import Bytes
import Rules
import Telemetry
import Testing

@testable import Alerting

@Suite("Silences that end with their alerts") struct AcknowledgementTests {
    private static let text = """
        route: {receiver: r, group_by: [alertname], group_wait: 10s, group_interval: 60s, repeat_interval: 300s}
        receivers: [{name: r}]
        """

    private static func acknowledge(_ scene: inout Scene, _ name: String) throws -> String {
        let silence = Silence(
            matchers: [try LabelMatcher("alertname", .matches, name)], startsAt: scene.now,
            endsAt: scene.now + 86_400_000, createdBy: "me", comment: "c",
            annotations: [Silence.untilKey: Silence.untilResolved])
        return try scene.engine.set(silence, at: scene.now)
    }

    @Test("one ends when the alert does, its end is told, and the same alert is news again")
    func endsWithTheAlert() throws {
        var scene = try Scene(Self.text)
        scene.fire("A", ["host": "1"])
        scene.run(to: 20)
        let id = try Self.acknowledge(&scene, "A")
        scene.run(to: 1000)
        #expect(scene.sent.map(\.at) == [10])
        #expect(scene.held.last?.suppression == .silenced(by: [id]))
        // Another host's is another alert.
        scene.fire("A", ["host": "2"])
        scene.run(to: 1100)
        #expect(scene.sent.dropFirst().map(\.firing) == [["A"]])
        #expect(scene.notifications.last?.alerts.first?.labels["host"] == "2")
        scene.resolve("A", ["host": "1"])
        #expect(scene.engine.state.silences[id]?.state(at: scene.now) == .expired)
        scene.run(to: 1200)
        #expect(scene.sent.last?.resolved == ["A"])
        scene.fire("A", ["host": "1"])
        scene.run(to: 1300)
        #expect(scene.sent.last?.firing == ["A", "A"])
    }

    @Test("one of several alerts leaves it for itself")
    func coversEachAlone() throws {
        var scene = try Scene(Self.text)
        scene.fire("A")
        scene.fire("B")
        let id = try Self.acknowledge(&scene, "A|B")
        scene.resolve("A")
        #expect(scene.engine.state.silences[id]?.coveredAlerts == [AlertID(of: ["alertname": "B"])])
        scene.fire("A")
        scene.run(to: 100)
        #expect(scene.sent.map(\.firing) == [["A"]])
        #expect(scene.engine.silences(of: ["alertname": "A"], at: scene.now) == [])
        #expect(scene.engine.silences(of: ["alertname": "B"], at: scene.now) == [id])
    }

    @Test("it is over, too, when an alert ends because nobody says any more that it fires")
    func endsWithTheTimeout() throws {
        var scene = try Scene(Self.text)
        let labels: LabelSet = ["alertname": "A"]
        scene.engine.receive(
            [TrackedAlert(labels: labels, startsAt: scene.now, endsAt: scene.now + 100_000, updatedAt: scene.now)],
            at: scene.now)
        let id = try Self.acknowledge(&scene, "A")
        #expect(scene.engine.nextWake <= scene.now + 100_000)
        scene.run(to: 99)
        #expect(scene.engine.state.silences[id]?.state(at: scene.now) == .active)
        scene.run(to: 100)
        #expect(scene.engine.state.silences[id]?.state(at: scene.now) == .expired)
        #expect(scene.sent.isEmpty)
    }

    @Test("it is there after a kill, and with nothing to wait for it is refused")
    func survives() throws {
        var scene = try Scene(Self.text)
        #expect(throws: SilenceError.self) { try Self.acknowledge(&scene, "A") }
        scene.fire("A")
        scene.run(to: 20)
        let id = try Self.acknowledge(&scene, "A")
        scene.work()
        try scene.restart(Self.text, down: 30)
        scene.run(to: 1000)
        #expect(scene.sent.map(\.at) == [10])
        scene.fire("A", ["host": "2"])
        scene.resolve("A")
        scene.work()
        #expect(scene.engine.state.silences[id]?.state(at: scene.now) == .expired)
        // What was written says the same.
        var state = AlertingState()
        for change in scene.steps.joined() { state.apply(change) }
        #expect(state.silences[id]?.coveredAlerts == [])
        #expect(state.silences[id]?.state(at: scene.now) == .expired)
    }

    @Test("a client that knows nothing of it may move its end; another word in the annotation is refused")
    func changes() throws {
        var scene = try Scene(Self.text)
        scene.fire("A")
        let id = try Self.acknowledge(&scene, "A")
        var moved = try #require(scene.engine.state.silences[id])
        moved.annotations = [:]
        moved.endsAt += 1000
        #expect(try scene.engine.set(moved, at: scene.now) == id)
        #expect(scene.engine.state.silences[id]?.coveredAlerts == [AlertID(of: ["alertname": "A"])])
        let api = AlertmanagerAPI(about: .init(version: "1", startedAt: 0, configuration: ""))
        for (until, status) in [("resolved", 200), ("tomorrow", 400)] {
            let body = """
                {"matchers": [{"name": "alertname", "value": "A", "isRegex": false}], "createdBy": "me", "comment": "",
                 "startsAt": "\(APITime.text(scene.now))", "endsAt": "\(APITime.text(scene.now + 1000))",
                 "annotations": {"tocsin_until": "\(until)", "tocsin_alerts": "0000000000000001", "ticket": "7"}}
                """
            let request = APIRequest("POST", "/silences", body: Array(body.utf8))
            let response = api.respond(to: request, engine: &scene.engine, at: scene.now)
            #expect(response.status == status)
            guard status == 200 else { continue }
            let made = try JSONValue(parsing: response.body.span.bytes)["silenceID"]?.string ?? ""
            #expect(scene.engine.state.silences[made]?.coveredAlerts == [AlertID(of: ["alertname": "A"])])
            #expect(scene.engine.state.silences[made]?.annotations["ticket"] == "7")
        }
    }
    @Test("one that was ended by hand wakes nobody when its alerts end")
    func lets() throws {
        var scene = try Scene(Self.text)
        scene.fire("A")
        scene.run(to: 20)
        let id = try Self.acknowledge(&scene, "A")
        scene.run(to: 30)
        try scene.engine.expireSilence(id, at: scene.now)
        scene.engine.receive(
            [
                TrackedAlert(
                    labels: ["alertname": "A"], startsAt: Scene.begin, endsAt: scene.now - 20_000, updatedAt: scene.now)
            ], at: scene.now)
        scene.fire("B")
        #expect(scene.engine.nextWake > scene.now)
        #expect(scene.engine.state.silences[id]?.endsAt == scene.now)
    }
}
