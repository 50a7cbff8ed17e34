import Bytes
import Telemetry
import Transport

/// Writes into a channel of Slack: by an incoming webhook, or as a bot by `chat.postMessage`, which can change a message
/// later (`chat.update`).
struct SlackReceiver: Integration {
    let configuration: SlackConfiguration
    let way: (url: SecretReference?, token: SecretReference?, address: String)
    let client: ServiceClient
    let environment: ReceiverEnvironment
    private static let longestTitle = 1024
    // As Alertmanager's notification log names them.
    private static let timeKey = "threadTs"
    private static let channelKey = "channelId"
    /// What Slack may answer with status 200 and what passes by itself.
    private static let passing: Set<String> = [
        "ratelimited", "rate_limited", "internal_error", "fatal_error", "request_timeout", "service_unavailable",
        "team_added_to_org",
    ]
    /// What it answers where the message to be changed is gone.
    private static let gone: Set<String> = [
        "message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found",
    ]

    var kind: String { SlackConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            let message = message(renderer)
            var headers = [HTTPHeader("Content-Type", "application/json; charset=utf-8")]
            if let token = way.token {
                headers.append(HTTPHeader("Authorization", "Bearer \(try token.read(environment))"))
            }
            let url = try way.token == nil ? way.url?.read(environment) ?? "" : way.address
            if configuration.updatesMessage, let time = memory[Self.timeKey], let channel = memory[Self.channelKey] {
                var changed = message.filter { $0.name != "channel" }
                changed.insert(.init(name: "channel", value: .string(channel)), at: 0)
                changed.insert(.init(name: "ts", value: .string(time)), at: 1)
                let response = try client.send(
                    Self.updateURL(of: url), headers: headers, body: GoJSON.object(changed).bytes, stop: stop)
                if let memory = try remembered(response, memory, isUpdate: true) { return memory }
            }
            let response = try client.send(url, headers: headers, body: GoJSON.object(message).bytes, stop: stop)
            return try remembered(response, memory, isUpdate: false) ?? memory
        }
    }

    /// `…/chat.update` beside `…/chat.postMessage`.
    private static func updateURL(of url: String) -> String {
        guard let slash = url.lastIndex(of: "/") else { return url }
        return url[...slash] + "chat.update"
    }

    /// What is to be remembered; nil where the message to be changed is no longer there.
    private func remembered(
        _ response: HTTPResponse, _ memory: DeliveryMemory, isUpdate: Bool
    ) throws(DeliveryFailure) -> DeliveryMemory? {
        guard let json = try? JSONValue(parsing: response.body.span.bytes), let isTaken = json["ok"]?.bool else {
            // A webhook answers `ok` as text.
            let text = ServiceClient.excerpt(response.body)
            if response.body.first == UInt8(ascii: "{"), (try? JSONValue(parsing: response.body.span.bytes)) == nil {
                throw .retry("Slack's answer is not whole" + text)
            }
            guard text == ": ok" || text.isEmpty else { throw .refused("Slack answers" + text) }
            return memory
        }
        guard isTaken else {
            let error = json["error"]?.string ?? "an error without a name"
            if isUpdate, Self.gone.contains(error) { return nil }
            if Self.passing.contains(error) { throw .retry("Slack answers \(error)", after: response.retryAfter) }
            throw .refused("Slack answers \(error)")
        }
        var memory = memory
        if configuration.updatesMessage, let time = json["ts"]?.string, let channel = json["channel"]?.string {
            memory[Self.timeKey] = time
            memory[Self.channelKey] = channel
        }
        return memory
    }

    // MARK: The message

    func message(_ renderer: MessageRenderer) -> [GoJSON.Member] {
        func text(_ name: String) -> String { renderer.text(configuration.options[name]) }
        var attachment = Members()
        attachment.addUnlessEmpty("title", TextLimit.runes(text("title"), Self.longestTitle))
        attachment.addUnlessEmpty("title_link", text("title_link"))
        attachment.addUnlessEmpty("pretext", text("pretext"))
        for name in ["text", "fallback", "callback_id"] { attachment.add(name, .string(text(name))) }
        if !configuration.fields.isEmpty {
            attachment.add("fields", .array(configuration.fields.map { field($0, renderer) }))
        }
        if !configuration.actions.isEmpty {
            attachment.add("actions", .array(configuration.actions.map { action($0, renderer) }))
        }
        attachment.addUnlessEmpty("image_url", text("image_url"))
        attachment.addUnlessEmpty("thumb_url", text("thumb_url"))
        attachment.add("footer", .string(text("footer")))
        attachment.addUnlessEmpty("color", text("color"))
        attachment.add("mrkdwn_in", .array(configuration.markdownIn.map { .string($0) }))

        var message = Members()
        for name in ["channel", "username", "icon_emoji", "icon_url"] { message.addUnlessEmpty(name, text(name)) }
        if configuration.linksNames { message.add("link_names", .bool(true)) }
        message.addUnlessEmpty("text", text("message_text"))
        message.add("attachments", .array([attachment.json]))
        return message.members
    }

    private func field(_ field: SlackConfiguration.Field, _ renderer: MessageRenderer) -> GoJSON {
        .members([
            "title": .string(renderer.text(field.title)), "value": .string(renderer.text(field.value)),
            "short": .bool(field.isShort ?? configuration.shortFields),
        ])
    }

    private func action(_ action: SlackConfiguration.Action, _ renderer: MessageRenderer) -> GoJSON {
        var result = Members()
        for field in action.fields { result.addUnlessEmpty(field.name, renderer.text(field)) }
        if !action.confirm.isEmpty {
            var confirm = Members()
            for field in action.confirm { confirm.addUnlessEmpty(field.name, renderer.text(field)) }
            result.add("confirm", confirm.json)
        }
        return result.json
    }
}

/// The members of a JSON object, in the order in which they are added.
struct Members {
    private(set) var members: [GoJSON.Member] = []
    var json: GoJSON { .object(members) }

    mutating func add(_ name: String, _ value: GoJSON) { members.append(.init(name: name, value: value)) }

    mutating func addUnlessEmpty(_ name: String, _ text: String) {
        if !text.isEmpty { add(name, .string(text)) }
    }
}
