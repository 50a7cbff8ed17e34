import Rules
import Telemetry
import Testing

@testable import Alerting

@Suite struct FlappingTests {
    static let text = """
        route: {receiver: r, group_by: [alertname], group_wait: 0s, group_interval: 60s, repeat_interval: 4h}
        receivers: [{name: r}]
        """

    /// Six changes in 30 minutes, settled after ten.
    private static func scene(_ text: String = text, isOn: Bool = true) throws -> Scene {
        var scene = try Scene(text)
        try enable(&scene, text, isOn: isOn)
        return scene
    }

    private static func enable(_ scene: inout Scene, _ text: String, isOn: Bool = true) throws {
        var configuration = try Scene.configuration(text)
        var flapping = FlappingConfiguration()
        flapping.settle = 600
        configuration.flapping = isOn ? flapping : nil
        scene.engine.reconfigure(configuration, at: scene.now)
        scene.work()
    }

    /// Begins and ends every two minutes, so many changes in all.
    private static func flap(_ scene: inout Scene, changes: Int, name: String = "A") {
        for change in 0..<changes {
            if change % 2 == 0 { scene.fire(name) } else { scene.resolve(name) }
            scene.run(to: scene.seconds + 120)
        }
    }

    @Test("twenty changes are told up to the sixth, then once that it flaps, then once how it settled")
    func tellsOnce() throws {
        var scene = try Self.scene()
        Self.flap(&scene, changes: 20)
        let whileFlapping = scene.sent
        #expect(whileFlapping.map(\.at) == [0, 120, 240, 360, 480, 600])
        let last = try #require(scene.notifications.last)
        #expect(last.alerts[0].annotations["flapping"] == "6 changes in 30m")
        #expect(last.alerts[0].state == .firing)
        #expect(scene.notifications.dropLast().allSatisfy { $0.alerts[0].annotations["flapping"] == nil })
        scene.run(to: 7200)
        #expect(scene.sent.count == 7)
        #expect(scene.sent.last?.reason == .allResolved && scene.sent.last?.resolved == ["A"])
        #expect((2880...2940).contains(scene.sent.last?.at ?? 0))
        #expect(scene.engine.groups.isEmpty && scene.engine.state.flaps.isEmpty)
        let kinds = scene.events.map(\.kind)
        #expect(kinds.filter { $0 == .flapping }.count == 1 && kinds.filter { $0 == .settled }.count == 1)
        #expect(scene.events.filter { $0.details["reason"] == "flapping" }.count == 14)
    }

    @Test("without it each change is told as before")
    func isOff() throws {
        var scene = try Self.scene(isOn: false)
        Self.flap(&scene, changes: 20)
        #expect(scene.sent.count == 20)
        #expect(scene.engine.state.flaps.isEmpty)
    }

    @Test("one that settles firing is told to fire, and its later end is told", arguments: [false, true])
    func keepsFiringStates(restarts: Bool) throws {
        var scene = try Self.scene()
        Self.flap(&scene, changes: 9)
        let before = scene.sent.count
        #expect(before == 6)
        if restarts {
            try scene.restart(Self.text, down: 30)
            try Self.enable(&scene, Self.text)
            scene.fire("A")
        }
        scene.run(to: 3600)
        #expect(scene.sent.count == before + 1, "\(scene.sent)")
        #expect(scene.sent.last?.firing == ["A"] && scene.sent.last?.reason == .newAlerts)
        #expect(scene.notifications.last?.alerts[0].annotations["flapping"] == nil)
        scene.resolve("A")
        scene.run(to: 4000)
        #expect(scene.sent.last?.reason == .allResolved && scene.sent.count == before + 2)
    }

    @Test("switched off while it flaps, its state is told")
    func switchesOff() throws {
        var scene = try Self.scene()
        Self.flap(&scene, changes: 8)
        let before = scene.sent.count
        try Self.enable(&scene, Self.text, isOn: false)
        scene.run(to: scene.seconds + 120)
        #expect(scene.sent.count == before + 1)
        #expect(scene.sent.last?.resolved == ["A"])
    }

    @Test("others of the group are told of meanwhile, and ends that nobody tells of count")
    func leavesOthersAlone() throws {
        var scene = try Self.scene(
            """
            route: {receiver: r, group_wait: 0s, group_interval: 60s}
            receivers: [{name: r}]
            """)
        Self.flap(&scene, changes: 10)
        let before = scene.sent.count
        scene.fire("B")
        scene.run(to: scene.seconds + 120)
        scene.resolve("B")
        scene.run(to: scene.seconds + 120)
        #expect(scene.sent.dropFirst(before).map(\.reason) == [.newAlerts, .someResolved])
        #expect(
            scene.sent.last
                == .init(
                    at: scene.sent.last?.at ?? 0, receiver: "r", reason: .someResolved, firing: ["A"], resolved: ["B"]))
        // Five times begun, and left to end by itself.
        var other = try Self.scene()
        for _ in 0..<5 {
            other.engine.receive(
                [
                    TrackedAlert(
                        labels: ["alertname": "A"], startsAt: other.now, endsAt: other.now + 60_000,
                        updatedAt: other.now)
                ], at: other.now)
            other.work()
            other.run(to: other.seconds + 200)
        }
        #expect(other.notifications.contains { $0.alerts[0].annotations["flapping"] != nil })
        other.run(to: other.seconds + 1800)
        #expect(other.sent.last?.reason == .allResolved)
        #expect(other.engine.state.flaps.isEmpty)
    }

    @Test("what is known of changes is written and read back")
    func survives() throws {
        let directory = TestDirectory()
        var scene = try Self.scene()
        Self.flap(&scene, changes: 7)
        scene.fire("B")
        var state = AlertingState()
        let log = AlertingLog(directory: directory.path, into: &state)
        for changes in scene.steps {
            var step = EngineStep()
            step.changes = changes
            for change in changes { state.apply(change) }
            log.write(step, state: state)
        }
        var loaded = AlertingState()
        _ = AlertingLog(directory: directory.path, into: &loaded)
        #expect(loaded == state && loaded.flaps.count == 2)
        #expect(loaded.flaps[AlertID(of: ["alertname": "A"])]?.since != nil)
    }
}
