import Configuration
import Rules
import Telemetry
import Transport

/// `http_configs`: any request to any server, for services that have no receiver of their own.
package struct HTTPConfiguration: ReceiverConfiguration {
    enum Method: String, CaseIterable, Sendable { case post = "POST", put = "PUT", patch = "PATCH" }

    package static let kind = "http"
    package static let templateKeys = [
        TemplateKey("body", #"{{ template "http.default.body" . }}"#, "What is sent.")
    ]
    package var options: ReceiverOptions
    var url: SecretReference?
    var method = Method.post
    var contentType = "text/plain; charset=utf-8"
    var headers: [(name: String, value: MessageField)] = []
    var form: [(name: String, value: MessageField)] = []
    var payload: PayloadTemplate?
    var retried: Set<Int> = []
    var timeout = 0.0

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true) + [
            ConfigurationKey("url", "secret template", "Where requests go."),
            ConfigurationKey("url_file", "secret file", "A file with the URL."),
            ConfigurationKey("method", "`POST`, `PUT` or `PATCH`", default: "POST", "The request's method."),
            ConfigurationKey("content_type", "string", default: "text/plain; charset=utf-8", "What `body` is."),
            ConfigurationKey("headers", "mapping of templates", "Further headers."),
            ConfigurationKey("form", "mapping of templates", "Fields of a form, in place of `body`."),
            ConfigurationKey("json", "any YAML", "JSON in place of `body`; every text in it is a template."),
            ConfigurationKey("retry_on", "list of ints", "Answers that are tried again, besides 429 and 5xx."),
            ConfigurationKey("timeout", "duration", default: "30s", "How long one request may take."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: true)
        url = reader.secretReference("url", orFile: "url_file")
        if case .inPlace(let secret)? = url {
            do throws(TemplateError) {
                if try MessageTemplate(secret.value, name: "url").source == nil { _ = reader.serviceURL("url") }
            } catch {
                reader.report("url: \(error)", at: "url")
            }
        }
        method = reader.choice("method") ?? method
        contentType = reader.string("content_type") ?? contentType
        func fields(_ key: String) -> [(name: String, value: MessageField)] {
            (reader.value(key)?.entries() ?? []).map { ($0.key, MessageField($0.value, TemplateKey(key, "", ""))) }
        }
        headers = fields("headers")
        form = fields("form")
        payload = reader.value("json").map { PayloadTemplate($0) }
        retried = Set((reader.value("retry_on")?.items() ?? []).compactMap { $0.int(in: 300...599) })
        timeout = reader.duration("timeout") ?? timeout
        let bodies = ["body", "form", "json"].filter(reader.has)
        if bodies.count > 1 {
            reader.report("expected only one of body, form and json, found \(bodies.joined(separator: " and "))")
        }
    }

    package func needs(_ global: GlobalConfiguration) -> [String] { url == nil ? ["expected url or url_file"] : [] }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        var client = client(global, environment, timeout: timeout)
        client.retriedStatuses = retried
        return [HTTPReceiver(configuration: self, client: client, environment: environment)]
    }
}

/// Makes a request that the configuration describes.
struct HTTPReceiver: Integration {
    let configuration: HTTPConfiguration
    let client: ServiceClient
    let environment: ReceiverEnvironment

    var kind: String { HTTPConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            guard let template = try? MessageTemplate(configuration.url?.read(environment) ?? "", name: "url") else {
                throw .retry("the url cannot be read, or is no template that can be used")
            }
            let url = try renderer.required(template, name: "url")
            let (type, body) = body(renderer)
            var headers = [HTTPHeader("Content-Type", type)]
            for header in configuration.headers {
                // A line break would begin another header.
                let value = renderer.text(header.value).unicodeScalars.map { $0.value < 0x20 ? " " : String($0) }
                headers.append(HTTPHeader(header.name, value.joined(), isSecret: true))
            }
            try client.send(url, method: configuration.method.rawValue, headers: headers, body: body, stop: stop)
            return memory
        }
    }

    private func body(_ renderer: MessageRenderer) -> (type: String, bytes: [UInt8]) {
        if let payload = configuration.payload {
            // The webhook's own payload says the same where the template fails.
            let json = payload.document(renderer, name: "json") ?? WebhookReceiver.payload(renderer.data)
            return ("application/json", json.bytes)
        }
        if !configuration.form.isEmpty {
            return (
                FormText.contentType,
                FormText.encoded(configuration.form.map { ($0.name, renderer.text($0.value)) })
            )
        }
        return (configuration.contentType, Array(renderer.text(configuration.options["body"]).utf8))
    }
}
