import Configuration
import Telemetry

extension JournalConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey(
            "max_age", "duration", default: "7h",
            "How far back the very first start reads; ignored once there is a position."),
        ConfigurationKey("labels", "mapping of strings", "Labels of every entry."),
        ConfigurationKey("path", "path", "A journal directory, instead of the host's own journal."),
        ConfigurationKey("namespace", "string", "A journald namespace; `*` for all."),
        ConfigurationKey("json", "bool", default: "false", "The whole entry as JSON instead of its MESSAGE."),
        ConfigurationKey(
            "matches", "string",
            "`FIELD=value` terms: different fields are ANDed, the same field ORed, `+` between groups is OR."),
        ConfigurationKey(
            "exclude_matches", "list of strings", "`FIELD=value` terms; an entry that has any of them is left out."),
        ConfigurationKey(
            "units", "list of strings", "Only these units; `*` and `?` are wild, `ssh` means `ssh.service`."),
        ConfigurationKey("exclude_units", "list of strings", "Not these units."),
        ConfigurationKey("identifiers", "list of strings", "Only these syslog identifiers."),
        ConfigurationKey("exclude_identifiers", "list of strings", "Not these syslog identifiers."),
        ConfigurationKey(
            "priority", "name or number", default: "debug",
            "This priority and more urgent: `emerg` (0), `alert`, `crit`, `err`, `warning`, `notice`, `info`, `debug` (7)."
        ),
        ConfigurationKey(
            "use_source_time", "bool", default: "false",
            "Time stamps of the client instead of journald's time of receipt."),
        ConfigurationKey(
            "structured_metadata", "list of strings", "Journal fields kept as structured metadata, such as `_PID`."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        maxAge = reader.duration("max_age") ?? maxAge
        labels = reader.labels("labels") ?? labels
        path = reader.path("path") ?? path
        namespace = reader.string("namespace") ?? namespace
        json = reader.bool("json") ?? json
        matches = readMatches(reader) ?? matches
        excludeMatches = JournalConfiguration.terms(reader.value("exclude_matches")) ?? excludeMatches
        units = reader.strings("units").map { $0.map(JournalConfiguration.unitName) } ?? units
        excludeUnits = reader.strings("exclude_units").map { $0.map(JournalConfiguration.unitName) } ?? excludeUnits
        identifiers = reader.strings("identifiers") ?? identifiers
        excludeIdentifiers = reader.strings("exclude_identifiers") ?? excludeIdentifiers
        maxPriority = readPriority(reader) ?? maxPriority
        useSourceTime = reader.bool("use_source_time") ?? useSourceTime
        structuredMetadata = readFields(reader) ?? structuredMetadata
        if !path.isEmpty, !namespace.isEmpty {
            reader.report("expected only one of path and namespace, found both", at: "namespace")
        }
    }

    private func readMatches(_ reader: MappingReader) -> String? {
        guard let value = reader.value("matches"), let text = value.string() else { return nil }
        let terms = text.split(whereSeparator: \.isWhitespace)
        for (index, term) in terms.enumerated() {
            if term == "+" {
                guard index > 0, index < terms.count - 1, terms[index - 1] != "+" else {
                    value.report("expected a + only between FIELD=value terms, found \"\(text)\"")
                    return nil
                }
            } else if !JournalConfiguration.isTerm(term) {
                value.report("expected FIELD=value terms (FIELD in capitals, digits and _), found \"\(term)\"")
                return nil
            }
        }
        return text
    }

    private static func terms(_ value: ValueReader?) -> [String]? {
        value?.items()?.compactMap { item in
            guard let text = item.string() else { return nil }
            if isTerm(text) { return text }
            item.report("expected FIELD=value (FIELD in capitals, digits and _), found \"\(text)\"")
            return nil
        }
    }

    private func readFields(_ reader: MappingReader) -> [String]? {
        reader.value("structured_metadata")?.items()?.compactMap { item in
            guard let text = item.string() else { return nil }
            if JournalConfiguration.isField(text) { return text }
            item.report("expected a journal field such as _PID, found \"\(text)\"")
            return nil
        }
    }

    private func readPriority(_ reader: MappingReader) -> Int? {
        guard let value = reader.value("priority"), let text = value.string() else { return nil }
        if let number = Int(text), (0...7).contains(number) { return number }
        let aliases = ["panic": 0, "error": 3, "warn": 4]
        let names = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
        if let number = names.firstIndex(of: text.lowercased()) ?? aliases[text.lowercased()] { return number }
        value.report("expected a number from 0 to 7 or one of \(names.joined(separator: ", ")), found \"\(text)\"")
        return nil
    }

    /// As systemctl and journalctl do, but a glob stays as it is.
    private static func unitName(_ text: String) -> String {
        text.contains { ".*?[".contains($0) } ? text : text + ".service"
    }

    private static func isTerm(_ text: some StringProtocol) -> Bool {
        guard let equals = text.firstIndex(of: "=") else { return false }
        return isField(text[..<equals])
    }

    /// journald's own rule, `journal_field_valid`.
    private static func isField(_ name: some StringProtocol) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 64, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || $0 == 0x5f }
    }
}
