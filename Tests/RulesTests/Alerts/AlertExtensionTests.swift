import Rules
import Synchronization
import Telemetry
import Testing

/// What Prometheus's rules do not have.
@Suite("Extensions of alerts")
struct AlertExtensionTests {
    private func rules(_ text: String) -> String { "groups:\n- name: g\n  interval: 30s\n  rules:\n" + text }

    @Test("no data: kept until the data is back, or until the limit")
    func keep() {
        let bench = RuleBench(rules("  - {alert: A, expr: x > 10, no_data: keep}\n"))
        bench.set("x", 11, at: 0, ["i": "a"])
        bench.set("x", 1, at: 0, ["i": "b"])
        bench.evaluate(at: 0)
        _ = bench.alerts.drain()
        // One series of several goes: the others tell nothing of it.
        bench.set("x", nil, at: 30, ["i": "a"])
        bench.evaluate(at: 30)
        #expect(bench.states == ["A{i=\"a\"} firing"])
        bench.set("x", 2, at: 60, ["i": "a"])
        bench.evaluate(at: 60)
        #expect(bench.states == [])
        #expect(bench.alerts.drain().first?.resolvedValue == 2)
        bench.set("x", 11, at: 90, ["i": "a"])
        bench.evaluate(at: 90)
        bench.set("x", nil, at: 120, ["i": "a"])
        for time in stride(from: Int64(120), to: 3720, by: 30) { bench.evaluate(at: time) }
        #expect(bench.states == ["A{i=\"a\"} firing"])
        bench.evaluate(at: 3720)
        #expect(bench.states == [])
        let reasons = bench.reasons.lines.withLock { $0 }.filter { !$0.hasSuffix("is met") }
        #expect(reasons == ["the condition is not met", "its data is missing"])
    }

    @Test("no data: kept where a filter leaves nothing only if all of the data is gone")
    func keepFiltered() {
        let bench = RuleBench(rules("  - {alert: A, expr: x > 10 and y == 1, no_data: keep}\n"))
        bench.set("x", 11, at: 0)
        bench.set("y", 1, at: 0)
        bench.evaluate(at: 0)
        bench.set("y", nil, at: 30)
        bench.evaluate(at: 30)
        // x is there, so that its part of the condition can be measured.
        #expect(bench.states == [])
    }

    @Test("no data: pending alerts fire, and a rule without any data raises one")
    func fire() {
        let bench = RuleBench(rules("  - {alert: A, expr: x > 10, for: 1m, no_data: fire, labels: {s: page}}\n"))
        bench.set("x", 11, at: 0, ["i": "a"])
        bench.evaluate(at: 0)
        bench.set("x", nil, at: 30, ["i": "a"])
        bench.evaluate(at: 30)
        #expect(bench.states == ["A{i=\"a\", s=\"page\"} pending"])
        bench.evaluate(at: 60)
        #expect(bench.states == ["A{i=\"a\", s=\"page\"} firing"])
        let empty = RuleBench(rules("  - {alert: A, expr: x > 10, for: 1m, no_data: fire, labels: {s: page}}\n"))
        empty.evaluate(at: 0)
        #expect(empty.states == ["A{s=\"page\"} pending"])
        empty.evaluate(at: 60)
        #expect(empty.states == ["A{s=\"page\"} firing"])
        empty.set("x", 5, at: 90)
        empty.evaluate(at: 90)
        #expect(empty.states == [])
    }

    @Test("absent_for: the alert carries the labels of what is gone, and ends when it comes back")
    func absent() {
        let bench = RuleBench(
            rules(
                "  - {alert: Gone, expr: up, absent_for: 2m, annotations: {s: '{{ $labels.disk }} was {{ $value }}'}}\n"
            ))
        for time in stride(from: Int64(0), through: 60, by: 30) {
            bench.set("up", 7, at: time, ["disk": "sda"])
            bench.set("up", 1, at: time, ["disk": "sdb"])
            bench.evaluate(at: time)
        }
        bench.set("up", nil, at: 90, ["disk": "sda"])
        for time in stride(from: Int64(90), to: 210, by: 30) {
            bench.evaluate(at: time)
            #expect(bench.states == [], "\(time)")
        }
        bench.evaluate(at: 210)
        #expect(bench.states == ["Gone{disk=\"sda\"} firing"])
        #expect(bench.alerts.drain().first?.annotations["s"] == "sda was 7")
        bench.set("up", 1, at: 240, ["disk": "sda"])
        bench.evaluate(at: 240)
        #expect(bench.states == [])
        #expect(bench.alerts.drain().map(\.state) == [.resolved])
    }

    @Test("absent_for: what is gone for a day is no longer missed")
    func forgotten() {
        let bench = RuleBench(rules("  - {alert: Gone, expr: up, absent_for: 2m}\n"))
        bench.set("up", 1, at: 0)
        bench.evaluate(at: 0)
        bench.set("up", nil, at: 30)
        for time in stride(from: Int64(30), to: 86_400, by: 3600) { bench.evaluate(at: time) }
        #expect(bench.states == ["Gone firing"])
        bench.evaluate(at: 86_400 + 160)
        #expect(bench.states == [])
    }

    @Test("active: outside of its times a rule has no alerts")
    func active() {
        // 1970-01-01 was a Thursday.
        let bench = RuleBench(
            rules("  - {alert: A, expr: x > 0, active: {times: [{start_time: '01:00', end_time: '02:00'}]}}\n"))
        for time in stride(from: Int64(0), through: 9000, by: 300) {
            bench.set("x", 1, at: time)
            bench.evaluate(at: time)
            #expect(bench.states == ((3600..<7200).contains(time) ? ["A firing"] : []), "\(time)")
        }
        let sent = bench.alerts.drain().filter { $0.state == .resolved }
        #expect(sent.first?.endsAt == 7_200_000)
    }

    @Test("on the end of an alert its value then is told, with the last one for which it fired")
    func resolvedValue() {
        let bench = RuleBench(
            rules(
                """
                  - alert: A
                    expr: (x / 2 > 10)
                    annotations: {s: 'was {{ $value }}{{ if $resolvedValue }}, is {{ $resolvedValue }}{{ end }}', t: '{{ $value }}'}

                """))
        bench.set("x", 30, at: 0, ["i": "a"])
        bench.evaluate(at: 0)
        #expect(bench.alerts.drain().first?.annotations["s"] == "was 15")
        bench.set("x", 8, at: 30, ["i": "a"])
        bench.evaluate(at: 30)
        let end = bench.alerts.drain().first
        #expect(end?.annotations["s"] == "was 15, is 4")
        #expect(end?.annotations["t"] == "15")
        #expect(end?.value == 15 && end?.resolvedValue == 4)
    }
}
