import Configuration
import Rules
import Telemetry
import Transport

/// `webhook_configs`.
package struct WebhookConfiguration: ReceiverConfiguration {
    package static let kind = "webhook"
    package static let templateKeys: [TemplateKey] = []
    package var options: ReceiverOptions
    /// The URL's template, or the file that has it.
    var url: SecretReference?
    var mostAlerts = 0
    var timeout = 0.0
    var payload: PayloadTemplate?

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true) + [
            ConfigurationKey("url", "secret template", "Where notifications are posted."),
            ConfigurationKey("url_file", "secret file", "A file with the URL."),
            ConfigurationKey("max_alerts", "int", default: "0", "How many alerts are told of at most; 0 for all."),
            ConfigurationKey("timeout", "duration", default: "30s", "How long one request may take."),
            ConfigurationKey(
                "payload", "any YAML", "What is posted instead, as JSON; every text in it is a template."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: true)
        url = reader.secretReference("url", orFile: "url_file")
        if case .inPlace(let secret)? = url { Self.check(secret.value, reader) }
        mostAlerts = reader.int("max_alerts") ?? mostAlerts
        timeout = reader.duration("timeout") ?? timeout
        payload = reader.value("payload").map { PayloadTemplate($0) }
    }

    private static func check(_ url: String, _ reader: MappingReader) {
        do throws(TemplateError) {
            let template = try MessageTemplate(url, name: "url")
            guard template.source == nil else { return }
        } catch {
            return reader.report("url: \(error)", at: "url")
        }
        _ = reader.serviceURL("url")
    }

    package func needs(_ global: GlobalConfiguration) -> [String] { url == nil ? ["expected url or url_file"] : [] }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        [
            WebhookReceiver(
                configuration: self, client: client(global, environment, timeout: timeout), environment: environment)
        ]
    }
}

/// Posts notifications as JSON, in version 4 of Alertmanager's format (`notify/webhook/webhook.go`).
struct WebhookReceiver: Integration {
    let configuration: WebhookConfiguration
    let client: ServiceClient
    let environment: ReceiverEnvironment

    var kind: String { WebhookConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let data = NotificationData(notification, mostAlerts: configuration.mostAlerts)
            let renderer = MessageRenderer(kind, data, environment)
            let url = try url(renderer)
            let custom = configuration.payload.flatMap { $0.document(renderer) }
            let body = (custom ?? Self.payload(data)).bytes + [0x0a]
            try client.send(url, headers: [ServiceClient.json], body: body, stop: stop)
            return memory
        }
    }

    private func url(_ renderer: MessageRenderer) throws(DeliveryFailure) -> String {
        guard let text = try configuration.url?.read(environment) else { throw .refused("no url") }
        guard let template = try? MessageTemplate(text, name: "url") else {
            throw .refused("the url is no template that can be used")
        }
        return try renderer.required(template, name: "url")
    }

    /// The members in the order in which Alertmanager has them.
    static func payload(_ data: NotificationData) -> GoJSON {
        .members([
            "receiver": .string(data.receiver), "status": .string(data.status),
            "alerts": .array(data.alerts.map(\.json)), "notification_reason": .string(data.reason),
            "groupLabels": data.groupLabels.json, "commonLabels": data.commonLabels.json,
            "commonAnnotations": data.commonAnnotations.json, "routeLabels": data.routeLabels.json,
            "externalURL": .string(data.externalURL), "version": .string("4"), "groupKey": .string(data.groupKey),
            "truncatedAlerts": .integer(Int64(data.truncatedAlerts)),
        ])
    }
}

extension NotificationData.Alert {
    var json: GoJSON {
        .members([
            "status": .string(status), "labels": labels.json, "annotations": annotations.json,
            "startsAt": .string(startsAt.rfc3339), "endsAt": .string(endsAt.rfc3339),
            "generatorURL": .string(generatorURL), "fingerprint": .string(fingerprint),
        ])
    }
}

extension LabelSet {
    var json: GoJSON { .map(labels.map { ($0.name, .string($0.value)) }) }
}
