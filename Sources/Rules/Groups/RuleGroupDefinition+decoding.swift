import Configuration
import Telemetry

extension RuleGroupDefinition {
    package static let configurationKeys =
        [
            ConfigurationKey("name", "string", "The group's name, unique in its file."),
            ConfigurationKey("interval", "duration", "Between two evaluations; without it the global one."),
            ConfigurationKey(
                "query_offset", "duration", "Evaluates as of so long ago; without it the global one."),
            ConfigurationKey("limit", "number", default: "0", "Series or alerts that a rule may bring; 0: any number."),
            ConfigurationKey("labels", "mapping", "Labels of all its rules; a rule's own win."),
            ConfigurationKey("rules", "list of rules", "Evaluated in their order."),
        ]
        + [
            ("partial_response_strategy", "Thanos asks several stores, there is one here"),
            ("source_tenants", "there are no tenants here"), ("federated", "there are no tenants here"),
            ("tenant", "there are no tenants here"), ("evaluation_delay", "use query_offset"),
            ("eval_delay", "use query_offset"), ("eval_offset", "every group has its own offset"),
            ("eval_alignment", "evaluations are always aligned"),
            ("align_evaluation_time_on_interval", "every group has its own offset"),
            ("concurrency", "the rules of a group are evaluated one after the other"),
            ("params", "there is one store here"), ("headers", "there is one store here"),
            ("notifier_headers", "receivers have their own headers"), ("debug", "see tocsin rules explain"),
        ].map { ConfigurationKey.ignored($0.0, $0.1) }

    /// Reads a group; what is wrong is reported to the reader's context.
    init(_ reader: MappingReader, file: String, language: RuleLanguage, intervals: [String: [TimeInterval]]?) {
        self.init(file: file, name: reader.value("name")?.literal() ?? "")
        if name.isEmpty { reader.report("a group needs a name", at: reader.has("name") ? "name" : nil) }
        // As in Prometheus 0 is none.
        interval = reader.milliseconds("interval", least: 0).flatMap { $0 == 0 ? nil : $0 }
        queryOffset = reader.milliseconds("query_offset", least: 0)
        limit = reader.value("limit")?.int(in: 0...1_000_000) ?? 0
        let labels = reader.ruleLabels("labels", "label") ?? []
        let place = "group \"\(name)\""
        for (index, item) in (reader.value("rules")?.items() ?? []).enumerated() {
            guard let mapping = item.mapping(RuleDefinition.configurationKeys) else { continue }
            if let rule = RuleDefinition(
                mapping, place: "\(place), rule \(index + 1)", groupLabels: labels, language: language,
                intervals: intervals)
            {
                rules.append(rule)
            }
            mapping.finish()
        }
        reader.finish()
    }
}

extension RuleDefinition {
    package static let configurationKeys =
        [
            ConfigurationKey("record", "string", "The metric's name, for a recording rule."),
            ConfigurationKey("alert", "string", "The alert's name, for an alerting rule."),
            ConfigurationKey("expr", "PromQL", "What is recorded, or what is wrong where it finds something."),
            ConfigurationKey("for", "duration", default: "0s", "So long it has to find it before the alert fires."),
            ConfigurationKey(
                "keep_firing_for", "duration", default: "0s", "So long the alert goes on when it finds it no more."),
            ConfigurationKey("labels", "mapping", "Labels to add; those of alerts are templates. Empty: taken away."),
            ConfigurationKey("annotations", "mapping", "Templates; of alerts only."),
            ConfigurationKey(
                "no_data", "keep, resolve or fire", default: "resolve",
                "What becomes of alerts whose data is not there. Ours."),
            ConfigurationKey(
                "absent_for", "duration",
                "The alert is about what the expression found lately and has not found for so long. Ours."),
            ConfigurationKey(
                "active", "names or list of time intervals",
                "When the rule is evaluated: names of `time_intervals`, or intervals in place. Ours."),
        ]
        + [
            ("debug", "see tocsin rules explain"), ("update_entries_limit", "every change is kept in the state"),
            ("source_tenants", "there are no tenants here"),
        ].map { ConfigurationKey.ignored($0.0, $0.1) }

