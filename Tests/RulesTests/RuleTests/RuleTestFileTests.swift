import Bytes
import Configuration
import Glibc
import Testing

@testable import Rules

@Suite("Tests of rules")
struct RuleTestFileTests {
    private func run(_ text: String, only: String? = nil) throws -> RuleTestReport {
        RuleTestRun.run(try RuleTestFile(Array(text.utf8), path: "t.yml"), only: try only.map { try Regex($0) })
    }

    @Test("compare what expressions give, exactly or nearly")
    func expressions() throws {
        let tests = """
            tests:
              - name: near
                interval: 1m
                input_series: [{series: m, values: '0.1 7 stale'}]
                promql_expr_test:
                  - {expr: m + 0.2, eval_time: 0s, exp_samples: [{labels: '{}', value: 0.3}]}
                  - {expr: m, eval_time: 1m, exp_samples: [{labels: m, value: 7}]}
                  - {expr: m, eval_time: 2m}
            """
        #expect(try run(tests).failures.map(\.test) == ["near"])
        #expect(try run("fuzzy_compare: true\n" + tests).hasPassed)
        #expect(try run(tests, only: "far").tests == 0)
    }

    @Test("begin when they are told to")
    func start() throws {
        for start in ["1769860800", "'2026-01-31T12:00:00Z'"] {
            let report = try run(
                """
                tests:
                  - start_timestamp: \(start)
                    promql_expr_test: [{expr: time(), eval_time: 1m, exp_samples: [{labels: '{}', value: 1769860860}]}]
                """)
            #expect(report.hasPassed, "\(report.failures)")
        }
    }

    @Test("take NaN for NaN")
    func notANumber() throws {
        let report = try run(
            "tests: [{promql_expr_test: [{expr: 0 / 0, eval_time: 1m, exp_samples: [{labels: '{}', value: .nan}]}]}]")
        #expect(report.hasPassed)
    }

    @Test("tell that a recording rule's result is a native histogram, which is not kept; a number of it is")
    func recordedHistogram() throws {
        let scratch = ScratchDirectory()
        let path = scratch.path + "/r.yml"
        _ = try StoreFile(path: path, flags: O_WRONLY | O_CREAT)
        for (expression, problem) in [("h", "the result has native histograms"), ("histogram_count(h)", nil)] {
            let rules = "groups: [{name: g, rules: [{record: kept, expr: \(expression)}]}]"
            try scratch.overwrite("r.yml", Array(rules.utf8))
            let report = try run(
                """
                rule_files: [\(path)]
                tests:
                  - interval: 1m
                    input_series: [{series: h, values: '{{count:2 sum:3 buckets:[2]}}x2'}]
                    promql_expr_test:
                      - {expr: kept, eval_time: 1m, exp_samples: \(problem == nil ? "[{labels: kept, value: 2}]" : "[]")}
                """)
            #expect(report.hasPassed == (problem == nil), "\(report.failures)")
            if let problem { #expect(report.failures.first?.text.contains(problem) == true, "\(report.failures)") }
        }
    }

    @Test("say where a file is wrong")
    func wrong() {
        #expect {
            _ = try RuleTestFile(
                Array("tests:\n  - alert_rule_test:\n      - eval_time: 1m\n        colour: red".utf8), path: "t.yml")
        } throws: {
            "\($0)".contains("t.yml:4:9") && "\($0)".contains("misses required attribute alertname")
        }
    }

    @Test("warn where a pattern names no file")
    func noFile() throws {
        let report = try run("rule_files: [nothing-*.yaml]\ntests: []")
        #expect(report.warnings == ["no file match pattern nothing-*.yaml"])
        #expect(report.hasPassed)
    }
}
