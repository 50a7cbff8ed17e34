import Bytes
import Configuration
import Rules
import Telemetry
import Transport

/// `telegram_configs`.
package struct TelegramConfiguration: ReceiverConfiguration {
    enum ParseMode: String, CaseIterable, Sendable {
        case html = "HTML"
        case markdown = "Markdown"
        case markdown2 = "MarkdownV2"
        case plain = ""
    }

    package static let kind = "telegram"
    package static let templateKeys = [
        TemplateKey("message", #"{{ template "telegram.default.message" . }}"#, "At most 4096 characters.")
    ]
    package var options: ReceiverOptions
    var url: String?
    var token: SecretReference?
    var chat: SecretReference?
    var thread = 0
    var isSilent = false
    var parseMode = ParseMode.html

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true) + [
            ConfigurationKey("api_url", "URL", "Telegram's bot API."),
            ConfigurationKey("bot_token", "secret", "The bot's token."),
            ConfigurationKey("bot_token_file", "secret file", "A file with it."),
            ConfigurationKey("chat_id", "int", "Where to write."),
            ConfigurationKey("chat_id_file", "file", "A file with it."),
            ConfigurationKey("message_thread_id", "int", "The topic in a group."),
            ConfigurationKey("disable_notifications", "bool", default: "false", "Whether to make no sound."),
            ConfigurationKey(
                "parse_mode", "`HTML`, `Markdown`, `MarkdownV2` or empty", default: "HTML",
                "How the message is marked up."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: true)
        url = reader.serviceURL("api_url")
        token = reader.secretReference("bot_token", orFile: "bot_token_file")
        chat = reader.secretReference("chat_id", orFile: "chat_id_file")
        if case .inPlace? = chat { _ = reader.int("chat_id", in: Int.min...Int.max) }
        thread = reader.int("message_thread_id") ?? thread
        isSilent = reader.bool("disable_notifications") ?? isSilent
        parseMode = reader.choice("parse_mode") ?? parseMode
        if reader.value("chat_id_file") == nil, reader.value("chat_id") == nil {
            reader.report("expected chat_id or chat_id_file, found neither")
        }
    }

    package func needs(_ global: GlobalConfiguration) -> [String] {
        token ?? global.telegramToken == nil
            ? ["expected bot_token or bot_token_file, here or as telegram_bot_token in global"] : []
    }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        var client = client(global, environment)
        client.needsBody = true
        return [
            TelegramReceiver(
                configuration: self, url: url ?? global.telegramURL, token: token ?? global.telegramToken,
                client: client, environment: environment)
        ]
    }
}

/// Sends a message as a bot of Telegram (`sendMessage`).
struct TelegramReceiver: Integration {
    let configuration: TelegramConfiguration
    let url: String
    let token: SecretReference?
    let client: ServiceClient
    let environment: ReceiverEnvironment
    private static let longest = 4096

    var kind: String { TelegramConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            let base = url.hasSuffix("/") ? String(url.dropLast()) : url
            let token = try token?.read(environment) ?? ""
            let chat = try configuration.chat?.read() ?? ""
            guard let chat = Int64(chat) else { throw .retry("chat_id is no whole number") }
            let response = try client.sendJSON(
                "\(base)/bot\(token)/sendMessage", message(renderer, chat: chat), stop: stop)
            try Self.check(response)
            return memory
        }
    }

    /// Every answer of the API is an object whose `ok` says whether the message was taken, and `error_code` why not.
    private static func check(_ response: HTTPResponse) throws(DeliveryFailure) {
        let json = try? JSONValue(parsing: response.body.span.bytes)
        guard let isTaken = json?["ok"]?.bool else {
            throw .retry("the answer is not the Telegram API's" + ServiceClient.excerpt(response.body))
        }
        guard !isTaken else { return }
        let code = json?["error_code"]?.number ?? 0
        let reason = "Telegram answers \(json?["description"]?.string ?? "no reason")"
        guard code == 429 || code >= 500 else { throw .refused(reason) }
        throw .retry(reason, after: ServiceClient.wait(response))
    }

    func message(_ renderer: MessageRenderer, chat: Int64) -> GoJSON {
        var message = Members()
        message.add("chat_id", .integer(chat))
        if configuration.thread > 0 { message.add("message_thread_id", .integer(Int64(configuration.thread))) }
        let (text, mode) = text(renderer)
        message.add("text", .string(text))
        message.addUnlessEmpty("parse_mode", mode.rawValue)
        message.add("disable_web_page_preview", .bool(true))
        if configuration.isSilent { message.add("disable_notification", .bool(true)) }
        return message.json
    }

    /// HTML cannot be cut where one likes: what is too long is sent as plain text, cut.
    private func text(_ renderer: MessageRenderer) -> (String, TelegramConfiguration.ParseMode) {
        let field = configuration.options["message"]
        let mode = configuration.parseMode
        var text = NotificationFunctions.trimmed(renderer.text(field, as: mode == .html ? .html : .text))
        // Telegram refuses an empty message.
        if text.isEmpty { text = "(no details)" }
        guard text.unicodeScalars.count > Self.longest else { return (text, mode) }
        if mode == .html { text = NotificationFunctions.trimmed(renderer.text(field)) }
        return (TextLimit.runes(text, Self.longest), .plain)
    }
}
