import Telemetry
import Transport

/// Creates, changes and closes alerts by Opsgenie's Alert API v2.
struct OpsgenieReceiver: Integration {
    let configuration: OpsgenieConfiguration
    /// With a slash at its end.
    let url: String
    let key: SecretReference?
    let client: ServiceClient
    let environment: ReceiverEnvironment

    var kind: String { OpsgenieConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            let headers = [
                ServiceClient.json, HTTPHeader("Authorization", "GenieKey \(try key?.read(environment) ?? "")"),
            ]
            for request in requests(renderer) {
                try client.send(
                    url + request.path, method: request.method, headers: headers, body: request.body.bytes, stop: stop)
            }
            return memory
        }
    }

    struct Request {
        var method: String
        var path: String
        var body: GoJSON
    }

    func requests(_ renderer: MessageRenderer) -> [Request] {
        let alias = PagerDutyReceiver.deduplicationKey(renderer.data.groupKey)
        func text(_ name: String, _ limit: Int) -> String {
            TextLimit.runes(renderer.text(configuration.options[name]), limit)
        }
        let path = "v2/alerts/\(alias)"
        guard renderer.data.isFiring else {
            let body = GoJSON.members(["source": .string(text("source", 100))])
            return [Request(method: "POST", path: "\(path)/close?identifierType=alias", body: body)]
        }
        let message = text("message", 130)
        let description = text("description", 15_000)
        var body = Members()
        body.add("alias", .string(alias))
        body.add("message", .string(message.isEmpty ? "(no message)" : message))
        body.addUnlessEmpty("description", description)
        body.add("details", details(renderer))
        body.add("source", .string(text("source", 100)))
        let responders = configuration.responders.flatMap { Self.responders($0, renderer) }
        if !responders.isEmpty { body.add("responders", .array(responders)) }
        add("tags", Self.split(text("tags", 2000)), to: &body)
        body.addUnlessEmpty("note", text("note", 25_000))
        body.addUnlessEmpty("priority", text("priority", 2))
        body.addUnlessEmpty("entity", text("entity", 512))
        add("actions", Self.split(text("actions", 1000)), to: &body)
        var requests = [Request(method: "POST", path: "v2/alerts", body: body.json)]
        guard configuration.updatesAlerts else { return requests }
        requests.append(
            Request(
                method: "PUT", path: "\(path)/message?identifierType=alias",
                body: .members(["message": .string(message)])))
        requests.append(
            Request(
                method: "PUT", path: "\(path)/description?identifierType=alias",
                body: .members(["description": .string(description)])))
        return requests
    }

    private func add(_ name: String, _ texts: [String], to body: inout Members) {
        if !texts.isEmpty { body.add(name, .array(texts.map { .string($0) })) }
    }

    private func details(_ renderer: MessageRenderer) -> GoJSON {
        var details: [String: String] = [:]
        for label in renderer.data.commonLabels.labels { details[label.name] = label.value }
        for detail in configuration.details { details[detail.name] = renderer.text(detail.value) }
        return .map(details.map { ($0.key, .string($0.value)) })
    }

    /// `teams` stands for several of type `team`, with commas between their names.
    private static func responders(
        _ responder: OpsgenieConfiguration.Responder, _ renderer: MessageRenderer
    ) -> [GoJSON] {
        let texts = responder.fields.map { (name: $0.name, text: renderer.text($0)) }
        // One that is made of labels which are not there is none.
        guard texts[..<3].contains(where: { !$0.text.isEmpty }) else { return [] }
        let type = texts[3].text.lowercased()
        if type == "teams" {
            return split(texts[1].text).map { .members(["name": .string($0), "type": .string("team")]) }
        }
        var members = Members()
        for text in texts[..<3] { members.addUnlessEmpty(text.name, text.text) }
        members.add("type", .string(type))
        return [members.json]
    }

    private static func split(_ text: String) -> [String] {
        text.split(separator: ",").map { NotificationFunctions.trimmed(String($0)) }.filter { !$0.isEmpty }
    }
}
