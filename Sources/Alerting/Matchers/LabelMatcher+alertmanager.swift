import Bytes
import Telemetry

extension LabelMatcher {
    /// As Alertmanager writes it into group keys: values with OpenMetrics' escapes, both sides quoted as Go does where the
    /// name could not stand without quotes (pkg/labels, `Matcher.String`).
    package var alertmanagerText: String {
        if name.unicodeScalars.contains(where: MatcherSyntax.isReserved) {
            return GoQuoted.quote(name) + operation.rawValue + GoQuoted.quote(value)
        }
        var text = name + operation.rawValue + "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\"": text += "\\\""
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    /// Whether both say the same.
    package func isSame(as other: LabelMatcher) -> Bool {
        name == other.name && operation == other.operation && value == other.value
    }

    /// Whether a label that is not there meets it.
    package var matchesAbsence: Bool { matches("") }

    /// `=`, `!=`, `=~`, `!~`: their order among matchers of one name and value.
    private var rank: Int { Operation.allCases.firstIndex(of: operation) ?? 0 }

    /// Alertmanager's order of matchers: by name, value and operation, as bytes.
    static func precedes(_ a: LabelMatcher, _ b: LabelMatcher) -> Bool {
        if a.name != b.name { return a.name.utf8.lexicographicallyPrecedes(b.name.utf8) }
        if a.value != b.value { return a.value.utf8.lexicographicallyPrecedes(b.value.utf8) }
        return a.rank < b.rank
    }
}

extension [LabelMatcher] {
    /// `{a="x",b=~"y"}`.
    package var alertmanagerText: String { "{" + map(\.alertmanagerText).joined(separator: ",") + "}" }

    package func matches(_ labels: LabelSet) -> Bool { allSatisfy { $0.matches(labels) } }

    func isSame(as other: [LabelMatcher]) -> Bool {
        count == other.count && zip(self, other).allSatisfy { $0.isSame(as: $1) }
    }
}
