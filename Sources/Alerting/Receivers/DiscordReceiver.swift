import Configuration

/// `discord_configs`.
package struct DiscordConfiguration: ReceiverConfiguration {
    package static let kind = "discord"
    package static let templateKeys = [
        TemplateKey("title", #"{{ template "discord.default.title" . }}"#, "At most 256 characters."),
        TemplateKey("message", #"{{ template "discord.default.message" . }}"#, "At most 4096 characters."),
        TemplateKey("content", #"{{ template "discord.default.content" . }}"#, "Above them, at most 2000 characters."),
        TemplateKey("username", "", "Who the message is from, where it is not the webhook."),
        TemplateKey("avatar_url", "", "The sender's picture."),
    ]
    package var options: ReceiverOptions
    var url: SecretReference?

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true) + [
            ConfigurationKey("webhook_url", "secret", "The channel's webhook."),
            ConfigurationKey("webhook_url_file", "secret file", "A file with it."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: true)
        url = reader.secretReference("webhook_url", orFile: "webhook_url_file")
        if case .inPlace? = url { _ = reader.serviceURL("webhook_url") }
    }

    package func needs(_ global: GlobalConfiguration) -> [String] {
        url == nil ? ["expected webhook_url or webhook_url_file"] : []
    }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        [DiscordReceiver(configuration: self, client: client(global, environment), environment: environment)]
    }
}

/// Posts an embed to a webhook of Discord (Execute Webhook).
struct DiscordReceiver: JSONWebhook {
    let configuration: DiscordConfiguration
    let client: ServiceClient
    let environment: ReceiverEnvironment

    var kind: String { DiscordConfiguration.kind }
    var options: ReceiverOptions { configuration.options }
    var url: SecretReference? { configuration.url }

    func message(_ renderer: MessageRenderer) -> GoJSON {
        func text(_ name: String, _ limit: Int) -> String {
            TextLimit.runes(renderer.text(configuration.options[name]), limit)
        }
        let embed = GoJSON.members([
            "title": .string(text("title", 256)), "description": .string(text("message", 4096)),
            "color": .integer(renderer.data.isFiring ? 0x99_2d22 : 0x2e_cc71),
        ])
        var message = Members()
        message.add("content", .string(text("content", 2000)))
        message.add("embeds", .array([embed]))
        message.addUnlessEmpty("username", text("username", 80))
        message.addUnlessEmpty("avatar_url", text("avatar_url", 2048))
        return message.json
    }
}
