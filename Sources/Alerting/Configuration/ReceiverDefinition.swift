import Configuration
import Telemetry

/// One of `receivers`: a name and the ways in which it tells people.
package struct ReceiverDefinition: ConfigurationSection, Sendable {
    package var name: String
    /// By which the API can filter; no alert has them.
    package var labels: LabelSet
    package var entries: [any ReceiverConfiguration]
    package var position: SourcePosition

    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey("name", "string", "What routes call it; each name once."),
            ConfigurationKey("labels", "mapping of strings", "By which receivers are found; no alert gets them."),
        ]
        + ReceiverKinds.all.map {
            ConfigurationKey("\($0.kind)_configs", "list", "See [\($0.kind)](#\($0.kind)).")
        }
        + ReceiverKinds.missing.map { kind in
            switch kind {
            case "msteams":
                .refused(
                    "msteams_configs",
                    "Microsoft has retired the connectors it needs; use msteamsv2_configs with a workflow's URL")
            case "mattermost":
                .refused(
                    "mattermost_configs",
                    "not supported by this version; use slack_configs with the incoming webhook's URL as api_url")
            default:
                .refused("\(kind)_configs", "not supported by this version; use webhook_configs or http_configs")
            }
        }

    package init(_ reader: MappingReader) {
        name = reader.requiredString("name")
        reader.subject = "receiver \"\(name)\": "
        labels = LabelSet((reader.stringMap("labels") ?? [:]).map { Label($0.key, $0.value) })
        position = reader.position(of: "name")
        entries = []
        for kind in ReceiverKinds.all { entries += Self.entries(reader, kind) }
    }

    private static func entries<Kind: ReceiverConfiguration>(
        _ reader: MappingReader, _ kind: Kind.Type
    ) -> [any ReceiverConfiguration] { reader.sections("\(kind.kind)_configs", kind) ?? [] }

    /// Reports what the entries need and neither they nor `global` have, and templates that nobody defines.
    package func check(
        _ global: GlobalConfiguration, _ templates: NotificationTemplates, _ context: ReadingContext
    ) {
        for entry in entries {
            for need in entry.needs(global) {
                context.report("\(type(of: entry).kind)_configs: \(need)", at: entry.options.position)
            }
            for field in entry.options.templates {
                for name in templates.missing(in: field.template) {
                    context.report(
                        "\(field.name): no template \"\(name)\" is defined, here or in the files of templates",
                        at: field.position ?? entry.options.position)
                }
            }
        }
    }

    /// What delivers, in the order of the entries.
    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] { entries.flatMap { $0.integrations(global, environment) } }
}
