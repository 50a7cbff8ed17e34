import Rules
import Synchronization
import Telemetry
import Testing

@Suite("Backtests of rules")
struct RuleBacktestTests {
    @Test("the real state machine over what was: its changes, with nothing written or told")
    func transitions() throws {
        let store = MemoryStore()
        for time in stride(from: Int64(0), through: 3600, by: 60) {
            let labels: LabelSet = ["__name__": "x", "i": "1"]
            store.add(labels, (600..<1500).contains(time) ? 20 : 1, at: time * 1000)
            // What the running agent recorded under the same name is not seen.
            store.add(["__name__": "x:half", "i": "1"], 1000, at: time * 1000)
        }
        let before = store.contents.withLock { $0.labels.count }
        let yaml = """
            groups:
            - name: g
              interval: 1m
              rules:
              - {record: 'x:half', expr: x / 2}
              - {alert: A, expr: 'x:half > 5', for: 5m}
              - {alert: B, expr: 'ALERTS{alertname="A"} == 1'}
              - {alert: C, expr: fail}
            """
        for language in [RuleLanguage.small, .promQL()] {
            let file = RuleFile(Array(yaml.utf8), path: "r.yaml", language: language)
            try #require(file.problems.isEmpty)
            let backtest = RuleBacktest(file.groups, RuleOptions(), language: language, source: store)
            #expect(backtest.evaluations(from: 0, through: 3_600_000) == 240)
            var changes: [String] = []
            let summary = backtest.run(from: 0, through: 3_600_000) { event in
                if event.rule == "A" { changes.append("\(event.transition.from) -> \(event.transition.to)") }
            }
            #expect(changes == ["inactive -> pending", "pending -> firing", "firing -> inactive"])
            #expect(summary.evaluations == 240)
            if language.isSmall { #expect(summary.errors.map(\.error) == ["it failed"]) }
        }
        #expect(store.contents.withLock { $0.labels.count } == before)
        #expect(store.batches.withLock { $0 } == 0)
    }

    @Test("it ends when it is told to")
    func stopping() {
        let yaml = "groups:\n- name: g\n  rules:\n  - {alert: A, expr: x}\n"
        let file = RuleFile(Array(yaml.utf8), path: "r.yaml", language: .small)
        let backtest = RuleBacktest(file.groups, RuleOptions(), language: .small, source: MemoryStore())
        var asked = 0
        let summary = backtest.run(
            from: 0, through: 1 << 40,
            isStopped: {
                asked += 1
                return asked > 3
            }, { _ in })
        #expect(summary.isStopped && summary.evaluations == 3)
    }
}

extension RuleLanguage {
    /// Whether it is the tests' own, in which a series named `fail` fails.
    fileprivate var isSmall: Bool {
        guard let expression = try? parse("fail"), let query = try? makePreparer()(expression, "fail") else {
            return false
        }
        return query is SmallQuery
    }
}
