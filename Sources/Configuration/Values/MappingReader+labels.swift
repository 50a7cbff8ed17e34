import Telemetry

extension MappingReader {
    /// A mapping of label names to values; names that Loki would refuse are reported.
    package func labels(_ key: String) -> LabelSet? {
        guard let entries = value(key)?.entries() else { return nil }
        var labels = LabelSet()
        for entry in entries {
            guard LabelSet.isValidName(entry.key) else {
                context.report(
                    "\(key): expected a label name ([a-zA-Z_][a-zA-Z0-9_]*), found \"\(entry.key)\"",
                    at: entry.keyPosition)
                continue
            }
            labels[entry.key] = entry.value.node.isNull ? "" : entry.value.string()
        }
        return labels
    }
}
