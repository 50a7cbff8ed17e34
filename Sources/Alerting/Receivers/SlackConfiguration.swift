import Configuration
import Rules
import Telemetry
import Transport

/// `slack_configs`.
package struct SlackConfiguration: ReceiverConfiguration {
    package static let kind = "slack"
    package static let templateKeys = [
        TemplateKey("channel", "", "A channel or a person, where it is not the webhook's own; a bot needs it."),
        TemplateKey("username", #"{{ template "slack.default.username" . }}"#, "Who the message is from."),
        TemplateKey("color", #"{{ template "slack.default.color" . }}"#, "`good`, `warning`, `danger` or `#rrggbb`."),
        TemplateKey("title", #"{{ template "slack.default.title" . }}"#, "At most 1024 characters."),
        TemplateKey("title_link", #"{{ template "slack.default.titlelink" . }}"#, "Where the title leads."),
        TemplateKey("pretext", #"{{ template "slack.default.pretext" . }}"#, "Above the attachment."),
        TemplateKey("text", #"{{ template "slack.default.text" . }}"#, "The attachment's text."),
        TemplateKey("message_text", "", "The message's own text, above its attachment."),
        TemplateKey("fallback", #"{{ template "slack.default.fallback" . }}"#, "For what shows no attachments."),
        TemplateKey("callback_id", #"{{ template "slack.default.callbackid" . }}"#, "For actions."),
        TemplateKey("icon_emoji", #"{{ template "slack.default.iconemoji" . }}"#, "`:fire:`"),
        TemplateKey("icon_url", #"{{ template "slack.default.iconurl" . }}"#, "A picture instead."),
        TemplateKey("image_url", "", "A picture in the attachment."),
        TemplateKey("thumb_url", "", "A small picture in it."),
        TemplateKey("footer", #"{{ template "slack.default.footer" . }}"#, "Below the attachment."),
    ]
    package var options: ReceiverOptions
    var url: SecretReference?
    var token: SecretReference?
    var appURL: String?
    var fields: [Field] = []
    var actions: [Action] = []
    var shortFields = false
    var linksNames = false
    var markdownIn = ["fallback", "pretext", "text"]
    var timeout = 0.0
    var updatesMessage = false

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: false) + [
            ConfigurationKey("api_url", "secret", "The incoming webhook's URL."),
            ConfigurationKey("api_url_file", "secret file", "A file with it."),
            ConfigurationKey("app_token", "secret", "A bot's token instead."),
            ConfigurationKey("app_token_file", "secret file", "A file with it."),
            ConfigurationKey("app_url", "URL", "Where a bot's messages go."),
            ConfigurationKey("fields", "list", "Of `title`, `value` (templates) and `short`."),
            ConfigurationKey(
                "actions", "list", "Buttons: `type`, `text`, `url` or `name` and `value`, `style`, `confirm`."),
            ConfigurationKey("short_fields", "bool", default: "false", "Whether fields stand beside each other."),
            ConfigurationKey("link_names", "bool", default: "false", "Whether names become mentions."),
            ConfigurationKey("mrkdwn_in", "list of strings", default: "[fallback, pretext, text]", "What is Markdown."),
            ConfigurationKey("timeout", "duration", default: "30s", "How long one request may take."),
            ConfigurationKey(
                "update_message", "bool", default: "false",
                "Whether a group's message is changed instead of sent anew; needs a bot's token."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: false)
        url = reader.secretReference("api_url", orFile: "api_url_file")
        if case .inPlace? = url { _ = reader.serviceURL("api_url") }
        token = reader.secretReference("app_token", orFile: "app_token_file")
        appURL = reader.serviceURL("app_url")
        fields = reader.sections("fields") ?? []
        actions = reader.sections("actions") ?? []
        shortFields = reader.bool("short_fields") ?? shortFields
        linksNames = reader.bool("link_names") ?? linksNames
        markdownIn = reader.strings("mrkdwn_in") ?? markdownIn
        timeout = reader.duration("timeout") ?? timeout
        updatesMessage = reader.bool("update_message") ?? updatesMessage
        if url != nil, token != nil { reader.report("expected only one of api_url and app_token, found both") }
    }

    package func needs(_ global: GlobalConfiguration) -> [String] {
        var needs: [String] = []
        let (url, token, address) = way(global)
        if url == nil, token == nil {
            needs.append("expected api_url or app_token, here or as slack_api_url or slack_app_token in global")
        }
        if token != nil, options.http?.authorization != nil {
            needs.append("expected only one of app_token and http_config's authorization, found both")
        }
        let isBotURL: Bool =
            if case .inPlace(let secret)? = url { secret.value.hasSuffix("/chat.postMessage") } else { false }
        if updatesMessage, token == nil, !isBotURL {
            needs.append(
                "update_message needs app_token, or api_url \(address): messages of webhooks cannot be changed")
        }
        return needs
    }

    /// How to get to Slack: the receiver's own way before the global one.
    func way(_ global: GlobalConfiguration) -> (url: SecretReference?, token: SecretReference?, address: String) {
        let address = appURL ?? global.slack.appURL
        if let token { return (nil, token, address) }
        if let url { return (url, nil, address) }
        if options.http?.authorization == nil, let token = global.slack.token { return (nil, token, address) }
        return (global.slack.url, nil, address)
    }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        var client = client(global, environment, timeout: timeout)
        client.needsBody = true
        return [SlackReceiver(configuration: self, way: way(global), client: client, environment: environment)]
    }

    struct Field: ConfigurationSection {
        var title: MessageField
        var value: MessageField
        var isShort: Bool?

        static let configurationKeys: [ConfigurationKey] = [
            ConfigurationKey("title", "template", "The field's name."),
            ConfigurationKey("value", "template", "What it says."),
            ConfigurationKey("short", "bool", "Whether another may stand beside it."),
        ]

        init(_ reader: MappingReader) {
            title = MessageField(reader.requiredValue("title"), TemplateKey("title", "", ""))
            value = MessageField(reader.requiredValue("value"), TemplateKey("value", "", ""))
            isShort = reader.bool("short")
        }
    }

    struct Action: ConfigurationSection {
        static let names = ["type", "text", "url", "style", "name", "value"]
        var fields: [MessageField]
        /// `text`, `title`, `ok_text`, `dismiss_text`.
        var confirm: [MessageField]

        static let configurationKeys: [ConfigurationKey] =
            names.map { ConfigurationKey($0, "template", "As Slack has it.") } + [
                ConfigurationKey("confirm", "mapping", "`text`, `title`, `ok_text`, `dismiss_text`.")
            ]

        init(_ reader: MappingReader) {
            let byName = reader.has("url") ? ["type", "text", "url", "style"] : Self.names
            for key in Self.names where !byName.contains(key) { _ = reader.value(key) }
            fields = byName.map { MessageField(reader.value($0), TemplateKey($0, "", "")) }
            confirm = reader.section("confirm", Confirmation.self)?.fields ?? []
            for key in ["type", "text"] where !reader.has(key) { reader.report("\(key) is missing: expected a text") }
            if !reader.has("url"), !reader.has("name") { reader.report("expected url or name, found neither") }
            if reader.has("url") { confirm = [] }
        }
    }

    private struct Confirmation: ConfigurationSection {
        static let names = ["text", "title", "ok_text", "dismiss_text"]
        static let configurationKeys = names.map { ConfigurationKey($0, "template", "As Slack has it.") }
        var fields: [MessageField]

        init(_ reader: MappingReader) {
            fields = Self.names.map { MessageField(reader.value($0), TemplateKey($0, "", "")) }
            if !reader.has("text") { reader.report("text is missing: expected a text") }
        }
    }
}
