import Rules
import Synchronization
import Telemetry
import Testing

@Suite("Rule groups")
struct RuleGroupTests {
    private func rules(_ text: String) -> String { "groups:\n- name: g\n  interval: 15s\n  rules:\n" + text }

    @Test("a recorded series shows to the rules after it, keeps its object, and ends with a stale marker")
    func recording() {
        let bench = RuleBench(
            rules(
                "  - {record: 'x:double', expr: x * 2, labels: {a: '', b: c}}\n  - {alert: A, expr: 'x:double > 10'}\n")
        )
        bench.set("x", 6, at: 0, ["a": "1", "i": "1"])
        bench.evaluate(at: 0)
        let labels: LabelSet = ["__name__": "x:double", "b": "c", "i": "1"]
        #expect(bench.store.samples(labels).map(\.value) == [12])
        #expect(bench.states.count == 1)
        bench.evaluate(at: 15)
        #expect(bench.store.samples(labels).count == 2)
        #expect(bench.store.contents.withLock { $0.changedObjects } == 0)
        bench.set("x", nil, at: 30, ["a": "1", "i": "1"])
        bench.evaluate(at: 30)
        let last = bench.store.samples(labels).last
        #expect(last.map { StaleMarker.isStale($0.value) } == true && last?.time == 30_000)
        bench.evaluate(at: 45)
        #expect(bench.store.samples(labels).count == 3)
    }

    @Test("an error leaves series and alerts as they are, and is told once")
    func errors() {
        let bench = RuleBench(rules("  - {alert: A, expr: x > 1}\n  - {record: r, expr: x}\n"))
        bench.set("x", 2, at: 0)
        bench.evaluate(at: 0)
        _ = bench.alerts.drain()
        // The same names, so the state goes over.
        bench.load(rules("  - {alert: A, expr: fail}\n  - {record: r, expr: fail}\n"))
        bench.evaluate(at: 15)
        bench.evaluate(at: 120)
        #expect(bench.states.contains("A firing"))
        #expect(bench.alerts.drain().filter { $0.labels["alertname"] == "A" }.isEmpty)
        #expect(bench.store.samples(["__name__": "r"]).map(\.value) == [2])
        let report = bench.groups.report.groups[0]
        #expect(report.rules.map(\.status.health) == [.err, .err])
        #expect(report.rules[0].status.lastError == "it failed")
        #expect(bench.problems.lines.withLock { $0 } == ["r.yaml;g A: it failed", "r.yaml;g r: it failed"])
        #expect(bench.metrics.total("tocsin_rule_evaluation_failures_total") == 4)
        #expect(bench.metrics.total("tocsin_rule_evaluations_total", matching: ["rule_group": "r.yaml;g"]) == 6)
    }

    @Test("a rule that fails for ten minutes raises an alert of its own")
    func failing() {
        let bench = RuleBench(rules("  - {alert: A, expr: fail}\n"))
        for time in stride(from: Int64(0), through: 660, by: 60) { bench.evaluate(at: time) }
        let sent = bench.alerts.drain()
        #expect(sent.count == 1)
        #expect(sent.first?.labels["alertname"] == "RuleEvaluationFailing")
        #expect(sent.first?.annotations["description"] == "it failed")
    }

    @Test("what exceeds a limit is an error: no series, and no alerts any more")
    func limits() {
        let bench = RuleBench(
            "groups:\n- name: g\n  limit: 2\n  rules:\n  - {record: r, expr: x}\n  - {alert: A, expr: x > 0}\n")
        for index in 0..<2 { bench.set("x", 1, at: 0, ["i": "\(index)"]) }
        bench.evaluate(at: 0)
        #expect(bench.states.count == 2)
        bench.set("x", 1, at: 60, ["i": "2"])
        bench.evaluate(at: 60)
        let rules = bench.groups.report.groups[0].rules
        #expect(rules[0].status.lastError == "exceeded limit of 2 with 3 series")
        #expect(rules[1].status.lastError == "exceeded limit of 2 with 3 alerts")
        #expect(rules[1].alerts.isEmpty)
        bench.restart()
        #expect(bench.groups.report.groups[0].rules[1].alerts.isEmpty)
    }

