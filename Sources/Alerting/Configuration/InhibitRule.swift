import Configuration
import Telemetry

/// While an alert that meets `sources` fires, nobody is told of alerts that meet `targets` and have the same values of the
/// labels `equal`; a label that is missing is the same as an empty one.
package struct InhibitRule: Sendable {
    /// For people; may be empty.
    package var name = ""
    package var sources: [LabelMatcher] = []
    package var targets: [LabelMatcher] = []
    package var equal: [String] = []

    package init() {}
}

extension InhibitRule: ConfigurationSection {
    package static let configurationKeys = [
        ConfigurationKey("name", "string", "Named where it is told why an alert is held back."),
        ConfigurationKey("source_matchers", "list of strings", "Alerts that hold others back."),
        ConfigurationKey("target_matchers", "list of strings", "Alerts that are held back."),
        ConfigurationKey("equal", "list of labels", "Labels whose values both must share."),
        ConfigurationKey("source_match", "mapping", "Older form of `source_matchers`."),
        ConfigurationKey("source_match_re", "mapping", "Older form of `source_matchers`."),
        ConfigurationKey("target_match", "mapping", "Older form of `target_matchers`."),
        ConfigurationKey("target_match_re", "mapping", "Older form of `target_matchers`."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        name = reader.value("name")?.literal() ?? ""
        sources = MatcherFields.read(
            reader, list: "source_matchers", equal: "source_match", regex: "source_match_re")
        targets = MatcherFields.read(
            reader, list: "target_matchers", equal: "target_match", regex: "target_match_re")
        for item in reader.value("equal")?.items() ?? [] {
            guard let label = item.node.isNull ? "" : item.literal() else { continue }
            if label.isEmpty {
                item.report("invalid label name \"\" in equal list")
            } else {
                equal.append(label)
            }
        }
        if sources.isEmpty {
            reader.context.warn(
                "every alert holds others back by this rule: it has no source_matchers", at: reader.position)
        }
        if targets.isEmpty {
            reader.context.warn("every alert is held back by this rule: it has no target_matchers", at: reader.position)
        }
    }
}
