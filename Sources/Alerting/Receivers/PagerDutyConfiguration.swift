import Configuration
import Rules
import Telemetry

/// `pagerduty_configs`.
package struct PagerDutyConfiguration: ReceiverConfiguration {
    package static let kind = "pagerduty"
    package static let templateKeys = [
        TemplateKey("description", #"{{ template "pagerduty.default.description" . }}"#, "At most 1024 characters."),
        TemplateKey("client", #"{{ template "pagerduty.default.client" . }}"#, "Who says so."),
        TemplateKey("client_url", #"{{ template "pagerduty.default.clientURL" . }}"#, "Where that is looked at."),
        TemplateKey("source", #"{{ template "pagerduty.default.client" . }}"#, "What is affected."),
        TemplateKey("severity", "error", "`critical`, `error`, `warning` or `info`."),
        TemplateKey("class", "", "What kind of event it is."),
        TemplateKey("component", "", "The part of the source."),
        TemplateKey("group", "", "What the component belongs to."),
    ]
    static let imageKeys = ["src", "alt", "href"]
    static let linkKeys = ["href", "text"]
    package var options: ReceiverOptions
    /// Of the Events API v2.
    var routingKey: SecretReference?
    /// Of the Events API v1.
    var serviceKey: SecretReference?
    var url: String?
    var details: [(name: String, value: PayloadTemplate)] = []
    var images: [[MessageField]] = []
    var links: [[MessageField]] = []
    var timeout = 0.0

    private static let defaultDetails = [
        ("firing", "{{ .Alerts.Firing | toJson }}"), ("resolved", "{{ .Alerts.Resolved | toJson }}"),
        ("num_firing", "{{ .Alerts.Firing | len }}"), ("num_resolved", "{{ .Alerts.Resolved | len }}"),
    ]

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true) + [
            ConfigurationKey("routing_key", "secret template", "The integration's key for the Events API v2."),
            ConfigurationKey("routing_key_file", "secret file", "A file with it."),
            ConfigurationKey("service_key", "secret template", "The integration's key for the Events API v1 instead."),
            ConfigurationKey("service_key_file", "secret file", "A file with it."),
            ConfigurationKey("url", "URL", "The Events API."),
            ConfigurationKey(
                "details", "any YAML", default: "firing, resolved, num_firing, num_resolved",
                "Further details; every text is a template."),
            ConfigurationKey("images", "list", "Of `src`, `alt`, `href`."),
            ConfigurationKey("links", "list", "Of `href`, `text`."),
            ConfigurationKey("timeout", "duration", default: "30s", "How long one request may take."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: true)
        routingKey = reader.secretReference("routing_key", orFile: "routing_key_file")
        serviceKey = reader.secretReference("service_key", orFile: "service_key_file")
        url = reader.serviceURL("url")
        timeout = reader.duration("timeout") ?? timeout
        details = (reader.value("details")?.entries() ?? []).map { ($0.key, PayloadTemplate($0.value)) }
        for (name, text) in Self.defaultDetails where !details.contains(where: { $0.name == name }) {
            guard let template = try? MessageTemplate(text, name: "details") else { continue }
            details.append((name, .text(template)))
        }
        images = Self.items(reader, "images", Self.imageKeys)
        links = Self.items(reader, "links", Self.linkKeys)
        if routingKey != nil, serviceKey != nil {
            reader.report("expected only one of routing_key and service_key, found both", at: "service_key")
        }
    }

    private static func items(_ reader: MappingReader, _ key: String, _ names: [String]) -> [[MessageField]] {
        let keys = names.map { ConfigurationKey($0, "template", "As PagerDuty has it.") }
        return (reader.value(key)?.items() ?? []).compactMap { item in
            guard let mapping = item.mapping(keys) else { return nil }
            defer { mapping.finish() }
            return names.map { MessageField(mapping.value($0), TemplateKey($0, "", "")) }
        }
    }

    package func needs(_ global: GlobalConfiguration) -> [String] {
        routingKey ?? serviceKey == nil
            ? ["expected routing_key, or service_key for the old API, or a file with one of them"] : []
    }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        var client = client(global, environment, timeout: timeout)
        // Version 1 answers 403 to those who send too much.
        if serviceKey != nil { client.retriedStatuses = [403] }
        let old = "https://events.pagerduty.com/generic/2010-04-15/create_event.json"
        return [
            PagerDutyReceiver(
                configuration: self, url: url ?? (serviceKey == nil ? global.pagerDutyURL : old), client: client,
                environment: environment)
        ]
    }
}