    @Test("two results that labels make one are an error")
    func duplicates() {
        let bench = RuleBench(
            rules("  - {record: r, expr: x, labels: {i: same}}\n  - {alert: A, expr: x > 0, labels: {i: same}}\n"))
        bench.set("x", 1, at: 0, ["i": "1"])
        bench.set("x", 2, at: 0, ["i": "2"])
        bench.evaluate(at: 0)
        let errors = bench.groups.report.groups[0].rules.map(\.status.lastError)
        #expect(
            errors == [
                "vector contains metrics with the same labelset after applying rule labels",
                "vector contains metrics with the same labelset after applying alert labels",
            ])
    }

    @Test("with an offset, data of then is taken and results are of then")
    func offset() {
        let bench = RuleBench("groups:\n- name: g\n  query_offset: 1m\n  rules:\n  - {record: r, expr: x}\n")
        bench.set("x", 1, at: 0)
        bench.set("x", 2, at: 90)
        bench.evaluate(at: 120)
        #expect(bench.store.samples(["__name__": "r"]).map(\.time) == [60_000])
        #expect(bench.store.samples(["__name__": "r"]).map(\.value) == [1])
    }

    @Test("a template that cannot be expanded says so, and the alert fires")
    func template() {
        let bench = RuleBench(
            rules("  - {alert: A, expr: x > 0, annotations: {s: '{{ query \"fail\" }}', t: ok}}\n"))
        bench.set("x", 1, at: 0)
        bench.evaluate(at: 0)
        let sent = bench.alerts.drain()
        #expect(sent.first?.annotations["s"]?.hasPrefix("<error expanding template: ") == true)
        #expect(sent.first?.annotations["t"] == "ok")
    }

    @Test("keep_firing_for bridges gaps, and its beginning is told")
    func keepFiring() {
        let bench = RuleBench(rules("  - {alert: A, expr: x > 10, keep_firing_for: 1m}\n"))
        bench.set("x", 11, at: 0)
        bench.evaluate(at: 0)
        bench.set("x", 1, at: 15)
        bench.evaluate(at: 15)
        #expect(bench.states == ["A firing"])
        #expect(bench.alert("A")?.state == .firing(since: 0, keptSince: 15_000))
        bench.set("x", 12, at: 30)
        bench.evaluate(at: 30)
        #expect(bench.alert("A")?.state == .firing(since: 0, keptSince: nil))
        bench.set("x", 1, at: 45)
        bench.evaluate(at: 45)
        bench.restart()
        bench.evaluate(at: 60)
        #expect(bench.alert("A")?.state == .firing(since: 0, keptSince: 45_000))
        bench.evaluate(at: 105)
        #expect(bench.states == [])
    }

    @Test("missed slots and alerts are counted")
    func metrics() {
        let bench = RuleBench(rules("  - {alert: A, expr: x > 10}\n  - {alert: P, expr: x > 10, for: 1h}\n"))
        bench.set("x", 11, at: 0)
        bench.evaluate(at: 0)
        #expect(bench.metrics.total("tocsin_rule_alerts", matching: ["alertstate": "firing"]) == 1)
        #expect(bench.metrics.total("tocsin_rule_alerts", matching: ["alertstate": "pending"]) == 1)
        #expect(bench.metrics.total("tocsin_rule_group_interval_seconds", matching: ["rule_group": "r.yaml;g"]) == 15)
        #expect(bench.metrics.total("tocsin_rule_group_rules", matching: ["rule_group": "r.yaml;g"]) == 2)
    }
}

@Suite("Reloads of rules")
struct RuleReloadTests {
    private func rules(_ text: String) -> String { "groups:\n- name: g\n  interval: 15s\n  rules:\n" + text }

    @Test("rules are matched by name and labels: another expression keeps the alerts, another label does not")
    func matching() {
        let bench = RuleBench(
            rules("  - {alert: A, expr: x > 10, for: 1m}\n  - {alert: B, expr: x > 10, labels: {l: a}}\n"))
        bench.set("x", 11, at: 0)
        bench.evaluate(at: 0)
        #expect(bench.states == ["A pending", "B{l=\"a\"} firing"])
        _ = bench.alerts.drain()
        bench.load(rules("  - {alert: B, expr: x > 5, labels: {l: b}}\n  - {alert: A, expr: x > 9, for: 1m}\n"))
        #expect(bench.groups.report.groups[0].rules.count == 2)
        bench.evaluate(at: 60)
        #expect(bench.states == ["A firing", "B{l=\"b\"} firing"])
        let sent = bench.alerts.drain()
        // The one whose label changed is told to have ended.
        #expect(sent.filter { $0.state == .resolved }.map { $0.labels["l"] } == ["a"])
        #expect(bench.store.live("ALERTS", at: 60_000).count == 2)
    }

