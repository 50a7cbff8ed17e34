import Bytes
import Rules
import Telemetry
import Testing

@Suite("The rules API")
struct RulesReportTests {
    private func bench() -> RuleBench {
        let bench = RuleBench(
            """
            groups:
            - name: a
              interval: 15s
              limit: 5
              rules:
              - {record: 'x:double', expr: "x*2", labels: {team: infra}}
              - {record: 'x:plain', expr: x}
              - {alert: Fire, expr: x  >  10, labels: {severity: page}, annotations: {summary: 'is {{ $value }}'}}
              - {alert: Wait, expr: x > 10, for: 1m30s, keep_firing_for: 500ms}
            - name: b
              rules:
              - {alert: Broken, expr: fail}
            """)
        bench.set("x", 12.5, at: 1_700_000_000, ["i": "1"])
        bench.evaluate(at: 1_700_000_010)
        return bench
    }

    private func json(_ report: RulesReport, _ parameters: [(String, String)] = []) throws -> String {
        var writer = JSONWriter()
        try report.write(RulesReport.Selection(parameters.map { (name: $0.0, value: $0.1) }), into: &writer)
        return String(decoding: writer.written(), as: UTF8.self)
    }

    private func names(_ report: RulesReport, _ parameters: [(String, String)]) throws -> [String] {
        let text = Array(try json(report, parameters).utf8)
        let document = try JSONValue(parsing: text.span.bytes)
        return (document["data"]?["groups"]?.elements ?? []).flatMap { group in
            (group["rules"]?.elements ?? []).compactMap { $0["name"]?.string }
        }
    }

    @Test("rules are told as Prometheus tells them")
    func whole() throws {
        var report = bench().groups.report
        for group in report.groups.indices {
            report.groups[group].evaluationTime = 0.25
            for rule in report.groups[group].rules.indices {
                report.groups[group].rules[rule].status.evaluationTime = 0.125
            }
        }
        let end = #""evaluationTime":0.125,"lastEvaluation":"2023-11-14T22:13:30Z","type":"#
        let last = #""evaluationTime":0.25,"lastEvaluation":"2023-11-14T22:13:30Z"}"#
        let alert = #""activeAt":"2023-11-14T22:13:30Z","value":"1.25e+01"}]"#
        let parts: [String] = [
            #"{"status":"success","data":{"groups":[{"name":"a","file":"r.yaml","rules":["#,
            #"{"name":"x:double","query":"x * 2","labels":{"team":"infra"},"health":"ok","#, end, #""recording"},"#,
            #"{"name":"x:plain","query":"x","labels":{},"health":"ok","#, end, #""recording"},"#,
            #"{"state":"firing","name":"Fire","query":"x > 10","duration":0,"keepFiringFor":0,"#,
            #""labels":{"severity":"page"},"annotations":{"summary":"is {{ $value }}"},"alerts":["#,
            #"{"labels":{"alertname":"Fire","i":"1","severity":"page"},"annotations":{"summary":"is 12.5"},"#,
            #""state":"firing","#, alert, #","health":"ok","#, end, #""alerting"},"#,
            #"{"state":"pending","name":"Wait","query":"x > 10","duration":90,"keepFiringFor":0.5,"labels":{},"#,
            #""annotations":{},"alerts":[{"labels":{"alertname":"Wait","i":"1"},"annotations":{},"#,
            #""state":"pending","#, alert, #","health":"ok","#, end, #""alerting"}],"interval":15,"limit":5,"#, last,
            #",{"name":"b","file":"r.yaml","rules":[{"state":"inactive","name":"Broken","query":"fail","#,
            #""duration":0,"keepFiringFor":0,"labels":{},"annotations":{},"alerts":[],"health":"err","#,
            #""lastError":"it failed","#, end, #""alerting"}],"interval":60,"limit":0,"#, last, "]}}",
        ]
        let expected = parts.joined()
        #expect(try json(report) == expected)
    }

    @Test("alerts are told as Prometheus tells them")
    func alerts() throws {
        var writer = JSONWriter()
        bench().groups.report.writeAlerts(into: &writer)
        let text = String(decoding: writer.written(), as: UTF8.self)
        let parts: [String] = [
            #"{"status":"success","data":{"alerts":[{"labels":{"alertname":"Fire","i":"1","severity":"page"},"#,
            #""annotations":{"summary":"is 12.5"},"state":"firing","activeAt":"2023-11-14T22:13:30Z","#,
            #""value":"1.25e+01"},{"labels":{"alertname":"Wait","i":"1"},"annotations":{},"state":"pending","#,
            #""activeAt":"2023-11-14T22:13:30Z","value":"1.25e+01"}]}}"#,
        ]
        #expect(text == parts.joined())
    }