    /// Reads a rule; nil where it has no name or no expression, having reported why.
    fileprivate init?(
        _ reader: MappingReader, place: String, groupLabels: [Label], language: RuleLanguage,
        intervals: [String: [TimeInterval]]?
    ) {
        let record = reader.value("record")?.literal()
        let alert = reader.value("alert")?.literal()
        let name = record ?? alert ?? ""
        let place = name.isEmpty ? place : "\(place), \"\(name)\""
        func report(_ message: String, at key: String?) { reader.report("\(place): \(message)", at: key) }
        let isRecording = record != nil

        let expression = reader.value("expr").flatMap { Self.expression($0, place: place, language: language) }
        if reader.value("expr") == nil { report("field 'expr' must be set in rule", at: nil) }
        let hold = reader.milliseconds("for", least: 0)
        let keepFiring = reader.milliseconds("keep_firing_for", least: 0)
        let labels = reader.ruleLabels("labels", "label") ?? []
        let annotations = reader.ruleLabels("annotations", "annotation") ?? []
        let noData = reader.choice("no_data", NoData.self)
        let absentFor = reader.milliseconds("absent_for", least: 1)
        let active = reader.value("active").flatMap { Self.intervals($0, named: intervals) }

        switch (record, alert) {
        case (nil, nil): report("one of 'record' or 'alert' must be set", at: nil)
        case (_?, _?): report("only one of 'record' and 'alert' must be set", at: "alert")
        default: break
        }
        if name.isEmpty, record != nil || alert != nil { report("expected a name, found none", at: nil) }
        if let record, record.contains(where: { $0 == "{" || $0 == "}" }) {
            report("braces present in the recording rule name; should it be in expr?", at: "record")
        }
        if isRecording {
            for key in ["for", "keep_firing_for", "annotations", "no_data", "absent_for"] where reader.has(key) {
                report("invalid field '\(key)' in recording rule", at: key)
            }
        }
        guard !name.isEmpty, let expression else { return nil }
        self.init(isRecording ? .recording : .alerting, name: name, expression: expression)
        var merged = groupLabels.filter { label in !labels.contains { $0.name == label.name } } + labels
        merged.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        self.labels = merged
        self.annotations = annotations
        self.hold = hold ?? 0
        self.keepFiring = keepFiring ?? 0
        self.noData = noData
        self.absentFor = absentFor
        self.active = active
        position = reader.position
        if !isRecording {
            for (kind, texts) in [("label", merged), ("annotation", annotations)] {
                for text in texts {
                    if let problem = AlertText.problem(text.value, alert: name) {
                        report("\(kind) \"\(text.name)\": \(problem)", at: "\(kind)s")
                    }
                }
            }
        }
    }

    private static func expression(_ value: ValueReader, place: String, language: RuleLanguage) -> RuleExpression? {
        guard let text = value.literal() else { return nil }
        do throws(QueryError) {
            let parsed = try language.parse(text)
            guard [.scalar, .vector].contains(parsed.valueType) else {
                value.context.report(
                    "\(place): expected an expression that gives a vector or a scalar, found a \(parsed.valueType.rawValue)",
                    at: value.position)
                return nil
            }
            // What the parser takes and the engine does not is told here rather than at each evaluation.
            _ = try language.makePreparer()(parsed, text)
            return RuleExpression(text: text, parsed: parsed)
        } catch {
            value.context.report("\(place): could not parse expression: \(error)", at: value.position)
            return nil
        }
    }

    /// Intervals in place, or names of them.
    private static func intervals(_ value: ValueReader, named known: [String: [TimeInterval]]?) -> [TimeInterval]? {
        var items = [value]
        if case .sequence = value.node.content { items = value.items() ?? [] }
        var result: [TimeInterval] = []
        for item in items {
            guard case .scalar = item.node.content else {
                if let interval = item.section(TimeInterval.self) { result.append(interval) }
                continue
            }
            guard let name = item.literal(), let known else { continue }
            if let found = known[name] {
                result += found
            } else {
                let names = known.keys.sorted()
                let hint = NearestKey.of(name, among: names).map { "; did you mean \($0)?" } ?? ""
                item.report("there is no time interval \"\(name)\"\(hint)")
            }
        }
        return result
    }
}

extension MappingReader {
    /// Names and texts, sorted by name; a text is taken as it is, as `$` belongs to templates.
    fileprivate func ruleLabels(_ key: String, _ kind: String) -> [Label]? {
        guard let entries = value(key)?.entries() else { return nil }
        var labels: [Label] = []
        for entry in entries {
            if entry.key.isEmpty || (kind == "label" && entry.key == "__name__") {
                context.report("invalid \(kind) name: \"\(entry.key)\"", at: entry.keyPosition)
                continue
            }
            let text = entry.value.node.isNull ? "" : entry.value.literal()
            if let text { labels.append(Label(entry.key, text)) }
        }
        return labels.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}
