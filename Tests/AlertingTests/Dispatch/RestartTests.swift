import Rules
import Telemetry
import TestSupport
import Testing

@testable import Alerting

@Suite struct RestartTests {
    private static let simple = AlertingEngineTests.simple

    @Test("nothing is told again after a restart, and timers go on")
    func goesOn() throws {
        var scene = try Scene(Self.simple)
        scene.fire("A")
        scene.run(to: 20)
        scene.fire("B")
        scene.run(to: 30)
        try scene.restart(Self.simple, down: 10)
        scene.run(to: 60)
        #expect(scene.sent.count == 1)
        scene.run(to: 3700)
        #expect(scene.sent.map(\.at) == [10, 70, 3670])
    }

    @Test("an end that nobody was told of before the restart is told after it")
    func tellsEndsAfterwards() throws {
        var scene = try Scene(Self.simple)
        scene.fire("A")
        scene.run(to: 20)
        scene.resolve("A")
        try scene.restart(Self.simple, down: 600)
        scene.run(to: 700)
        #expect(scene.sent.map(\.reason) == [.first, .allResolved])
        try scene.restart(Self.simple)
        scene.run(to: 1400)
        #expect(scene.sent.count == 2)
    }

    @Test("silence of a sender while nobody listened does not end its alerts")
    func doesNotEndAlertsOfAnAbsence() throws {
        var scene = try Scene(Self.simple)
        scene.engine.receive(
            [
                TrackedAlert(
                    labels: ["alertname": "A"], startsAt: scene.now, endsAt: scene.now + 240_000, updatedAt: scene.now)
            ],
            at: scene.now)
        scene.run(to: 60)
        try scene.restart(Self.simple, down: 1200)
        scene.run(to: 1500)
        #expect(scene.sent.map(\.reason) == [.first])
        scene.run(to: 1700)
        #expect(scene.sent.map(\.reason) == [.first, .allResolved])
    }

    @Test("what was under way is told again, and its end even if it is over by then")
    func repeatsWhatWasUnderWay() throws {
        var scene = try Scene(Self.simple)
        scene.answer = { _ in nil }
        scene.fire("A")
        scene.run(to: 20)
        var other = scene
        other.answer = { _ in .delivered(memory: [:]) }
        try other.restart(Self.simple)
        other.run(to: 25)
        #expect(other.sent.map(\.at) == [10, 20])
        #expect(other.sent.last?.reason == .first)
        #expect(other.engine.state.attempts.isEmpty)

        scene.resolve("A")
        scene.answer = { _ in .delivered(memory: [:]) }
        try scene.restart(Self.simple)
        scene.run(to: 200)
        #expect(scene.sent.map(\.reason) == [.first, .allResolved])
        #expect(scene.engine.groups.isEmpty)
    }

    @Test("inhibited alerts stay so over a restart, though their groups are due at once")
    func inhibitsFirst() throws {
        let text = Self.simple + "\ninhibit_rules: [{source_matchers: [sev=page], target_matchers: [sev=warn]}]"
        var scene = try Scene(text.replacing("[cluster]", with: "[alertname]"))
        scene.fire("S", ["sev": "page"])
        scene.fire("T", ["sev": "warn"])
        scene.run(to: 30)
        try scene.restart(text.replacing("[cluster]", with: "[alertname]"), down: 500)
        scene.run(to: 560)
        #expect(scene.sent.map(\.firing) == [["S"]])
    }

    @Test("killed at any step, whoever may have heard of trouble hears of its end")
    func survivesKillsAnywhere() throws {
        let seed = SeededRandom.seed()
        for round in 0..<150 {
            var random = SeededRandom(seed: seed &+ UInt64(round))
            var scene = try Scene(Self.simple.replacing("[cluster]", with: "[alertname]"))
            var kills = 0
            for second in 1...1500 where second % 3 == 0 {
                let name = ["A", "B", "C"].randomElement(using: &random) ?? "A"
                switch Int.random(in: 0..<20, using: &random) {
                case 0: scene.fire(name)
                case 1: scene.resolve(name)
                case 2 where kills < 20:
                    kills += 1
                    try scene.restart(Self.simple.replacing("[cluster]", with: "[alertname]"))
                case 3: scene.answer = { _ in nil }
                case 4...6: scene.answer = { _ in .delivered(memory: [:]) }
                case 7: scene.answer = { _ in .retry(reason: "no", after: nil) }
                case 8 where !scene.open.isEmpty: scene.finish(0, .delivered(memory: [:]))
                default: break
                }
                scene.run(to: Int64(second))
            }
            scene.answer = { _ in .delivered(memory: [:]) }
            while !scene.open.isEmpty { scene.finish(0, .delivered(memory: [:])) }
            for name in ["A", "B", "C"] { scene.resolve(name) }
            scene.run(to: 1700)
            // Whoever heard of trouble heard of its end.
            for name in ["A", "B", "C"] {
                let last = scene.heard.last { $0.firing.contains(name) || $0.resolved.contains(name) }
                #expect(last.map { !$0.firing.contains(name) } ?? true, "seed \(seed) round \(round) \(name)")
            }
            #expect(scene.engine.groups.isEmpty, "seed \(seed) round \(round)")
            #expect(scene.engine.state.attempts.isEmpty)
        }
    }
}
