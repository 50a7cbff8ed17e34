import Bytes

/// One condition on a label, as Prometheus and Loki write it: `unit="ssh.service"`, `job=~"nginx|traefik"`.
package struct LabelMatcher: Sendable {
    package enum Operation: String, Sendable, CaseIterable {
        case equal = "="
        case notEqual = "!="
        case matches = "=~"
        case notMatches = "!~"
    }

    package let name: String
    package let operation: Operation
    package let value: String
    private let regex: Regex?

    /// Regular expressions are anchored at both ends, and `.` matches a newline too, as in Prometheus 3.
    ///
    /// - Parameter dotMatchesNewline: as Prometheus has it since 3.0.
    package init(
        _ name: String, _ operation: Operation, _ value: String, dotMatchesNewline: Bool = false
    ) throws(RegexError) {
        self.name = name
        self.operation = operation
        self.value = value
        switch operation {
        case .equal, .notEqual: regex = nil
        case .matches, .notMatches: regex = try Regex(value, anchored: true, dotMatchesNewline: dotMatchesNewline)
        }
    }

    /// Whether a label value (empty for a label that is absent) meets the condition.
    package func matches(_ candidate: String) -> Bool {
        switch operation {
        case .equal: return candidate == value
        case .notEqual: return candidate != value
        case .matches: return regexMatches(candidate)
        case .notMatches: return !regexMatches(candidate)
        }
    }

    private func regexMatches(_ candidate: String) -> Bool {
        guard let regex else { return false }
        let bytes = [UInt8](candidate.utf8)
        return regex.isMatch(bytes.span.bytes)
    }

    package func matches(_ labels: LabelSet) -> Bool { matches(labels[name] ?? "") }
}

extension LabelMatcher: CustomStringConvertible {
    package var description: String { name + operation.rawValue + GoQuoted.quote(value) }
}
