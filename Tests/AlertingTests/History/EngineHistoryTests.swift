import Rules
import Telemetry
import Testing

@testable import Alerting

@Suite struct EngineHistoryTests {
    @Test("arrival, grouping, each new reason to hold back, its end and the alert's end are noted once")
    func notes() throws {
        var scene = try Scene(
            """
            route: {receiver: r, group_by: [alertname], group_wait: 10s, group_interval: 60s}
            receivers: [{name: r}]
            """)
        scene.fire("A")
        let silence = Silence(
            matchers: [try LabelMatcher("alertname", .equal, "A")], startsAt: scene.now, endsAt: scene.now + 200_000,
            createdBy: "me", comment: "")
        let id = try scene.engine.set(silence, at: scene.now)
        scene.run(to: 300)
        scene.fire("A")
        scene.resolve("A")
        scene.resolve("A")
        scene.run(to: 500)
        let events = scene.events
        #expect(events.map(\.kind) == [.received, .grouped, .suppressed, .released, .ended])
        #expect(events.map { ($0.time - Scene.begin) / 1000 } == [0, 0, 10, 250, 300])
        #expect(events[1].details == ["group": "{}:{alertname=\"A\"}", "receiver": "r"])
        #expect(events[2].details["reason"] == "silence" && events[2].details["by"] == id)
        #expect(events.allSatisfy { $0.alerts == [["alertname": "A"]] })
    }

    @Test("an alert of which nobody says that it ended ends at a look")
    func notesTimeouts() throws {
        var scene = try Scene(AlertingEngineTests.simple)
        scene.engine.receive(
            [
                TrackedAlert(
                    labels: ["alertname": "A"], startsAt: scene.now, endsAt: scene.now + 90_000, updatedAt: scene.now)
            ],
            at: scene.now)
        scene.run(to: 600)
        #expect(scene.events.map(\.kind) == [.received, .grouped, .ended])
        #expect(scene.events.last?.time == Scene.begin + 130_000)
    }

    @Test("attempts are told of with their number, result and time")
    func notesAttempts() throws {
        let directory = TestDirectory()
        let log = HistoryLog(directory: directory.path)
        let stop = StopToken()
        defer { stop.stop() }
        let isOver = Condition(false)
        let lane = DeliveryLane(
            DeliveryTests.Script { $0 < 3 ? .retry(reason: "status 503", after: nil) : .delivered(memory: [:]) },
            stop: stop, firstPause: 0.001, observe: { log.attempted($0) }
        ) { _, _ in isOver.change { $0 = true } }
        let alerts = (0..<40).map { index in
            AlertNotice(
                labels: ["alertname": "A\(index)"], annotations: [:], state: .firing, startsAt: 0, endsAt: 1,
                generatorURL: "", value: 1)
        }
        lane.add(
            Delivery(
                id: 1, receiver: "r", way: 0,
                notification: Notification(
                    receiver: "r", groupKey: "g", groupLabels: [:], reason: .first, alerts: alerts, externalURL: "",
                    now: 0),
                memory: [:], deadline: 0), seconds: 60)
        #expect(isOver.wait(until: Timestamp.monotonic.adding(seconds: 30)) { $0 ? true : nil } == true)
        let events = try log.files.newest(HistoryQuery(alert: "A7"))
        #expect(events.map(\.kind) == [.retried, .retried, .notified])
        #expect(events.map { $0.details["attempt"] } == ["1", "2", "3"])
        #expect(events.map { $0.details["error"] } == ["status 503", "status 503", nil])
        #expect(events.last?.details["alert_count"] == "40" && events.last?.alerts.count == 32)
        #expect(events.last?.details["duration"]?.hasSuffix("ms") == true)
    }
}