    @Test(
        "parameters select",
        arguments: [
            ([("type", "record")], ["x:double", "x:plain"]), ([("type", "alert")], ["Fire", "Wait", "Broken"]),
            ([("rule_name[]", "Fire"), ("rule_name[]", "Broken")], ["Fire", "Broken"]),
            ([("rule_group[]", "b")], ["Broken"]), ([("file[]", "other.yaml")], []),
            ([("match[]", "{severity=~\"p.*\"}"), ("match[]", "{team=\"infra\"}")], ["x:double", "Fire"]),
        ])
    func selection(_ parameters: [(String, String)], _ expected: [String]) throws {
        #expect(try names(bench().groups.report, parameters) == expected)
    }

    @Test("groups come page by page")
    func pages() throws {
        let report = bench().groups.report
        let first = Array(try json(report, [("group_limit", "1")]).utf8)
        let document = try JSONValue(parsing: first.span.bytes)
        let token = try #require(document["data"]?["groupNextToken"]?.string)
        #expect(document["data"]?["groups"]?.elements.count == 1)
        #expect(try names(report, [("group_limit", "1"), ("group_next_token", token)]) == ["Broken"])
        #expect(try !json(report, [("group_limit", "1"), ("group_next_token", token)]).contains("groupNextToken"))
        #expect(try json(report, [("exclude_alerts", "tRUE")]).contains("\"activeAt\"") == false)
        #expect(try json(report, [("exclude_alerts", "tRUE")]).contains("\"alerts\":null"))
        let error = #expect(throws: RulesReport.SelectionError.self) {
            try json(report, [("group_limit", "1"), ("group_next_token", "x")])
        }
        #expect(
            error?.description
                == "invalid parameter \"group_next_token\": invalid group_next_token 'x'. were rule groups changed?")
    }

    @Test(
        "wrong parameters are told in Prometheus's words",
        arguments: [
            ("type", "foo", "invalid parameter \"type\": not supported value \"foo\""),
            ("exclude_alerts", "maybe", "invalid parameter \"exclude_alerts\""),
            ("exclude_alerts", "YES", "strconv.ParseBool: parsing \"yes\": invalid syntax"),
            ("group_limit", "0", "invalid parameter \"group_limit\": group_limit needs to be greater than 0"),
            ("group_limit", "x", "needs to be a valid number: strconv.ParseInt: parsing \"x\": invalid syntax"),
            (
                "group_next_token", "x",
                "invalid parameter \"group_next_token\": group_limit needs to be present in order to paginate"
            ),
            ("match[]", "{", "invalid parameter \"match[]\""),
        ])
    func wrong(_ name: String, _ value: String, _ message: String) {
        let error = #expect(throws: RulesReport.SelectionError.self) { try RulesReport.Selection([(name, value)]) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test("an explanation says what is measured, and when what is pending fires")
    func explanation() throws {
        let bench = bench()
        let wait = try #require(bench.groups.explanations(of: "Wait").first)
        #expect(wait.text.contains("The condition is met by 1 series now."))
        // Evaluated at :30, so 90 seconds later.
        #expect(wait.text.contains("fires at 2023-11-14T22:15:00Z"))
        bench.set("x", 3, at: 1_700_000_020, ["i": "1"])
        bench.evaluate(at: 1_700_000_025)
        let text = try #require(bench.groups.explanations(of: "Fire").first).text
        #expect(text.contains("The condition is met by none of 1 series now."))
        #expect(text.contains("is measured: x{i=\"1\"} 3\n"))
        #expect(text.contains("resolved {alertname=\"Fire\", i=\"1\", severity=\"page\"}"))
        #expect(try #require(bench.groups.explanations(of: "Broken").first).text.contains("it failed"))
        #expect(bench.groups.explanations(of: "Nothing").isEmpty)
        let failing = try #require(bench.groups.explanations(of: "RuleEvaluationFailing").first).text
        #expect(failing.contains("It is about rules themselves.") && failing.contains("it failed"))
    }
}
