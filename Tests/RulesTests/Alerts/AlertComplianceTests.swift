import Rules
import Synchronization
import Telemetry
import Testing

/// The four cases of Prometheus's alert generator compliance suite, by their descriptions, on a clock of our own. Groups run
/// every 30 seconds.
@Suite("Alert generator compliance")
struct AlertComplianceTests {
    private static let group = """
        groups:
        - name: g
          interval: 30s
          rules:

        """

    private func labels(_ name: String, _ more: LabelSet = [:]) -> LabelSet {
        (["alertname": name] as LabelSet).filled(from: more)
    }

    @Test(
        "pending, firing, resolved: sent every minute and a bit, resolved for 15 minutes, and anew when it fires again")
    func pendingFiringResolved() throws {
        let bench = RuleBench(
            Self.group
                + """
                    - alert: A
                      expr: x > 10
                      for: 6m
                      labels: {severity: page}
                      annotations: {description: "value is {{ $value }}"}
                """.indentedForRules)
        var sent: [(time: Int64, notice: AlertNotice)] = []
        func value(_ time: Int64) -> Double {
            switch time {
            case ..<300: 5
            case ..<1200: time < 900 ? 11 : 12
            case ..<1500: 5
            default: 20
            }
        }
        for time in stride(from: Int64(0), through: 4200, by: 30) {
            if time < 3000 { bench.set("x", value(time), at: time) }
            if time == 3000 { bench.set("x", 5, at: time) }
            bench.evaluate(at: time)
            for notice in bench.alerts.drain() { sent.append((time, notice)) }
            switch time {
            case 300..<660: #expect(bench.states == ["A{severity=\"page\"} pending"], "\(time)")
            case 660..<1200: #expect(bench.states == ["A{severity=\"page\"} firing"], "\(time)")
            case 1200..<1500: #expect(bench.states == [], "\(time)")
            case 1500..<1860: #expect(bench.states == ["A{severity=\"page\"} pending"], "\(time)")
            case 1860..<3000: #expect(bench.states == ["A{severity=\"page\"} firing"], "\(time)")
            default: break
            }
        }
        let firing = sent.filter { $0.notice.state == .firing && $0.time < 1200 }
        #expect(firing.map(\.time) == Array(stride(from: Int64(660), to: 1200, by: 90)))
        for (time, notice) in firing {
            #expect(notice.startsAt == 660_000)
            #expect(notice.endsAt == time * 1000 + 240_000)
            #expect(notice.annotations["description"] == (time < 900 ? "value is 11" : "value is 12"))
            #expect(notice.labels == labels("A", ["severity": "page"]))
            #expect(notice.generatorURL == "http://host:9464/graph?g0.expr=x+%3E+10&g0.tab=1")
        }
        // The first resolved one is sent until the alert fires anew, the second for 15 minutes.
        let first = sent.filter { $0.notice.state == .resolved && $0.time < 1860 }
        #expect(first.map(\.time) == [1200, 1290, 1380, 1470])
        #expect(first.allSatisfy { $0.notice.startsAt == 660_000 && $0.notice.endsAt == 1_200_000 })
        #expect(first.allSatisfy { $0.notice.resolvedValue == 5 && $0.notice.value == 12 })
        #expect(sent.first { $0.time >= 1500 && $0.notice.state == .firing }?.notice.startsAt == 1_860_000)
        let last = sent.filter { $0.notice.state == .resolved && $0.time >= 3000 }
        #expect(last.first?.time == 3000)
        #expect(last.map(\.time).last == 3900)
        #expect(last.count == 11)
    }

