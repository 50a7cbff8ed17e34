import Bytes
import Telemetry

extension RulesReport {
    /// Which rules `/api/v1/rules` is asked for.
    package struct Selection: Sendable {
        package enum Kind: String, Sendable {
            case alert, record
        }

        /// nil for both.
        package var kind: Kind?
        /// Empty for all, as in the following two.
        package var ruleNames: Set<String> = []
        package var groupNames: Set<String> = []
        package var files: Set<String> = []
        /// A rule is taken when its labels meet all matchers of any of these; empty for all.
        package var matchers: [[LabelMatcher]] = []
        package var excludesAlerts = false
        /// Groups to tell at once; nil for all.
        package var groupLimit: Int?
        /// Of the answer before.
        package var nextToken: String?

        package init() {}
    }

    /// A selection that cannot be answered.
    package struct SelectionError: Error, CustomStringConvertible {
        package var description: String
    }

    /// Writes the answer of Prometheus's `/api/v1/rules`.
    package func write(_ selection: Selection, into json: inout JSONWriter) throws(SelectionError) {
        var chosen: [Group] = []
        for group in groups {
            if !selection.groupNames.isEmpty, !selection.groupNames.contains(group.name) { continue }
            if !selection.files.isEmpty, !selection.files.contains(group.file) { continue }
            var group = group
            group.rules = group.rules.filter { Self.takes($0, selection) }
            if !group.rules.isEmpty { chosen.append(group) }
        }
        var start = 0
        if let token = selection.nextToken {
            guard let index = chosen.firstIndex(where: { Self.token($0) == token }) else {
                throw SelectionError(
                    description: "invalid parameter \"group_next_token\": invalid group_next_token '\(token)'. "
                        + "were rule groups changed?")
            }
            start = index + 1
        }
        let end = min(chosen.count, start + (selection.groupLimit ?? chosen.count))
        json.beginObject()
        json.key("status")
        json.string("success")
        json.key("data")
        json.beginObject()
        json.key("groups")
        json.beginArray()
        for group in chosen[min(start, end)..<end] { Self.write(group, selection, into: &json) }
        json.endArray()
        if end < chosen.count, end > start {
            json.key("groupNextToken")
            json.string(Self.token(chosen[end - 1]))
        }
        json.endObject()
        json.endObject()
    }

    /// Writes the answer of Prometheus's `/api/v1/alerts`.
    package func writeAlerts(into json: inout JSONWriter) {
        json.beginObject()
        json.key("status")
        json.string("success")
        json.key("data")
        json.beginObject()
        json.key("alerts")
        json.beginArray()
        for group in groups {
            for rule in group.rules { for alert in rule.activeAlerts { Self.write(alert, into: &json) } }
        }
        json.endArray()
        json.endObject()
        json.endObject()
    }

    private static func takes(_ rule: Rule, _ selection: Selection) -> Bool {
        let isAlert = rule.definition.kind == .alerting
        if let kind = selection.kind, isAlert != (kind == .alert) { return false }
        if !selection.ruleNames.isEmpty, !selection.ruleNames.contains(rule.definition.name) { return false }
        if selection.matchers.isEmpty { return true }
        let labels = LabelSet(rule.definition.labels)
        return selection.matchers.contains { $0.allSatisfy { $0.matches(labels) } }
    }

