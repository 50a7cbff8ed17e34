import Configuration
import Rules
import Telemetry
import Testing

@Suite("The default pack")
struct DefaultPackTests {
    private static let files = DefaultPack.files(.promQL())

    private static let alerts = files.flatMap(\.groups).flatMap(\.rules)

    private static func text(_ name: String) -> String {
        let folder = "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/")
        guard case .success(let bytes) = ConfigurationSurroundings.process.read(folder + "/../../../" + name) else {
            return ""
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("is right, without remarks")
    func loads() {
        #expect(Self.files.count >= 10)
        #expect(Self.files.flatMap(\.problems).isEmpty)
        #expect(Self.files.flatMap(\.warnings).isEmpty)
        #expect(Self.alerts.count > 80)
    }

    @Test("says of every alert what it is, how bad, and where more stands")
    func described() {
        let page = Self.text("docs/alerts.md")
        var names: Set<String> = []
        for alert in Self.alerts {
            #expect(alert.kind == .alerting)
            #expect(names.insert(alert.name).inserted, "\(alert.name) twice")
            #expect(["critical", "warning", "info"].contains(alert.labels.first { $0.name == "severity" }?.value))
            #expect(alert.annotations.map(\.name) == ["description", "runbook", "summary"], "\(alert.name)")
            let runbook = alert.annotations.first { $0.name == "runbook" }?.value
            #expect(runbook == "docs/alerts.md#\(alert.name.lowercased())")
            #expect(page.contains("\n### \(alert.name)\n"), "\(alert.name) is not in docs/alerts.md")
        }
    }

    @Test("tests every alert")
    func tested() {
        for file in DefaultPack.texts {
            let stem = file.name.dropLast(".yaml".count)
            let tests = Self.text("rules/tests/\(stem)_test.yaml") + Self.text("rules/tests/\(stem)_slow_test.yaml")
            for alert in Self.files.first(where: { $0.path.hasSuffix("/" + file.name) })?.groups.flatMap(\.rules) ?? []
            {
                #expect(tests.contains("alertname: \(alert.name)\n        exp_alerts:"), "\(alert.name) never fires")
                #expect(tests.contains("alertname: \(alert.name)}"), "\(alert.name) is never quiet")
            }
        }
    }

    /// Of jails, which the agent will have, in fail2ban_exporter's words.
    private static let ofJails: Set<String> = ["f2b_jail_banned_total", "f2b_jail_failed_total"]

    @Test("asks for metrics that exist")
    func names() {
        let documents = ["metrics", "rules", "logs", "alerts"].map { Self.text("docs/\($0).md") }.joined(
            separator: "\n")
        var known = Self.ofJails
        // What stands between backquotes.
        for piece in documents.split(separator: "`", omittingEmptySubsequences: false) where piece.utf8.count < 80 {
            known.insert(String(piece.prefix { $0.isLetter || $0.isNumber || "_*".contains($0) }))
        }
        let patterns = known.filter { $0.contains("*") }
        var asked: Set<String> = []
        for alert in Self.alerts { Self.collect(alert.expression.parsed, into: &asked) }
        #expect(asked.count > 80)
        for name in asked where !known.contains(name) {
            let base = ["_count", "_sum", "_bucket"].first(where: name.hasSuffix).map {
                String(name.dropLast($0.count))
            }
            let matches = patterns.contains { pattern in
                let parts = pattern.split(separator: "*", maxSplits: 1, omittingEmptySubsequences: false)
                return parts.count == 2 && name.hasPrefix(parts[0]) && name.hasSuffix(parts[1])
            }
            #expect(matches || known.contains(base ?? ""), "no document knows \(name)")
        }
    }

    private static func collect(_ expression: Expression, into names: inout Set<String>) {
        switch expression {
        case .number, .string: break
        case .vectorSelector(let selector): names.insert(selector.name ?? "")
        case .matrixSelector(let matrix): names.insert(matrix.selector.name ?? "")
        case .subquery(let subquery): collect(subquery.expression, into: &names)
        case .call(let call): for argument in call.arguments { collect(argument, into: &names) }
        case .aggregation(let aggregation):
            collect(aggregation.expression, into: &names)
            if let parameter = aggregation.parameter { collect(parameter, into: &names) }
        case .unary(let unary): collect(unary.expression, into: &names)
        case .binary(let binary):
            collect(binary.left, into: &names)
            collect(binary.right, into: &names)
        case .parenthesized(let inner, _): collect(inner, into: &names)
        }
    }
}