    @Test("a `for` that becomes longer makes firing alerts pending again, and says that they ended")
    func longer() {
        let bench = RuleBench(rules("  - {alert: A, expr: x > 10}\n"))
        bench.set("x", 11, at: 0)
        bench.evaluate(at: 0)
        _ = bench.alerts.drain()
        bench.load(rules("  - {alert: A, expr: x > 10, for: 5m}\n"))
        bench.evaluate(at: 15)
        #expect(bench.states == ["A pending"])
        #expect(bench.alerts.drain().map(\.state) == [.resolved])
        bench.set("x", 11, at: 290)
        bench.evaluate(at: 300)
        #expect(bench.states == ["A firing"])
    }

    @Test("series of a rule that went end at the next evaluation, those of a group after two intervals")
    func series() {
        let bench = RuleBench(
            rules("  - {record: a, expr: x}\n  - {record: b, expr: x}\n  - {alert: A, expr: x > 0}\n"))
        bench.set("x", 1, at: 0)
        bench.evaluate(at: 0)
        bench.load(rules("  - {record: b, expr: x}\n  - {alert: A, expr: x > 0}\n"))
        bench.evaluate(at: 15)
        #expect(bench.store.samples(["__name__": "a"]).last.map { StaleMarker.isStale($0.value) } == true)
        #expect(bench.store.samples(["__name__": "b"]).last?.value == 1)
        _ = bench.alerts.drain()
        bench.load("groups: []")
        bench.evaluate(at: 30)
        #expect(bench.store.samples(["__name__": "b"]).count == 2)
        #expect(bench.alerts.drain().isEmpty)
        bench.evaluate(at: 45)
        #expect(bench.store.samples(["__name__": "b"]).last.map { StaleMarker.isStale($0.value) } == true)
        #expect(bench.store.live("ALERTS", at: 45_000).isEmpty)
        #expect(bench.alerts.drain().map(\.state) == [.resolved])
        bench.restart()
        #expect(bench.alerts.drain().isEmpty)
    }

    @Test("a group that comes back in time goes on")
    func comesBack() {
        let text = rules("  - {alert: A, expr: x > 0, for: 30s}\n")
        let bench = RuleBench(text)
        bench.set("x", 1, at: 0)
        bench.evaluate(at: 0)
        bench.load("groups: []")
        bench.evaluate(at: 15)
        bench.load(text)
        bench.evaluate(at: 30)
        #expect(bench.states == ["A firing"])
    }

    @Test("a group that is wrong goes on as it was and raises an alert; the others are loaded")
    func isolation() {
        let good = "- name: good\n  rules:\n  - {alert: G, expr: x > 0}\n"
        let bench = RuleBench("groups:\n- name: g\n  rules:\n  - {alert: A, expr: x > 0}\n" + good)
        bench.set("x", 1, at: 0)
        bench.evaluate(at: 0)
        #expect(bench.states == ["A firing", "G firing"])
        _ = bench.alerts.drain()
        bench.load(
            "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'x >'}\n" + good.replacing("x > 0", with: "x > 5"))
        bench.evaluate(at: 60)
        #expect(
            bench.states == [
                "A firing", "RuleLoadFailed{file=\"r.yaml\", rule_group=\"g\", severity=\"warning\"} firing",
            ])
        let failed = bench.alerts.drain().first { $0.labels["alertname"] == "RuleLoadFailed" }
        #expect(failed?.annotations["description"]?.contains("r.yaml:4:") == true)
        #expect(failed?.annotations["description"]?.hasSuffix("what was loaded before goes on.") == true)
        guard case .degraded(let reason)? = bench.readiness.all.first?.state else {
            Issue.record("nobody says that a group is wrong")
            return
        }
        #expect(reason.contains("r.yaml:4:"))
        // The whole file.
        bench.load("groups: [")
        bench.evaluate(at: 120)
        #expect(bench.states.contains("A firing"))
        bench.load("groups:\n- name: g\n  rules:\n  - {alert: A, expr: x > 0}\n")
        bench.evaluate(at: 180)
        #expect(bench.states == ["A firing"])
        #expect(bench.readiness.all.map(\.state) == [.ok])
    }

    @Test("alerts of files that cannot be read after a restart are kept until they can; those of rules that went end")
    func strangers() {
        let bench = RuleBench(rules("  - {alert: A, expr: x > 0}\n"))
        bench.set("x", 1, at: 0)
        bench.evaluate(at: 0)
        _ = bench.alerts.drain()
        bench.load("groups: [")
        bench.restart()
        #expect(bench.alerts.drain().isEmpty)
        bench.load(rules("  - {alert: A, expr: x > 0}\n"))
        #expect(bench.states == ["A firing"])
        bench.load(rules("  - {alert: B, expr: x > 100}\n"))
        bench.restart()
        #expect(bench.alerts.drain().map { $0.labels["alertname"] } == ["A"])
        bench.restart()
        #expect(bench.alerts.drain().isEmpty)
    }
}
