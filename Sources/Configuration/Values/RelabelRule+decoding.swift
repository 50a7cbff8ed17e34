import Bytes
import Telemetry

extension RelabelRule: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("source_labels", "list of strings", "Labels whose values are joined and matched."),
        ConfigurationKey("separator", "string", default: ";", "What joins them."),
        ConfigurationKey(
            "target_label", "string",
            "Label that is written; may hold `$1`. Needed by `replace`, `hashmod`, `lowercase`, `uppercase`, `keepequal`, `dropequal`."
        ),
        ConfigurationKey(
            "regex", "regular expression", default: "(.*)",
            "RE2 syntax, matched against the whole value; a dot takes newlines."),
        ConfigurationKey("modulus", "integer", "For `hashmod`: the MD5 of the value modulo this."),
        ConfigurationKey(
            "replacement", "string", default: "$1",
            "What is written, with `$1`, `${1}`, `${name}`; an empty one removes the label."),
        ConfigurationKey(
            "action",
            "`replace`, `keep`, `drop`, `hashmod`, `labelmap`, `labeldrop`, `labelkeep`, `lowercase`, `uppercase`, `keepequal` or `dropequal`",
            default: "replace", "What is done, as Prometheus does it."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        sourceLabels = reader.strings("source_labels") ?? sourceLabels
        separator = reader.string("separator") ?? separator
        modulus = reader.uint64("modulus", in: 1...UInt64.max) ?? modulus
        action = readAction(reader) ?? action
        regex = reader.string("regex", .pattern) ?? regex
        do throws(RegexError) {
            let compiled = try Regex(regex, anchored: true, dotMatchesNewline: true)
            // `${name}` is a group of the expression first, a variable of the environment second.
            let expansion = VariableExpansion.template(keeping: compiled.groupNames.keys)
            targetLabel = reader.string("target_label", expansion) ?? targetLabel
            replacement = reader.string("replacement", expansion) ?? replacement
            if let problem { reader.report(problem) }
        } catch {
            // Asked for all the same, so that they count as read.
            _ = (reader.value("target_label"), reader.value("replacement"))
            reader.report("regex: \(error.description)", at: "regex")
        }
    }

    /// Prometheus takes `Replace` for `replace`.
    private func readAction(_ reader: MappingReader) -> RelabelAction? {
        guard let value = reader.value("action") else { return nil }
        if case .scalar(let text, _) = value.node.content, let action = RelabelAction(rawValue: text.lowercased()) {
            return action
        }
        return value.choice()
    }
}
