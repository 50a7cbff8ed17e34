import Bytes
import Configuration
import Telemetry
import Transport

/// `pushover_configs`.
package struct PushoverConfiguration: ReceiverConfiguration {
    package static let kind = "pushover"
    package static let templateKeys = [
        TemplateKey("title", #"{{ template "pushover.default.title" . }}"#, "At most 250 characters."),
        TemplateKey("message", #"{{ template "pushover.default.message" . }}"#, "At most 1024 characters."),
        TemplateKey("url", #"{{ template "pushover.default.url" . }}"#, "A link below, at most 512 characters."),
        TemplateKey("url_title", "", "What the link is called, at most 100 characters."),
        TemplateKey("device", "", "One device of the user's."),
        TemplateKey("sound", "", "A sound of the user's."),
        TemplateKey(
            "priority", #"{{ if eq .Status "firing" }}2{{ else }}0{{ end }}"#, "-2 to 2; 2 asks to be acknowledged."),
    ]
    package var options: ReceiverOptions
    var user: SecretReference?
    var token: SecretReference?
    /// Seconds; for priority 2.
    var retry = 60.0
    var expire = 3600.0
    var timeToLive = 0.0
    var isHTML = false
    var isMonospace = false
    var url = "https://api.pushover.net/1/messages.json"

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true) + [
            ConfigurationKey("user_key", "secret", "The user's or group's key."),
            ConfigurationKey("user_key_file", "secret file", "A file with it."),
            ConfigurationKey("token", "secret", "The application's token."),
            ConfigurationKey("token_file", "secret file", "A file with it."),
            ConfigurationKey("retry", "duration", default: "1m", "How often priority 2 is shown again; 30 s at least."),
            ConfigurationKey("expire", "duration", default: "1h", "How long; 3 h at most."),
            ConfigurationKey("ttl", "duration", "After which the message is removed from devices."),
            ConfigurationKey("html", "bool", default: "false", "Whether the message is HTML."),
            ConfigurationKey("monospace", "bool", default: "false", "Whether it is set in a typewriter's letters."),
            ConfigurationKey(
                "api_url", "URL", default: "https://api.pushover.net/1/messages.json", "Pushover's API."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: true)
        user = reader.secretReference("user_key", orFile: "user_key_file")
        token = reader.secretReference("token", orFile: "token_file")
        retry = reader.duration("retry", in: 30...86_400) ?? retry
        expire = reader.duration("expire", in: 1...10_800) ?? expire
        timeToLive = reader.duration("ttl") ?? timeToLive
        isHTML = reader.bool("html") ?? isHTML
        isMonospace = reader.bool("monospace") ?? isMonospace
        url = reader.serviceURL("api_url") ?? url
        if isHTML, isMonospace { reader.report("expected only one of html and monospace, found both", at: "monospace") }
    }

    package func needs(_ global: GlobalConfiguration) -> [String] {
        (user == nil ? ["expected user_key or user_key_file"] : [])
            + (token == nil ? ["expected token or token_file"] : [])
    }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        var client = client(global, environment)
        // 429 is a quota that is used up until the month is over; all else wants five seconds between attempts.
        client.finalStatuses = [429]
        client.pause = 5
        return [PushoverReceiver(configuration: self, client: client, environment: environment)]
    }
}

/// Sends a message to devices by Pushover's API. Parameters are in the body, where no log of URLs has the secrets.
struct PushoverReceiver: Integration {
    let configuration: PushoverConfiguration
    let client: ServiceClient
    let environment: ReceiverEnvironment

    var kind: String { PushoverConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            let secrets = [
                ("token", try configuration.token?.read(environment) ?? ""),
                ("user", try configuration.user?.read(environment) ?? ""),
            ]
            let response = try client.send(
                configuration.url, headers: [HTTPHeader("Content-Type", FormText.contentType)],
                body: FormText.encoded(secrets + parameters(renderer)), stop: stop)
            let status = (try? JSONValue(parsing: response.body.span.bytes))?["status"]?.number ?? 1
            guard status == 1 else { throw .refused("Pushover answers" + ServiceClient.excerpt(response.body)) }
            return memory
        }
    }

    func parameters(_ renderer: MessageRenderer) -> [(String, String)] {
        func text(_ name: String, as form: NotificationTemplates.Form = .text) -> String {
            renderer.text(configuration.options[name], as: form)
        }
        var parameters = [("title", TextLimit.runes(text("title"), 250))]
        let message = NotificationFunctions.trimmed(
            TextLimit.runes(text("message", as: configuration.isHTML ? .html : .text), 1024))
        // Pushover refuses an empty message.
        parameters.append(("message", message.isEmpty ? "(no details)" : message))
        if configuration.isHTML { parameters.append(("html", "1")) }
        if configuration.isMonospace { parameters.append(("monospace", "1")) }
        let link = text("url")
        // A link that is cut leads nowhere.
        if !link.isEmpty, link.unicodeScalars.count <= 512 {
            parameters.append(("url", link))
            parameters.append(("url_title", TextLimit.runes(text("url_title"), 100)))
        }
        let priority = NotificationFunctions.trimmed(text("priority"))
        parameters.append(("priority", priority))
        if priority == "2" {
            parameters.append(("retry", "\(Int(configuration.retry))"))
            parameters.append(("expire", "\(Int(configuration.expire))"))
        }
        for name in ["device", "sound"] { parameters.append((name, text(name))) }
        if configuration.timeToLive > 0 { parameters.append(("ttl", "\(Int(configuration.timeToLive))")) }
        return parameters.filter { !$0.1.isEmpty }
    }
}
