import Exporter
import Telemetry
import Testing

private func resolve(
    _ target: LabelSet, _ rules: [RelabelRule] = [], _ configure: (inout MetricScrapeJob) -> Void = { _ in }
) throws -> TargetLabels.Outcome {
    var job = MetricScrapeJob(jobName: "j")
    configure(&job)
    return TargetLabels.resolve(
        target, of: TargetGroup(targets: [], labels: ["group": "g"]), in: job, try Relabeler(rules))
}

private func rule(_ source: String, to target: String, regex: String = "(.*)", _ replacement: String = "$1")
    -> RelabelRule
{
    var rule = RelabelRule()
    rule.sourceLabels = [source]
    rule.targetLabel = target
    rule.regex = regex
    rule.replacement = replacement
    return rule
}

@Suite("Labels of targets")
struct TargetLabelsTests {
    @Test("a target has job, instance and its group's labels")
    func plain() throws {
        let outcome = try resolve(["__address__": "host:9100", "own": "o"])
        guard case .target(let target) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(target.labels == ["group": "g", "instance": "host:9100", "job": "j", "own": "o"])
        #expect(target.url == "http://host:9100/metrics")
        #expect(target.interval == 60)
        #expect(target.timeout == 10)
        #expect(target.discovered["__scrape_interval__"] == "1m")
    }

    @Test("relabelling decides on address, path, scheme, parameters, interval and labels")
    func relabelled() throws {
        let outcome = try resolve(
            ["__address__": "site", "__meta_x": "y"],
            [
                rule("__address__", to: "__param_target"), rule("__address__", to: "instance"),
                rule("__meta_x", to: "x"), rule("x", to: "__address__", "127.0.0.1:9115"),
                rule("x", to: "__scheme__", "https"), rule("x", to: "__scrape_interval__", "1500ms"),
                rule("x", to: "__scrape_timeout__", "1s"),
            ]
        ) {
            $0.metricsPath = "/probe"
            $0.params = ["module": ["http 2xx"], "target": ["none", "second"]]
        }
        guard case .target(let target) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(target.labels == ["group": "g", "instance": "site", "job": "j", "x": "y"])
        #expect(target.url == "https://127.0.0.1:9115/probe?module=http%202xx&target=site&target=second")
        #expect(target.interval == 1.5)
        #expect(target.timeout == 1)
    }

    @Test("a target that relabelling drops is told with its labels as discovered")
    func dropped() throws {
        var drop = RelabelRule()
        drop.action = .drop
        drop.sourceLabels = ["group"]
        drop.regex = "g"
        guard case .dropped(let labels) = try resolve(["__address__": "h"], [drop]) else {
            Issue.record("not dropped")
            return
        }
        #expect(labels["__metrics_path__"] == "/metrics")
    }

    @Test(
        "what cannot be scraped is refused with a reason",
        arguments: [
            (["__address__": "h/path"], "a path goes into metrics_path"), ([:], "no address"),
            (["__address__": "h", "__scheme__": "ftp"], "expected http or https"),
            (["__address__": "h", "__scrape_interval__": "soon"], "expected a duration"),
            (["__address__": "h", "__scrape_interval__": "5s"], "longer than its interval"),
        ] as [(LabelSet, String)])
    func refused(_ labels: LabelSet, _ reason: String) throws {
        guard case .refused(_, let problem) = try resolve(labels) else {
            Issue.record("not refused")
            return
        }
        #expect(problem.contains(reason), "\(problem)")
    }
}
