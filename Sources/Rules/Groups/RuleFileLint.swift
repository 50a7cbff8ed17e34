import Configuration
import Telemetry

/// What is legal in a rule file and probably not meant; for `tocsin check` and as warnings at load.
package enum RuleFileLint {
    /// Remarks on a file's rules, in their order.
    package static func remarks(_ file: RuleFile) -> [ConfigurationProblem] {
        var remarks: [ConfigurationProblem] = []
        var seen: [String: SourcePosition] = [:]
        for group in file.groups {
            if let interval = group.interval, interval < 1000 {
                let place = group.rules.first?.position ?? SourcePosition(line: 1, column: 1)
                remarks.append(
                    ConfigurationProblem(
                        file: file.path, position: place,
                        message: "group \"\(group.name)\" is evaluated more than once a second"))
            }
            for rule in group.rules {
                var texts: [String] = []
                if let earlier = seen.updateValue(rule.position, forKey: rule.identity) {
                    texts.append(
                        "has the name and labels of the rule in line \(earlier.line): one of them hides the other")
                }
                texts += rule.kind == .alerting ? alert(rule, group) : recording(rule)
                texts += expression(rule.expression.parsed)
                for text in texts {
                    remarks.append(
                        ConfigurationProblem(
                            file: file.path, position: rule.position,
                            message: "group \"\(group.name)\", \"\(rule.name)\": \(text)"))
                }
            }
        }
        return remarks.sorted { $0.position < $1.position }
    }

    private static func alert(_ rule: RuleDefinition, _ group: RuleGroupDefinition) -> [String] {
        var texts: [String] = []
        let expression = rule.expression.parsed
        if rule.hold == 0, rule.absentFor == nil, !looksBack(expression) {
            texts.append("has no `for`, so that a single sample raises it")
        }
        if let interval = group.interval, rule.hold > 0, rule.hold < interval {
            texts.append("has a `for` shorter than the group's interval: it fires at the second evaluation")
        }
        if rule.annotations.isEmpty { texts.append("has no annotations, so that a notification says its name only") }
        if case .number = expression { texts.append("is about a number, which never changes") }
        if case .binary(let binary) = expression, case .comparison(_, isBool: true) = binary.operation {
            texts.append("compares with `bool`, which always gives a sample: it fires whatever the result")
        }
        if rule.absentFor != nil, ExpressionParts.withoutComparison(expression) != nil {
            texts.append("asks with `absent_for` for what meets a condition: one that is not met counts as gone")
        }
        for label in rule.labels where label.value.contains("$value") || label.value.contains(".Value") {
            texts.append(
                "has the value in the label \"\(label.name)\": every change of it is another alert, which never fires with `for`"
            )
        }
        if !isName(rule.name, allowing: "") {
            texts.append(
                "has a name with other characters than letters, digits and `_`, which has to be quoted elsewhere")
        }
        return texts
    }

    private static func recording(_ rule: RuleDefinition) -> [String] {
        var texts: [String] = []
        if !rule.name.contains(":") {
            texts.append("has no colon in its name; by convention level:metric:operations tells recorded series apart")
        }
        if !isName(rule.name, allowing: ":") {
            texts.append(
                "has a name with other characters than letters, digits, `_` and `:`, which has to be quoted elsewhere")
        }
        return texts
    }

    /// Whether several samples have to agree before there is a result.
    private static func looksBack(_ expression: Expression) -> Bool {
        var found = false
        ExpressionParts.visit(expression) {
            switch $0 {
            case .matrixSelector, .subquery: found = true
            default: break
            }
        }
        return found
    }

    private static func expression(_ expression: Expression) -> [String] {
        var texts: [String] = []
        ExpressionParts.visit(expression) { part in
            switch part {
            case .binary(let binary): texts += comparison(binary)
            case .call(let call): texts += self.call(call)
            default: break
            }
        }
        return texts
    }

    private static func comparison(_ binary: BinaryOperation) -> [String] {
        guard case .comparison(let comparison, _) = binary.operation, case .number(let number) = binary.right else {
            return []
        }
        if case .call(let call) = inner(binary.left), call.function == "increase", number.value == 0,
            comparison == .greater
        {
            return [
                "asks for increase(…) > 0, which misses the first increase of a series that begins at 1; "
                    + "add `or` the series that were not there before, or use an anchored range"
            ]
        }
        if comparison == .equal || comparison == .notEqual, number.value != number.value.rounded() {
            return ["compares with \(number.value) for equality, which computed values seldom meet"]
        }
        if number.value.isNaN { return ["compares with NaN, which nothing equals"] }
        return []
    }

    private static func call(_ call: Call) -> [String] {
        let counters = ["rate", "irate", "increase"]
        if counters.contains(call.function), case .subquery(let subquery)? = call.arguments.first {
            if case .aggregation = inner(subquery.expression) {
                return [
                    "takes \(call.function) of an aggregation: resets of single counters are lost; aggregate the rates"
                ]
            }
        }
        guard case .matrixSelector(let matrix)? = call.arguments.first, let name = matrix.selector.name else {
            return []
        }
        let isCounter = ["_total", "_count", "_sum", "_bucket"].contains { name.hasSuffix($0) }
        let looksLikeGauge = ["_bytes", "_ratio", "_celsius", "_info"].contains { name.hasSuffix($0) }
        if counters.contains(call.function), !isCounter, looksLikeGauge {
            return ["takes \(call.function) of \(name), whose name is a gauge's; delta or deriv are for gauges"]
        }
        if ["delta", "deriv", "predict_linear"].contains(call.function), name.hasSuffix("_total") {
            return ["takes \(call.function) of \(name), whose name is a counter's; rate is for counters"]
        }
        return []
    }

    private static func inner(_ expression: Expression) -> Expression {
        if case .parenthesized(let inside, _) = expression { return inner(inside) }
        return expression
    }

    private static func isName(_ name: String, allowing more: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || (0x30...0x39).contains($0.value) || $0 == "_")
                || more.unicodeScalars.contains($0)
        }
    }
}
