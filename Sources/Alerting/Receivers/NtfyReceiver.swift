import Configuration
import Telemetry
import Transport

/// `ntfy_configs`.
package struct NtfyConfiguration: ReceiverConfiguration {
    package static let kind = "ntfy"
    package static let templateKeys = [
        TemplateKey("topic", "", "The topic to publish to."),
        TemplateKey("title", #"{{ template "ntfy.default.title" . }}"#, "At most 250 bytes."),
        TemplateKey("message", #"{{ template "ntfy.default.message" . }}"#, "At most 4096 bytes."),
        TemplateKey("tags", #"{{ template "ntfy.default.tags" . }}"#, "Tags and emoji with commas between them."),
        TemplateKey("priority", #"{{ if eq .Status "firing" }}4{{ else }}3{{ end }}"#, "1 to 5."),
        TemplateKey("click", #"{{ template "__alertmanagerURL" . }}"#, "Where a tap leads."),
        TemplateKey("icon", "", "A picture's URL."),
    ]
    package var options: ReceiverOptions
    var url = "https://ntfy.sh"
    var token: SecretReference?
    var isMarkdown = false

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true) + [
            ConfigurationKey("url", "URL", default: "https://ntfy.sh", "The server."),
            ConfigurationKey("token", "secret", "An access token; or see http_config's basic_auth."),
            ConfigurationKey("token_file", "secret file", "A file with it."),
            ConfigurationKey("markdown", "bool", default: "false", "Whether the message is Markdown."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: true)
        url = reader.serviceURL("url") ?? url
        token = reader.secretReference("token", orFile: "token_file")
        isMarkdown = reader.bool("markdown") ?? isMarkdown
        if options["topic"].template.isEmpty { reader.report("topic is missing: expected the topic to publish to") }
    }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        [NtfyReceiver(configuration: self, client: client(global, environment), environment: environment)]
    }
}

/// Publishes to a topic of ntfy, as JSON to the server's root.
struct NtfyReceiver: Integration {
    let configuration: NtfyConfiguration
    let client: ServiceClient
    let environment: ReceiverEnvironment

    var kind: String { NtfyConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            let topic = try renderer.required(configuration.options["topic"].template, name: "topic")
            var headers = [ServiceClient.json]
            if let token = configuration.token {
                headers.append(HTTPHeader("Authorization", "Bearer \(try token.read(environment))"))
            }
            try client.send(configuration.url, headers: headers, body: message(renderer, topic).bytes, stop: stop)
            return memory
        }
    }

    func message(_ renderer: MessageRenderer, _ topic: String) -> GoJSON {
        func text(_ name: String) -> String {
            NotificationFunctions.trimmed(renderer.text(configuration.options[name]))
        }
        var message = Members()
        message.add("topic", .string(topic))
        message.addUnlessEmpty("title", TextLimit.bytes(text("title"), 250))
        // What is longer, ntfy turns into an attachment that goes away after some hours.
        message.addUnlessEmpty("message", TextLimit.bytes(text("message"), 4096))
        let tags = text("tags").split(separator: ",").map { NotificationFunctions.trimmed(String($0)) }
        if !tags.isEmpty { message.add("tags", .array(tags.map { .string($0) })) }
        if let priority = Int64(text("priority")), (1...5).contains(priority) {
            message.add("priority", .integer(priority))
        }
        message.addUnlessEmpty("click", text("click"))
        message.addUnlessEmpty("icon", text("icon"))
        if configuration.isMarkdown { message.add("markdown", .bool(true)) }
        return message.json
    }
}
