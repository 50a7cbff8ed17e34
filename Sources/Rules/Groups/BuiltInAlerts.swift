import Configuration
import Synchronization
import Telemetry

/// Alerts about rules themselves, which no query could raise: `RuleLoadFailed` and `RuleEvaluationFailing`.
final class BuiltInAlerts: Sendable {
    /// What cannot be loaded: file, group (empty for the file as a whole), what is wrong.
    struct LoadFailure: Sendable, Equatable {
        var file: String
        var group: String
        var problem: String
        /// Whether what was loaded before goes on.
        var keepsOld: Bool
    }

    private let failures = Mutex<[LoadFailure]>([])

    static let file = "built-in"
    static let group = "rules"
    static let loadFailed = "RuleLoadFailed"
    static let evaluationFailing = "RuleEvaluationFailing"

    func replace(_ failures: [LoadFailure]) { self.failures.withLock { $0 = failures } }

    var count: Int { failures.withLock { $0.count } }

    /// The first of what cannot be loaded, and why.
    var first: String? { failures.withLock { $0.first?.problem } }

    /// The group that the crew evaluates like any other.
    static var definition: RuleGroupDefinition {
        var definition = RuleGroupDefinition(file: file, name: group)
        let expression = RuleExpression(
            text: "0", parsed: .number(NumberLiteral(value: 0, range: TextRange(start: 0, end: 1))))
        var load = RuleDefinition(.alerting, name: loadFailed, expression: expression)
        load.labels = [Label("severity", "warning")]
        var failing = RuleDefinition(.alerting, name: evaluationFailing, expression: expression)
        failing.labels = [Label("severity", "warning")]
        failing.hold = 10 * 60_000
        definition.rules = [load, failing]
        return definition
    }

    func loadFindings() -> [AlertSet.Finding] {
        failures.withLock { $0 }.map { failure in
            var labels: LabelSet = ["alertname": Self.loadFailed, "severity": "warning", "file": failure.file]
            labels["rule_group"] = failure.group
            let what =
                failure.group.isEmpty ? "Rule file \(failure.file)" : "Rule group \(failure.group) of \(failure.file)"
            let rest = failure.keepsOld ? "what was loaded before goes on" : "its rules are not evaluated"
            return AlertSet.Finding(
                labels: labels, source: labels,
                annotations: ["summary": "\(what) cannot be loaded.", "description": "\(failure.problem); \(rest)."],
                value: 1)
        }
    }

    static func evaluationFindings(_ report: RulesReport) -> [AlertSet.Finding] {
        var findings: [LabelSet: AlertSet.Finding] = [:]
        for group in report.groups {
            for rule in group.rules where rule.status.health == .err {
                let labels: LabelSet = [
                    "alertname": evaluationFailing, "severity": "warning", "file": group.file,
                    "rule_group": group.name, "rule": rule.definition.name,
                ]
                findings[labels] = AlertSet.Finding(
                    labels: labels, source: labels,
                    annotations: [
                        "summary": "Rule \(rule.definition.name) cannot be evaluated.",
                        "description": rule.status.lastError,
                    ], value: 1)
            }
        }
        return Array(findings.values)
    }
}