    /// What an answer ends with where there is more; of no meaning to anybody else.
    private static func token(_ group: Group) -> String {
        let bytes = Array("\(group.file);\(group.name)".utf8)
        let digits = String(bytes.span.bytes.fnv1a, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func write(_ group: Group, _ selection: Selection, into json: inout JSONWriter) {
        json.beginObject()
        json.key("name")
        json.string(group.name)
        json.key("file")
        json.string(group.file)
        json.key("rules")
        json.beginArray()
        for rule in group.rules { write(rule, selection, into: &json) }
        json.endArray()
        json.key("interval")
        json.number(seconds: group.interval)
        json.key("limit")
        json.integer(group.limit)
        json.key("evaluationTime")
        json.number(group.evaluationTime)
        json.key("lastEvaluation")
        json.time(group.lastEvaluation)
        json.endObject()
    }

    private static func write(_ rule: Rule, _ selection: Selection, into json: inout JSONWriter) {
        let definition = rule.definition
        let isAlert = definition.kind == .alerting
        json.beginObject()
        if isAlert {
            json.key("state")
            json.string(rule.stateName)
        }
        json.key("name")
        json.string(definition.name)
        json.key("query")
        json.string(definition.expression.description)
        if isAlert {
            json.key("duration")
            json.number(seconds: definition.hold)
            json.key("keepFiringFor")
            json.number(seconds: definition.keepFiring)
        }
        json.key("labels")
        json.labels(definition.labels)
        if isAlert {
            json.key("annotations")
            json.labels(definition.annotations)
            json.key("alerts")
            if selection.excludesAlerts {
                // Go's nil, where no alerts are an empty list.
                json.null()
            } else {
                json.beginArray()
                for alert in rule.activeAlerts { write(alert, into: &json) }
                json.endArray()
            }
        }
        json.key("health")
        json.string(rule.status.health.rawValue)
        if !rule.status.lastError.isEmpty {
            json.key("lastError")
            json.string(rule.status.lastError)
        }
        json.key("evaluationTime")
        json.number(rule.status.evaluationTime)
        json.key("lastEvaluation")
        json.time(rule.status.lastEvaluation)
        json.key("type")
        json.string(isAlert ? "alerting" : "recording")
        json.endObject()
    }

    private static func write(_ alert: Alert, into json: inout JSONWriter) {
        json.beginObject()
        json.key("labels")
        json.labels(alert.labels.labels)
        json.key("annotations")
        json.labels(alert.annotations.labels)
        json.key("state")
        json.string(alert.stateName)
        json.key("activeAt")
        json.time(alert.activeAt)
        if case .firing(_, let keptSince?) = alert.state {
            json.key("keepFiringSince")
            json.time(keptSince)
        }
        json.key("value")
        json.string(AlertValue.text(alert.value))
        json.endObject()
    }
}

extension JSONWriter {
    mutating func labels(_ labels: [Label]) {
        beginObject()
        for label in labels {
            key(label.name)
            string(label.value)
        }
        endObject()
    }

    /// A whole number where it is one, as Go writes it.
    mutating func number(seconds milliseconds: Int64) {
        if milliseconds % 1000 == 0 {
            integer(milliseconds / 1000)
        } else {
            number(Double(milliseconds) / 1000)
        }
    }

    /// As Go writes a time in UTC; nil is its zero.
    mutating func time(_ milliseconds: Int64?) {
        guard let milliseconds else { return string("0001-01-01T00:00:00Z") }
        string(RuleTime.text(milliseconds))
    }
}

/// Milliseconds since 1970 as Go's RFC3339Nano writes them: no zeros at the end of the fraction.
package enum RuleTime {
    package static func text(_ milliseconds: Int64) -> String {
        var text = Substring(RFC3339.text(milliseconds * 1_000_000)).dropLast()
        while text.hasSuffix("0") { text = text.dropLast() }
        if text.hasSuffix(".") { text = text.dropLast() }
        return text + "Z"
    }
}

/// Values as Go's `strconv.FormatFloat(value, 'e', -1, 64)` writes them.
enum AlertValue {
    static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == 0 { return value.sign == .minus ? "-0e+00" : "0e+00" }
        let parts = value.magnitude.description.split(separator: "e")
        let number = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        var digits = Substring(String(number[0]) + (number.count > 1 ? String(number[1]) : ""))
        var exponent = number[0].count - 1 + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        while digits.count > 1, digits.hasPrefix("0") {
            digits = digits.dropFirst()
            exponent -= 1
        }
        while digits.count > 1, digits.hasSuffix("0") { digits = digits.dropLast() }
        let magnitude = String(exponent.magnitude)
        return (value < 0 ? "-" : "") + digits.prefix(1) + (digits.count > 1 ? "." + digits.dropFirst() : "") + "e"
            + (exponent < 0 ? "-" : "+") + (magnitude.count < 2 ? "0" : "") + magnitude
    }
}
