import Rules
import Telemetry
import Testing

@testable import Alerting

@Suite struct AlertingEngineTests {
    static let simple = """
        route: {receiver: r, group_by: [cluster], group_wait: 10s, group_interval: 60s, repeat_interval: 1h}
        receivers: [{name: r}]
        """

    @Test("a group waits, then tells; changes wait for the next interval; the end is told once")
    func tellsGroups() throws {
        var scene = try Scene(Self.simple)
        scene.fire("A")
        scene.run(to: 5)
        scene.fire("B")
        #expect(scene.sent.isEmpty)
        scene.run(to: 30)
        #expect(scene.sent == [.init(at: 10, receiver: "r", reason: .first, firing: ["A", "B"], resolved: [])])
        scene.fire("C")
        scene.run(to: 100)
        scene.resolve("A")
        scene.run(to: 140)
        scene.resolve("B")
        scene.resolve("C")
        scene.run(to: 4000)
        #expect(
            scene.sent.dropFirst() == [
                .init(at: 70, receiver: "r", reason: .newAlerts, firing: ["A", "B", "C"], resolved: []),
                .init(at: 130, receiver: "r", reason: .someResolved, firing: ["B", "C"], resolved: ["A"]),
                .init(at: 190, receiver: "r", reason: .allResolved, firing: [], resolved: ["B", "C"]),
            ])
        #expect(scene.engine.groups.isEmpty)
        #expect(scene.engine.state.groups.isEmpty)
        #expect(scene.engine.state.alerts.isEmpty)
    }

    @Test("a repeat comes exactly when its interval is over, however it falls between flushes")
    func repeatsExactly() throws {
        var scene = try Scene(
            """
            route: {receiver: r, group_wait: 10s, group_interval: 7m, repeat_interval: 1h}
            receivers: [{name: r}]
            """)
        scene.fire("A")
        scene.run(to: 4 * 3600)
        #expect(scene.sent.map(\.at) == [10, 3610, 7210, 10810])
        #expect(scene.sent.dropFirst().allSatisfy { $0.reason == .repeat })
    }

    @Test("an alert that fired long ago elsewhere does not wait for the group again")
    func flushesOldAlertsAtOnce() throws {
        var scene = try Scene(Self.simple)
        scene.fire("A", start: Scene.begin - 60_000)
        scene.run(to: 1)
        #expect(scene.sent.map(\.at) == [0])
    }

    @Test("alerts that end before anybody was told are nobody's business")
    func forgetsWhatNobodyHeardOf() throws {
        var scene = try Scene(Self.simple)
        scene.fire("A")
        scene.run(to: 5)
        scene.resolve("A")
        scene.run(to: 500)
        #expect(scene.sent.isEmpty)
        #expect(scene.engine.groups.isEmpty)
    }

    @Test("a receiver that does not want ends is not told of them, and hears of the next trouble as the first")
    func keepsEndsFromThoseWhoDoNotWantThem() throws {
        var scene = try Scene(
            """
            route: {receiver: quiet, group_wait: 10s, group_interval: 60s}
            receivers: [{name: quiet}]
            """)
        scene.fire("A")
        scene.run(to: 20)
        scene.fire("B")
        scene.run(to: 80)
        scene.resolve("A")
        scene.run(to: 160)
        scene.resolve("B")
        scene.run(to: 300)
        scene.fire("A")
        scene.run(to: 400)
        #expect(
            scene.sent == [
                .init(at: 10, receiver: "quiet", reason: .first, firing: ["A"], resolved: []),
                .init(at: 70, receiver: "quiet", reason: .newAlerts, firing: ["A", "B"], resolved: []),
                .init(at: 310, receiver: "quiet", reason: .first, firing: ["A"], resolved: []),
            ])
    }

    @Test("an alert without an end counts as ended after resolve_timeout")
    func endsByTimeout() throws {
        var scene = try Scene(Self.simple)
        var alert = TrackedAlert(
            labels: ["alertname": "A"], startsAt: scene.now, endsAt: scene.now + 300_000, updatedAt: scene.now)
        alert.hasTimeout = true
        scene.engine.receive([alert], at: scene.now)
        scene.run(to: 290)
        alert.updatedAt = scene.now
        alert.endsAt = scene.now + 300_000
        scene.engine.receive([alert], at: scene.now)
        scene.run(to: 1000)
        #expect(scene.sent.map(\.at) == [10, 610])
        #expect(scene.sent.last?.reason == .allResolved)
    }

    @Test("what cannot be delivered is tried again with the next interval, ends included")
    func triesAgain() throws {
        var scene = try Scene(Self.simple)
        scene.answer = { _ in .refused(reason: "400") }
        scene.fire("A")
        scene.run(to: 100)
        #expect(scene.sent.map(\.at) == [10, 70])
        #expect(scene.engine.state.attempts.isEmpty)
        scene.answer = { _ in .delivered(memory: ["ts": "1"]) }
        scene.run(to: 150)
        scene.answer = { _ in .retry(reason: "503", after: nil) }
        scene.resolve("A")
        scene.run(to: 260)
        scene.answer = { _ in .delivered(memory: [:]) }
        scene.run(to: 500)
        #expect(scene.sent.map(\.at) == [10, 70, 130, 190, 250, 310])
        #expect(scene.sent.map(\.reason) == [.first, .first, .first, .allResolved, .allResolved, .allResolved])
        #expect(scene.engine.groups.isEmpty)
    }

    @Test("a delivery that hangs keeps only its own way waiting, and what came meanwhile follows at once")
    func doesNotWaitForOthers() throws {
        var scene = try Scene(
            """
            route:
              receiver: a
              group_wait: 10s
              group_interval: 60s
              routes: [{receiver: a, continue: true}, {receiver: b}]
            receivers: [{name: a}, {name: b}]
            """)
        scene.answer = { $0.receiver == "a" ? nil : .delivered(memory: [:]) }
        scene.fire("A")
        scene.run(to: 20)
        scene.fire("B")
        scene.run(to: 100)
        #expect(scene.sent.map(\.receiver) == ["a", "b", "b"])
        scene.answer = { _ in .delivered(memory: [:]) }
        scene.finish(0, .delivered(memory: [:]))
        scene.run(to: 101)
        #expect(
            scene.sent.last == .init(at: 100, receiver: "a", reason: .newAlerts, firing: ["A", "B"], resolved: []))
    }

    @Test("an alert that fires again while its end is being told stays in the group")
    func keepsWhatFiresAgain() throws {
        var scene = try Scene(Self.simple)
        scene.fire("A")
        scene.run(to: 20)
        scene.resolve("A")
        scene.answer = { _ in nil }
        scene.run(to: 75)
        #expect(scene.sent.last?.reason == .allResolved)
        scene.fire("A")
        scene.answer = { _ in .delivered(memory: [:]) }
        scene.finish(0, .delivered(memory: [:]))
        scene.run(to: 200)
        #expect(scene.sent.last == .init(at: 130, receiver: "r", reason: .first, firing: ["A"], resolved: []))
    }

    @Test("alerts are told in Alertmanager's order")
    func ordersAlerts() throws {
        var scene = try Scene(Self.simple)
        scene.fire("D", ["job": "b", "instance": "1"])
        scene.fire("C", ["job": "a", "instance": "2"])
        scene.fire("B", ["job": "a", "instance": "1", "zone": "x"])
        scene.fire("A", ["zone": "x", "job": "a", "instance": "1", "more": "y"])
        scene.fire("E")
        scene.fire("F", ["instance": "0"])
        scene.run(to: 20)
        #expect(scene.sent.first?.firing == ["B", "A", "C", "D", "F", "E"])
    }

    @Test("what a service wants to hear again is given back, until the trouble is over")
    func remembersForServices() throws {
        var scene = try Scene(Self.simple)
        var seen: [DeliveryMemory] = []
        scene.answer = { delivery in
            seen.append(delivery.memory)
            return .delivered(memory: ["n": "\(seen.count)"])
        }
        scene.fire("A")
        scene.run(to: 20)
        scene.fire("B")
        scene.run(to: 80)
        scene.resolve("A")
        scene.resolve("B")
        scene.run(to: 150)
        scene.fire("A")
        scene.run(to: 200)
        #expect(seen == [[:], ["n": "1"], ["n": "2"], [:]])
    }

    @Test("another configuration keeps what was told")
    func reconfigures() throws {
        var scene = try Scene(Self.simple)
        scene.fire("A", ["cluster": "x"])
        scene.run(to: 20)
        try scene.engine.reconfigure(Scene.configuration(Self.simple), at: scene.now)
        scene.work()
        scene.run(to: 200)
        #expect(scene.sent.count == 1)
        let other = Self.simple.replacing("[cluster]", with: "[alertname]")
        try scene.engine.reconfigure(Scene.configuration(other), at: scene.now)
        scene.work()
        scene.run(to: 300)
        #expect(scene.sent.map(\.at) == [10, 210])
        #expect(scene.engine.state.groups.count == 1)
    }

    @Test("times of an alert that comes again join where they overlap")
    func mergesTimes() {
        func alert(_ start: Int64, _ end: Int64, timeout: Bool = false) -> TrackedAlert {
            var alert = TrackedAlert(labels: [:], startsAt: start, endsAt: end, updatedAt: 0)
            alert.hasTimeout = timeout
            return alert
        }
        let now: Int64 = 100
        #expect(alert(10, 200).followed(by: alert(50, 300), at: now) == alert(10, 300))
        #expect(alert(10, 400).followed(by: alert(50, 300), at: now) == alert(10, 400))
        #expect(alert(10, 400, timeout: true).followed(by: alert(50, 300), at: now).endsAt == 300)
        #expect(alert(10, 400).followed(by: alert(10, 90), at: now) == alert(10, 90))
        #expect(alert(10, 95).followed(by: alert(20, 90), at: now) == alert(10, 95))
        #expect(alert(10, 40).followed(by: alert(50, 300), at: now) == alert(50, 300))
    }

    @Test("10,000 alerts in 500 groups are told of, each once, and nothing is left of them")
    func takesManyAlerts() throws {
        var scene = try Scene(Self.simple)
        let alerts = (0..<10_000).map {
            TrackedAlert(
                labels: ["alertname": "A", "cluster": "\($0 % 500)", "instance": "\($0)"], startsAt: scene.now,
                endsAt: scene.now + 600_000, updatedAt: scene.now)
        }
        scene.engine.receive(alerts, at: scene.now)
        scene.run(to: 20)
        #expect(scene.sent.count == 500)
        #expect(Set(scene.notifications.flatMap { $0.alerts.map(\.labels) }).count == 10_000)
        scene.run(to: 580)
        #expect(scene.sent.count == 500)
        scene.run(to: 600 + 3600)
        #expect(scene.sent.count == 1000)
        #expect(scene.engine.state.alerts.isEmpty)
    }
}
