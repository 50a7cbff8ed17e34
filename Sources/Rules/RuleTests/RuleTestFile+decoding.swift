import Bytes
import Configuration
import Telemetry

extension RuleTestFile {
    package static let configurationKeys = [
        ConfigurationKey("rule_files", "list of paths", "Files with the rules; `*`, `?` and `[…]` stand for names."),
        ConfigurationKey("evaluation_interval", "duration", default: "1m", "Between two evaluations of all groups."),
        ConfigurationKey("group_eval_order", "list of strings", "Groups in the order in which they are evaluated."),
        ConfigurationKey(
            "fuzzy_compare", "bool", default: "false", "Take values that differ by the last bit for equal."),
        ConfigurationKey("tests", "list of tests", "The tests."),
    ]

    /// Reads a file; throws all that is wrong with it.
    package init(_ bytes: [UInt8], path: String) throws(ConfigurationError) {
        let root = try YAMLDocument(bytes, file: path).root
        let context = ReadingContext(file: path, surroundings: .process)
        self.init(path: path)
        if let reader = ValueReader(node: root, name: "the file", context: context).mapping(Self.configurationKeys) {
            read(reader)
            reader.finish()
        }
        if !context.problems.isEmpty { throw ConfigurationError(context.problems) }
    }

    private mutating func read(_ reader: MappingReader) {
        ruleFiles = reader.value("rule_files")?.items()?.compactMap { $0.literal() } ?? []
        evaluationInterval = reader.milliseconds("evaluation_interval", least: 0) ?? 0
        if evaluationInterval == 0 { evaluationInterval = 60_000 }
        groupOrder = reader.value("group_eval_order")?.items()?.compactMap { $0.literal() } ?? []
        isFuzzy = reader.bool("fuzzy_compare") ?? false
        var seen: Set<String> = []
        for name in groupOrder where !seen.insert(name).inserted {
            reader.report("group name repeated in evaluation order: \(name)", at: "group_eval_order")
        }
        for item in reader.value("tests")?.items() ?? [] {
            guard let mapping = item.mapping(RuleTest.configurationKeys) else { continue }
            tests.append(RuleTest(mapping, evaluationInterval: evaluationInterval))
            mapping.finish()
        }
    }
}

extension RuleTest {
    package static let configurationKeys = [
        ConfigurationKey("name", "string", "The test's name, for `--run` and messages."),
        ConfigurationKey("interval", "duration", "Between two values of a series; the evaluation interval by default."),
        ConfigurationKey(
            "start_timestamp", "time", default: "0", "When the test begins: seconds since 1970 or RFC 3339."),
        ConfigurationKey("input_series", "list", "Each with `series` and `values`."),
        ConfigurationKey("external_labels", "mapping", "What templates see as `$externalLabels`."),
        ConfigurationKey("external_url", "string", "What templates see as `$externalURL`."),
        ConfigurationKey("alert_rule_test", "list", "Each with `eval_time`, `alertname`, `exp_alerts`, `exp_pending`."),
        ConfigurationKey("promql_expr_test", "list", "Each with `expr`, `eval_time`, `exp_samples`."),
    ]

    private static let inputKeys = [
        ConfigurationKey("series", "string", "A series with its labels."),
        ConfigurationKey("values", "string", "Its values, in the expanding notation."),
    ]

    init(_ reader: MappingReader, evaluationInterval: Int64) {
        name = reader.value("name")?.literal() ?? ""
        interval = reader.milliseconds("interval", least: 0) ?? 0
        if interval == 0 { interval = evaluationInterval }
        if let value = reader.value("start_timestamp"), let text = value.literal() {
            if let time = Self.time(text) {
                start = time
            } else {
                value.report("expected seconds since 1970 or a time such as 2026-01-31T12:00:00Z, found \"\(text)\"")
            }
        }
        for item in reader.value("input_series")?.items() ?? [] {
            guard let mapping = item.mapping(Self.inputKeys) else { continue }
            input.append(
                Input(
                    series: mapping.value("series")?.literal() ?? "", values: mapping.value("values")?.literal() ?? ""))
            mapping.finish()
        }
        externalLabels = LabelSet(plain: reader, "external_labels")
        externalURL = reader.value("external_url")?.literal() ?? ""
        alertTests = (reader.value("alert_rule_test")?.items() ?? []).compactMap { AlertRuleTest($0, test: name) }
        expressionTests = (reader.value("promql_expr_test")?.items() ?? []).compactMap { ExpressionTest($0) }
    }

