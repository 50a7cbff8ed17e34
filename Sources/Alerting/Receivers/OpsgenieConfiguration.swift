import Configuration
import Rules
import Telemetry

/// `opsgenie_configs`.
package struct OpsgenieConfiguration: ReceiverConfiguration {
    package static let kind = "opsgenie"
    package static let templateKeys = [
        TemplateKey("message", #"{{ template "opsgenie.default.message" . }}"#, "At most 130 characters."),
        TemplateKey("description", #"{{ template "opsgenie.default.description" . }}"#, "At most 15000 characters."),
        TemplateKey("source", #"{{ template "opsgenie.default.source" . }}"#, "Where it comes from."),
        TemplateKey("entity", "", "What is affected."),
        TemplateKey("actions", "", "Names with commas between them."),
        TemplateKey("tags", "", "Tags with commas between them."),
        TemplateKey("note", "", "A note."),
        TemplateKey("priority", "", "`P1` to `P5`."),
    ]
    package var options: ReceiverOptions
    var key: SecretReference?
    var url: String?
    var details: [(name: String, value: MessageField)] = []
    var responders: [Responder] = []
    var updatesAlerts = false

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true) + [
            ConfigurationKey("api_key", "secret", "The API's key."),
            ConfigurationKey("api_key_file", "secret file", "A file with it."),
            ConfigurationKey("api_url", "URL", "The API's beginning."),
            ConfigurationKey("details", "mapping of templates", "Besides the labels that all alerts share."),
            ConfigurationKey("responders", "list", "Of `id`, `name` or `username`, and `type`."),
            ConfigurationKey(
                "update_alerts", "bool", default: "false", "Whether message and description are changed later."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: true)
        key = reader.secretReference("api_key", orFile: "api_key_file")
        url = reader.serviceURL("api_url")
        details = (reader.value("details")?.entries() ?? []).map {
            ($0.key, MessageField($0.value, TemplateKey("details", "", "")))
        }
        responders = reader.sections("responders") ?? []
        updatesAlerts = reader.bool("update_alerts") ?? updatesAlerts
    }

    package func needs(_ global: GlobalConfiguration) -> [String] {
        key ?? global.opsgenieKey == nil
            ? ["expected api_key or api_key_file, here or as opsgenie_api_key in global"] : []
    }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        let url = url ?? global.opsgenieURL
        return [
            OpsgenieReceiver(
                configuration: self, url: url.hasSuffix("/") ? url : url + "/", key: key ?? global.opsgenieKey,
                client: client(global, environment), environment: environment)
        ]
    }

    struct Responder: ConfigurationSection {
        static let names = ["id", "name", "username", "type"]
        static let types = ["team", "teams", "user", "escalation", "schedule"]
        static let configurationKeys = names.map { ConfigurationKey($0, "template", "As Opsgenie has it.") }
        var fields: [MessageField]

        init(_ reader: MappingReader) {
            fields = Self.names.map { MessageField(reader.value($0), TemplateKey($0, "", "")) }
            if fields[..<3].allSatisfy(\.template.isEmpty) {
                reader.report("expected id, name or username, found none")
            }
            let type = fields[3].template
            if type.source == nil, !Self.types.contains(type.text.lowercased()) {
                reader.report("type: expected one of \(Self.types.joined(separator: ", "))", at: "type")
            }
        }
    }
}