    @Test("new alerts: a rule sees the alerts of the one before it, templates see the query's labels, others join")
    func order() throws {
        let bench = RuleBench(
            Self.group
                + """
                    - alert: First
                      expr: x > 10
                      labels: {rulelabel: added, foo: overridden}
                      annotations: {text: "foo={{ $labels.foo }} added={{ $labels.rulelabel }}"}
                    - alert: Second
                      expr: ALERTS{alertname="First", alertstate="firing"}
                """.indentedForRules)
        bench.set("x", 11, at: 0, ["foo": "bar", "i": "1"])
        bench.set("x", 5, at: 0, ["foo": "bar", "i": "2"])
        bench.evaluate(at: 0)
        let sent = bench.alerts.drain()
        #expect(sent.map { $0.labels["alertname"] } == ["First", "Second"])
        #expect(sent[0].annotations["text"] == "foo=bar added=")
        #expect(sent[0].labels == labels("First", ["foo": "overridden", "i": "1", "rulelabel": "added"]))
        // The second rule's `alertname` wins over the series'.
        #expect(sent[1].labels["alertname"] == "Second")
        bench.set("x", 15, at: 30, ["foo": "bar", "i": "2"])
        bench.evaluate(at: 30)
        #expect(bench.alerts.drain().map { $0.labels["i"] } == ["2", "2"])
        #expect(bench.states.count == 4)
        #expect(bench.store.live("ALERTS", at: 30_000).count == 4)
        #expect(bench.store.contents.withLock { $0.changedObjects } == 0)
    }

    @Test("pending alerts that end are never sent, nor those whose data goes")
    func pendingOnly() throws {
        let bench = RuleBench(
            Self.group
                + """
                    - alert: A
                      expr: x > 10
                      for: 10m
                """.indentedForRules)
        for time in stride(from: Int64(0), to: 300, by: 30) {
            bench.set("x", 11, at: time)
            bench.evaluate(at: time)
        }
        #expect(bench.states == ["A pending"])
        #expect(bench.store.live("ALERTS_FOR_STATE", at: 270_000).values.first == 0)
        bench.set("x", 9, at: 300)
        bench.evaluate(at: 300)
        #expect(bench.states == [])
        #expect(bench.store.live("ALERTS", at: 300_000).isEmpty)
        bench.set("x", 11, at: 330)
        bench.evaluate(at: 330)
        #expect(bench.states == ["A pending"])
        bench.set("x", nil, at: 360)
        bench.evaluate(at: 360)
        #expect(bench.states == [])
        for time in stride(from: Int64(390), to: 2000, by: 30) { bench.evaluate(at: time) }
        #expect(bench.alerts.drain().isEmpty)
    }

    @Test(
        "without `for` it fires at once, with one shorter than the interval at the second evaluation; no data ends it")
    func zeroAndSmall() throws {
        let bench = RuleBench(
            Self.group
                + """
                    - alert: Zero
                      expr: x > 10
                      annotations:
                        text: >-
                          {{ define "t" }}v{{ . }}{{ end }}{{ template "t" $value }}
                          {{ range query "x" | sortByLabel "i" }}{{ .Labels.i }}={{ .Value }};{{ end }}
                    - alert: Small
                      expr: x > 10
                      for: 10s
                """.indentedForRules)
        bench.set("x", 11, at: 0, ["i": "a"])
        bench.set("x", 3, at: 0, ["i": "b"])
        bench.evaluate(at: 0)
        #expect(bench.states == ["Small{i=\"a\"} pending", "Zero{i=\"a\"} firing"])
        #expect(bench.alerts.drain().first?.annotations["text"] == "v11 a=11;b=3;")
        bench.evaluate(at: 30)
        #expect(bench.states == ["Small{i=\"a\"} firing", "Zero{i=\"a\"} firing"])
        #expect(bench.alerts.drain().map { $0.labels["alertname"] } == ["Small"])
        bench.set("x", nil, at: 60, ["i": "a"])
        bench.evaluate(at: 60)
        #expect(bench.states == [])
        let resolved = bench.alerts.drain()
        #expect(resolved.map(\.state) == [.resolved, .resolved])
        #expect(resolved.map(\.startsAt) == [0, 30_000])
        #expect(resolved.allSatisfy { $0.endsAt == 60_000 && $0.resolvedValue == nil })
    }
}

extension String {
    /// Multi-line literals lose their indentation; a list below `rules:` wants some.
    var indentedForRules: String {
        split(separator: "\n", omittingEmptySubsequences: false).map { "      " + $0 }.joined(separator: "\n")
    }
}
