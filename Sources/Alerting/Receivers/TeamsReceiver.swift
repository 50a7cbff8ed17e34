import Configuration
import Transport

/// `msteamsv2_configs`.
package struct TeamsConfiguration: ReceiverConfiguration {
    package static let kind = "msteamsv2"
    package static let templateKeys = [
        TemplateKey("title", #"{{ template "msteamsv2.default.title" . }}"#, "The card's heading."),
        TemplateKey("text", #"{{ template "msteamsv2.default.text" . }}"#, "What the card says, in Markdown."),
    ]
    package var options: ReceiverOptions
    var url: SecretReference?

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true) + [
            ConfigurationKey("webhook_url", "secret", "The workflow's URL."),
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
        [TeamsReceiver(configuration: self, client: client(global, environment), environment: environment)]
    }
}

/// Posts an adaptive card to a workflow of Microsoft Teams.
struct TeamsReceiver: JSONWebhook {
    let configuration: TeamsConfiguration
    let client: ServiceClient
    let environment: ReceiverEnvironment
    /// Teams takes 28 KB a message; the rest of the card, and escapes, need some of it.
    private static let longestText = 20_000
    private static let longestMessage = 28_000

    var kind: String { TeamsConfiguration.kind }
    var options: ReceiverOptions { configuration.options }
    var url: SecretReference? { configuration.url }

    func message(_ renderer: MessageRenderer) -> GoJSON {
        let title = TextLimit.bytes(renderer.text(configuration.options["title"]), 1024)
        let text = renderer.text(configuration.options["text"])
        var limit = Self.longestText
        var card = Self.card(title, TextLimit.bytes(text, limit), isFiring: renderer.data.isFiring)
        while card.bytes.count > Self.longestMessage, limit > 100 {
            limit /= 2
            card = Self.card(title, TextLimit.bytes(text, limit), isFiring: renderer.data.isFiring)
        }
        return card
    }

    /// Connectors answer 200 and say in the text what Teams behind them answered.
    func check(_ response: HTTPResponse) throws(DeliveryFailure) {
        let text = ServiceClient.excerpt(response.body)
        guard text.contains("endpoint returned HTTP error") else { return }
        let isPassing = text.contains("HTTP error 429") || text.contains("HTTP error 5")
        throw isPassing ? .retry("Teams answers" + text) : .refused("Teams answers" + text)
    }

    private static func card(_ title: String, _ text: String, isFiring: Bool) -> GoJSON {
        let heading = GoJSON.members([
            "type": .string("TextBlock"), "text": .string(title), "weight": .string("Bolder"),
            "size": .string("Medium"), "wrap": .bool(true), "style": .string("heading"),
            "color": .string(isFiring ? "Attention" : "Good"),
        ])
        let body = GoJSON.members(["type": .string("TextBlock"), "text": .string(text), "wrap": .bool(true)])
        let content = GoJSON.members([
            "$schema": .string("http://adaptivecards.io/schemas/adaptive-card.json"), "type": .string("AdaptiveCard"),
            "version": .string("1.2"), "body": .array([heading, body]),
            "msteams": .members(["width": .string("full")]),
        ])
        let attachment = GoJSON.members([
            "contentType": .string("application/vnd.microsoft.card.adaptive"), "contentUrl": .null, "content": content,
        ])
        return .members(["type": .string("message"), "attachments": .array([attachment])])
    }
}
