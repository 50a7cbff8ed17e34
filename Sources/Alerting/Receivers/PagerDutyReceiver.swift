import Bytes
import Telemetry

/// Triggers and resolves events of PagerDuty's Events API v2, or of its v1 where a service's key is given.
struct PagerDutyReceiver: Integration {
    let configuration: PagerDutyConfiguration
    let url: String
    let client: ServiceClient
    let environment: ReceiverEnvironment
    private static let longestSummary = 1024
    /// Bytes of an event.
    private static let largest = 512_000

    var kind: String { PagerDutyConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            let isOld = configuration.serviceKey != nil
            let name = isOld ? "service_key" : "routing_key"
            let secret = try (configuration.serviceKey ?? configuration.routingKey)?.read(environment) ?? ""
            guard let template = try? MessageTemplate(secret, name: name) else {
                throw .refused("\(name) is no template that can be used")
            }
            let key = try renderer.required(template, name: name)
            let event: (GoJSON) -> GoJSON = { details in
                isOld
                    ? self.oldEvent(renderer, key: key, details: details)
                    : self.event(renderer, key: key, details: details)
            }
            var body = event(details(renderer))
            if body.bytes.count > Self.largest {
                body = event(
                    .members([
                        "error": .string("The details were left out: with them the event would be larger than 512 kB")
                    ]))
            }
            try client.sendJSON(url, body, stop: stop)
            return memory
        }
    }

    /// One that fails is left out.
    private func details(_ renderer: MessageRenderer) -> GoJSON {
        .map(
            configuration.details.compactMap { detail in
                detail.value.document(renderer, name: "details").map { (detail.name, $0) }
            })
    }

    /// What PagerDuty knows the group by: the SHA-256 of its key.
    static func deduplicationKey(_ groupKey: String) -> String {
        SHA256.hash(Array(groupKey.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    func event(_ renderer: MessageRenderer, key: String, details: GoJSON) -> GoJSON {
        func text(_ name: String) -> String { renderer.text(configuration.options[name]) }
        var payload = Members()
        payload.add("summary", .string(summary(renderer)))
        payload.add("source", .string(text("source")))
        payload.add("severity", .string(text("severity")))
        for name in ["class", "component", "group"] { payload.addUnlessEmpty(name, text(name)) }
        payload.add("custom_details", details)

        var event = Members()
        event.add("routing_key", .string(key))
        event.add("dedup_key", .string(Self.deduplicationKey(renderer.data.groupKey)))
        event.add("event_action", .string(renderer.data.isFiring ? "trigger" : "resolve"))
        event.add("payload", payload.json)
        event.addUnlessEmpty("client", text("client"))
        event.addUnlessEmpty("client_url", text("client_url"))
        let images = items(configuration.images, needing: "src", renderer)
        if !images.isEmpty { event.add("images", .array(images)) }
        let links = items(configuration.links, needing: "href", renderer)
        if !links.isEmpty { event.add("links", .array(links)) }
        return event.json
    }

    private func oldEvent(_ renderer: MessageRenderer, key: String, details: GoJSON) -> GoJSON {
        var event = Members()
        event.add("service_key", .string(key))
        event.add("incident_key", .string(Self.deduplicationKey(renderer.data.groupKey)))
        event.add("event_type", .string(renderer.data.isFiring ? "trigger" : "resolve"))
        event.add("description", .string(summary(renderer)))
        if renderer.data.isFiring {
            for name in ["client", "client_url"] {
                event.addUnlessEmpty(name, renderer.text(configuration.options[name]))
            }
        }
        event.add("details", details)
        return event.json
    }

    private func summary(_ renderer: MessageRenderer) -> String {
        let text = TextLimit.runes(renderer.text(configuration.options["description"]), Self.longestSummary)
        // PagerDuty refuses an empty one.
        return text.isEmpty ? "(no description)" : text
    }

    private func items(_ items: [[MessageField]], needing name: String, _ renderer: MessageRenderer) -> [GoJSON] {
        items.compactMap { fields in
            let texts = fields.map { ($0.name, renderer.text($0)) }
            guard texts.contains(where: { $0.0 == name && !$0.1.isEmpty }) else { return nil }
            return .object(texts.map { GoJSON.Member(name: $0.0, value: .string($0.1)) })
        }
    }
}