    private static func time(_ text: String) -> Int64? {
        if let seconds = Double(text) { return Int64(exactly: (seconds * 1000).rounded()) }
        let bytes = Array(text.utf8)
        return RFC3339.parse(bytes.span.bytes).map { Timestamp(nanoseconds: $0).milliseconds }
    }
}

extension AlertRuleTest {
    package static let configurationKeys = [
        ConfigurationKey("eval_time", "duration", default: "0s", "Since the test's begin."),
        ConfigurationKey("alertname", "string", "The alert that is looked at."),
        ConfigurationKey("exp_alerts", "list", "All that fire, each with `exp_labels` and `exp_annotations`."),
        ConfigurationKey("exp_pending", "list", "All that are pending; not looked at where it is absent."),
    ]

    init?(_ item: ValueReader, test: String) {
        guard let reader = item.mapping(Self.configurationKeys) else { return nil }
        time = reader.milliseconds("eval_time", least: 0) ?? 0
        alert = reader.value("alertname")?.literal() ?? ""
        if alert.isEmpty {
            reader.report(
                "an item under alert_rule_test misses required attribute alertname at eval_time "
                    + PrometheusDuration.text(time) + (test.isEmpty ? "" : " (in TestGroup \(test))"))
        }
        let name = alert
        firing = (reader.value("exp_alerts")?.items() ?? []).compactMap { ExpectedAlert($0, alert: name) }
        pending =
            reader.has("exp_pending")
            ? (reader.value("exp_pending")?.items() ?? []).compactMap { ExpectedAlert($0, alert: name) } : nil
        reader.finish()
    }
}

extension ExpectedAlert {
    private static let configurationKeys = [
        ConfigurationKey("exp_labels", "mapping", "All labels but `alertname`."),
        ConfigurationKey("exp_annotations", "mapping", "All annotations."),
    ]

    init?(_ item: ValueReader, alert: String) {
        guard let reader = item.mapping(Self.configurationKeys) else { return nil }
        labels = LabelSet(plain: reader, "exp_labels")
        labels["alertname"] = alert
        annotations = LabelSet(plain: reader, "exp_annotations")
        reader.finish()
    }
}

extension ExpressionTest {
    package static let configurationKeys = [
        ConfigurationKey("expr", "PromQL", "The expression."),
        ConfigurationKey("eval_time", "duration", default: "0s", "Since the test's begin."),
        ConfigurationKey("exp_samples", "list", "All samples, each with `labels` and `value`."),
    ]

    private static let sampleKeys = [
        ConfigurationKey("labels", "string", "Name and labels, as `up{job=\"x\"}`."),
        ConfigurationKey("value", "number", default: "0", "The value."),
        ConfigurationKey(
            "histogram", "string", "A native histogram, as `{{schema:0 count:1 buckets:[1]}}`, instead of a value."),
    ]

    init?(_ item: ValueReader) {
        guard let reader = item.mapping(Self.configurationKeys) else { return nil }
        expression = reader.value("expr")?.literal() ?? ""
        time = reader.milliseconds("eval_time", least: 0) ?? 0
        samples = []
        for item in reader.value("exp_samples")?.items() ?? [] {
            guard let mapping = item.mapping(Self.sampleKeys) else { continue }
            var value = 0.0
            if let reader = mapping.value("value"), let text = reader.literal() {
                if let number = Self.number(text) {
                    value = number
                } else {
                    reader.report("expected a number, found \"\(text)\"")
                }
            }
            samples.append(
                Sample(
                    labels: mapping.value("labels")?.literal() ?? "", value: value,
                    histogram: mapping.value("histogram")?.literal()))
            mapping.finish()
        }
        reader.finish()
    }

    /// A number as YAML 1.1 has them, `.inf` and `.nan` among them.
    private static func number(_ text: String) -> Double? {
        switch text.lowercased() {
        case ".inf", "+.inf": return .infinity
        case "-.inf": return -.infinity
        case ".nan": return .nan
        default: return GoLiteral.float(text) ?? GoLiteral.integer(text).map(Double.init)
        }
    }
}

extension LabelSet {
    /// A mapping of names to texts as they are written.
    fileprivate init(plain reader: MappingReader, _ key: String) {
        self.init()
        for entry in reader.value(key)?.entries() ?? [] {
            keep(entry.key, entry.value.node.isNull ? "" : entry.value.literal() ?? "")
        }
    }
}
