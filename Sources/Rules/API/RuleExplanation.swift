import Bytes
import Configuration
import Telemetry

/// Why a rule's alerts are what they are, as of now: what its expression finds, what it measures without its comparison, and
/// when what is pending fires.
package struct RuleExplanation: Sendable {
    package var group: String
    package var file: String
    package var interval: Int64
    package var rule: RulesReport.Rule
    /// Milliseconds since 1970.
    package var time: Int64
    /// Whether `active` lets it be evaluated now.
    package var isActive: Bool
    /// What the expression finds.
    package var found: [VectorSample] = []
    /// What it measures without its last comparison, where it has one.
    package var measured: [VectorSample]?
    /// Why it could not be evaluated; empty where it could.
    package var error = ""
    package var remarks: [String] = []
    /// Of an alert about rules themselves, which no expression raises.
    var isBuiltIn: Bool { file == BuiltInAlerts.file }

    /// Series of each kind that are told.
    static let mostSeries = 20

    init(_ group: RulesReport.Group, _ rule: RulesReport.Rule, at time: Int64) {
        self.group = group.name
        file = group.file
        interval = group.interval
        self.rule = rule
        self.time = time
        isActive = rule.definition.active?.contains(time: time / 1000) ?? true
    }

    /// Evaluates the expression; any thread may.
    mutating func evaluate(_ surroundings: RuleSurroundings, at queryTime: Int64) {
        let expression = rule.definition.expression.parsed
        let text = rule.definition.expression.text
        let prepare = surroundings.language.makePreparer()
        do {
            found = try surroundings.vector(
                RuleLanguage.query(expression, text, prepare), at: queryTime, remarks: &remarks)
            if let plain = ExpressionParts.withoutComparison(expression) {
                var ignored: [String] = []
                measured = try surroundings.vector(
                    RuleLanguage.query(plain, text, prepare), at: queryTime, remarks: &ignored)
            }
        } catch {
            self.error = "\(error)"
        }
    }

    /// When a pending alert fires if its condition holds: the first evaluation after its `for`.
    func firesAt(_ alert: Alert) -> Int64? {
        guard alert.state == .pending else { return nil }
        let due = alert.activeAt + rule.definition.hold
        let last = rule.status.lastEvaluation ?? alert.activeAt
        guard interval > 0, due > last else { return last + interval }
        return last + (due - last + interval - 1) / interval * interval
    }

    /// For people.
    package var text: String {
        let definition = rule.definition
        var lines = ["\(definition.name) (group \(group), \(file):\(definition.position.line))"]
        if !isBuiltIn { lines.append("  expression  \(definition.expression)") }
        if definition.hold > 0 { lines.append("  for         \(PrometheusDuration.text(definition.hold))") }
        if definition.keepFiring > 0 { lines.append("  keep firing \(PrometheusDuration.text(definition.keepFiring))") }
        if let wait = definition.absentFor { lines.append("  absent for  \(PrometheusDuration.text(wait))") }
        if let policy = definition.noData { lines.append("  no data     \(policy.rawValue)") }
        let last = rule.status.lastEvaluation.map(RuleTime.text) ?? "never"
        lines.append(
            "  evaluated   \(last), every \(PrometheusDuration.text(interval)), health \(rule.status.health.rawValue)")
        if !rule.status.lastError.isEmpty { lines.append("  error       \(rule.status.lastError)") }
        if !error.isEmpty { lines.append("  now         it cannot be evaluated: \(error)") }
        for remark in remarks { lines.append("  remark      \(remark)") }
        if !isActive { lines.append("  It is outside of its active times now, so that it has no alerts.") }
        lines.append(conclusion)
        for alert in rule.activeAlerts {
            lines.append("  \(alert.stateName) \(alert.labels)")
            lines.append("    since \(RuleTime.text(alert.activeAt)), value \(QueryValue.text(of: alert.value))")
            if isBuiltIn, let why = alert.annotations["description"] { lines.append("    \(why)") }
            if let time = firesAt(alert) {
                lines.append("    fires at \(RuleTime.text(time)) if the condition holds until then")
            }
            if case .firing(_, let kept?) = alert.state {
                lines.append("    kept by keep_firing_for since \(RuleTime.text(kept))")
            }
            if let held = alert.heldSince { lines.append("    its data has been missing since \(RuleTime.text(held))") }
            if let sent = alert.lastSent { lines.append("    last sent \(RuleTime.text(sent))") }
        }
        for alert in rule.alerts.values.filter(\.isResolved).sorted(by: { $0.labels.isListed(before: $1.labels) }) {
            guard case .resolved(_, let end) = alert.state else { continue }
            lines.append("  resolved \(alert.labels)")
            lines.append(
                "    at \(RuleTime.text(end))"
                    + (alert.resolvedValue.map { ", value then \(QueryValue.text(of: $0))" } ?? ""))
        }
        append(found, "meets the condition", to: &lines)
        if let measured { append(measured, "is measured", to: &lines) }
        return lines.joined(separator: "\n") + "\n"
    }

    private var conclusion: String {
        if isBuiltIn { return "  It is about rules themselves." }
        if !error.isEmpty { return "  Nothing can be said of its condition." }
        if rule.definition.absentFor != nil {
            return found.isEmpty
                ? "  Nothing of what it watches is there now." : "  \(found.count) series are there now."
        }
        if !found.isEmpty { return "  The condition is met by \(found.count) series now." }
        guard let measured else { return "  The condition is met by nothing now." }
        return measured.isEmpty
            ? "  The condition is met by nothing now, and nothing is measured: the data is missing."
            : "  The condition is met by none of \(measured.count) series now."
    }

    private func append(_ samples: [VectorSample], _ what: String, to lines: inout [String]) {
        for sample in samples.prefix(Self.mostSeries) {
            lines.append("  \(what): \(SeriesName.text(sample.labels)) \(QueryValue.text(of: sample.value))")
        }
        if samples.count > Self.mostSeries { lines.append("  and \(samples.count - Self.mostSeries) more") }
    }

    package func write(into json: inout JSONWriter) {
        json.beginObject()
        for (name, text) in [
            ("alert", rule.definition.name), ("group", group), ("file", file),
            ("query", rule.definition.expression.description), ("state", rule.stateName),
            ("health", rule.status.health.rawValue), ("lastError", rule.status.lastError), ("error", error),
        ] {
            json.key(name)
            json.string(text)
        }
        json.key("line")
        json.integer(rule.definition.position.line)
        json.key("duration")
        json.number(seconds: rule.definition.hold)
        json.key("interval")
        json.number(seconds: interval)
        json.key("time")
        json.time(time)
        json.key("lastEvaluation")
        json.time(rule.status.lastEvaluation)
        json.key("active")
        json.bool(isActive)
        json.key("remarks")
        json.beginArray()
        for remark in remarks { json.string(remark) }
        json.endArray()
        json.key("alerts")
        json.beginArray()
        for alert in rule.activeAlerts {
            json.beginObject()
            json.key("labels")
            json.labels(alert.labels.labels)
            json.key("state")
            json.string(alert.stateName)
            json.key("activeAt")
            json.time(alert.activeAt)
            json.key("value")
            json.string(AlertValue.text(alert.value))
            for (name, time) in [
                ("firesAt", firesAt(alert)), ("heldSince", alert.heldSince), ("lastSent", alert.lastSent),
            ] {
                guard let time else { continue }
                json.key(name)
                json.time(time)
            }
            json.endObject()
        }
        json.endArray()
        for (name, samples) in [("found", found), ("measured", measured ?? [])] {
            json.key(name)
            json.beginArray()
            for sample in samples.prefix(1000) {
                json.beginObject()
                json.key("labels")
                json.labels(sample.labels.labels)
                json.key("value")
                json.string(AlertValue.text(sample.value))
                json.endObject()
            }
            json.endArray()
        }
        json.endObject()
    }
}

extension RuleGroups {
    /// Every alerting rule of this name, evaluated now. Takes as long as the queries do.
    ///
    /// - Parameter cancellation: ends it when nobody waits for it any more.
    package func explanations(
        of name: String, cancellation: QueryCancellation = QueryCancellation()
    ) -> [RuleExplanation] {
        var result: [RuleExplanation] = []
        var reading = reading
        reading.language = reading.language.canceled(by: cancellation)
        let now = currentTime
        for group in fullReport.groups {
            for rule in group.rules where rule.definition.kind == .alerting && rule.definition.name == name {
                var explanation = RuleExplanation(group, rule, at: now)
                if !explanation.isBuiltIn { explanation.evaluate(reading, at: now) }
                result.append(explanation)
            }
        }
        return result
    }
}
