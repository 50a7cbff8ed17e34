import Telemetry
import Testing

@testable import Alerting

@Suite struct SuppressionTests {
    private static let inhibiting = """
        route: {receiver: r, group_by: [alertname], group_wait: 10s, group_interval: 60s}
        receivers: [{name: r}]
        inhibit_rules:
          - {name: down, source_matchers: [sev=page], target_matchers: ['sev=~"warn|page"'], equal: [host, missing]}
        """

    @Test("a firing source holds its targets back, and only while it fires")
    func inhibits() throws {
        var scene = try Scene(Self.inhibiting)
        scene.fire("T", ["sev": "warn", "host": "a"])
        scene.fire("U", ["sev": "warn", "host": "b"])
        scene.fire("S", ["sev": "page", "host": "a"])
        scene.run(to: 100)
        #expect(scene.sent.map(\.firing) == [["S"], ["U"]])
        let source = AlertID(of: ["alertname": "S", "sev": "page", "host": "a"])
        #expect(scene.held.first?.suppression == .inhibited(by: source, rule: "down"))
        scene.resolve("S", ["sev": "page", "host": "a"])
        scene.run(to: 200)
        #expect(scene.sent.contains { $0.firing == ["T"] && $0.at == 130 })
    }

    @Test("alerts on both sides of a rule do not hold one another back")
    func doesNotInhibitItself() throws {
        var scene = try Scene(Self.inhibiting)
        scene.fire("S", ["sev": "page", "host": "a"])
        scene.fire("S2", ["sev": "page", "host": "a"])
        scene.run(to: 100)
        #expect(scene.sent.map(\.firing) == [["S"], ["S2"]])
    }

    @Test("a silence holds back while it is active")
    func silences() throws {
        var scene = try Scene(AlertingEngineTests.simple)
        let id = try scene.engine.set(
            Silence(
                matchers: [LabelMatcher("alertname", .matches, "A|B")], startsAt: scene.now,
                endsAt: scene.now + 100_000, createdBy: "me", comment: "c"), at: scene.now)
        scene.fire("A")
        scene.fire("C")
        scene.run(to: 100)
        #expect(scene.sent.map(\.firing) == [["C"]])
        #expect(scene.held.map(\.suppression) == [.silenced(by: [id]), .silenced(by: [id])])
        scene.run(to: 200)
        #expect(scene.sent.map(\.firing) == [["C"], ["A", "C"]])
    }

    @Test("routes are quiet in mute intervals and outside active ones, in their time zone")
    func mutes() throws {
        // The scene begins on a Tuesday, 22:13:20 UTC, 23:13:20 in Oslo.
        func scene(_ field: String, _ spec: String) throws -> Scene {
            var scene = try Scene(
                """
                route:
                  receiver: r
                  group_wait: 10s
                  group_interval: 60s
                  routes: [{\(field): [t]}]
                receivers: [{name: r}]
                time_intervals: [{name: t, time_intervals: [\(spec)]}]
                """)
            scene.fire("A")
            scene.run(to: 3600)
            return scene
        }
        let utc = "{times: [{start_time: '22:00', end_time: '22:30'}], weekdays: [tuesday]}"
        let oslo = "{times: [{start_time: '23:00', end_time: '23:30'}], location: Europe/Oslo}"
        for spec in [utc, oslo] {
            let muted = try scene("mute_time_intervals", spec)
            #expect(muted.sent.map(\.at) == [1030])
            #expect(muted.held.first?.suppression == .muted(by: ["t"]))
        }
        let late = "{times: [{start_time: '22:30', end_time: '24:00'}]}"
        let inactive = try scene("active_time_intervals", late)
        #expect(inactive.sent.map(\.at) == [1030])
        #expect(inactive.held.first?.suppression == .inactive(outside: ["t"]))
        #expect(try scene("active_time_intervals", oslo).sent.map(\.at) == [10])
        #expect(try scene("mute_time_intervals", late).sent.map(\.at) == [10])
    }

    @Test("silences change, move and end by Alertmanager's rules")
    func setsSilences() throws {
        var scene = try Scene(AlertingEngineTests.simple)
        let now = scene.now
        func silence(_ id: String, _ value: String, from start: Int64, to end: Int64) throws -> Silence {
            Silence(
                id: id, matchers: [try LabelMatcher("a", .equal, value)], startsAt: now + start * 1000,
                endsAt: now + end * 1000, createdBy: "", comment: "")
        }
        let id = try scene.engine.set(silence("", "x", from: -50, to: 100), at: now)
        #expect(id.utf8.count == 36)
        #expect(scene.engine.state.silences[id]?.startsAt == now)
        // Another end is a change, another matcher or beginning is another silence.
        #expect(try scene.engine.set(silence(id, "x", from: 0, to: 200), at: now + 1000) == id)
        let second = try scene.engine.set(silence(id, "y", from: 0, to: 200), at: now + 2000)
        #expect(second != id)
        #expect(scene.engine.state.silences[id]?.state(at: now + 2000) == .expired)
        #expect(scene.engine.state.silences[second]?.startsAt == now + 2000)
        // One that is over cannot be brought back, nor does it change.
        let third = try scene.engine.set(silence(id, "x", from: 0, to: 300), at: now + 3000)
        #expect(third != id)
        // A pending one may be moved to the future.
        let fourth = try scene.engine.set(silence("", "z", from: 100, to: 200), at: now)
        #expect(try scene.engine.set(silence(fourth, "z", from: 150, to: 180), at: now) == fourth)
        try scene.engine.expireSilence(fourth, at: now)
        #expect(scene.engine.state.silences[fourth]?.endsAt == now)
        #expect(throws: SilenceError.notFound) { try scene.engine.expireSilence("none", at: now) }
        #expect(throws: SilenceError.notFound) { try scene.engine.set(silence("none", "x", from: 0, to: 1), at: now) }
        for value in ["", "x"] {
            let wrong = try silence("", value, from: value.isEmpty ? 0 : 10, to: 5)
            #expect(throws: SilenceError.self) { try scene.engine.set(wrong, at: now) }
        }
        scene.now += SilenceRules.retention + 4_000_000
        scene.engine.advance(to: scene.now)
        #expect(scene.engine.state.silences.isEmpty)
    }
}
