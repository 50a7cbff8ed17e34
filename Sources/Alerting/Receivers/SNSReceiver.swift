import Telemetry
import Transport

/// Publishes by Amazon's SNS (`Publish` of its query API).
struct SNSReceiver: Integration {
    let configuration: SNSConfiguration
    let client: ServiceClient
    let environment: ReceiverEnvironment
    /// Bytes of a message, and characters of an SMS.
    private static let largest = 256 << 10
    private static let longestSMS = 1600

    var kind: String { SNSConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            let region = configuration.signature.region
            let given = renderer.text(configuration.options["api_url"])
            let url = given.isEmpty ? "https://sns.\(region).amazonaws.com/" : given
            guard let credentials = configuration.signature.credentials else { throw .refused("no credentials") }
            guard let target = try? HTTPTarget(parsing: url) else { throw .refused("api_url is no URL") }
            let body = FormText.encoded(try parameters(renderer))
            let headers = AWSSignature.headers(
                host: target.authority, path: target.path, body: body, contentType: FormText.contentType,
                region: region, service: "sns", credentials, at: TemplateTime(milliseconds: environment.clock()))
            let response = try client.exchange(url, headers: headers, body: body, stop: stop)
            guard let failure = client.failure(of: response) else { return memory }
            if case .refused(let reason) = failure, Self.isPassing(response) { throw .retry(reason) }
            throw failure
        }
    }

    /// Amazon answers 400 and 403, too, for what passes; its error code is what tells.
    private static func isPassing(_ response: HTTPResponse) -> Bool {
        let text = String(decoding: response.body.prefix(4096), as: UTF8.self)
        return ["Throttl", "KMSThrottl", "RequestThrottl", "RequestTimeout", "RequestLimitExceeded", "TooManyRequests"]
            .contains { text.contains("<Code>" + $0) }
    }

    func parameters(_ renderer: MessageRenderer) throws(DeliveryFailure) -> [(String, String)] {
        var parameters = [("Action", "Publish"), ("Version", "2010-03-31")]
        var attributes = configuration.attributes.map { (renderer.text($0.name), renderer.text($0.value)) }
        func target(_ name: String) throws(DeliveryFailure) -> String? {
            let template = configuration.options[name].template
            return template.isEmpty ? nil : try renderer.required(template, name: name)
        }
        if let topic = try target("topic_arn") {
            parameters.append(("TopicArn", topic))
            if topic.hasSuffix(".fifo") {
                let group = PagerDutyReceiver.deduplicationKey(renderer.data.groupKey)
                // The same message again within five minutes is one message; another state of the group is not.
                let state = renderer.data.alerts.map { $0.fingerprint + $0.status }.joined(separator: ",")
                parameters.append(
                    (
                        "MessageDeduplicationId",
                        PagerDutyReceiver.deduplicationKey("\(group) \(renderer.data.now.rfc3339) \(state)")
                    ))
                parameters.append(("MessageGroupId", group))
            }
        }
        if let target = try target("target_arn") { parameters.append(("TargetArn", target)) }
        let message = renderer.text(configuration.options["message"])
        var text = TextLimit.bytes(message, Self.largest)
        if let number = try target("phone_number") {
            parameters.append(("PhoneNumber", number))
            text = TextLimit.runes(message, Self.longestSMS)
        }
        if text != message { attributes.append(("truncated", "true")) }
        if text.isEmpty { text = "(no details)" }
        parameters.append(("Message", text))
        let subject = Self.subject(renderer.text(configuration.options["subject"]))
        if !subject.isEmpty { parameters.append(("Subject", subject)) }
        for (index, attribute) in attributes.enumerated() {
            let prefix = "MessageAttributes.entry.\(index + 1)"
            parameters.append(("\(prefix).Name", attribute.0))
            parameters.append(("\(prefix).Value.DataType", "String"))
            parameters.append(("\(prefix).Value.StringValue", attribute.1))
        }
        return parameters
    }

    /// One line of printable ASCII, at most 100 characters: SNS refuses all else.
    private static func subject(_ text: String) -> String {
        let ascii = text.unicodeScalars.map {
            (0x20..<0x7f).contains($0.value) ? String($0) : $0.value < 0x20 ? " " : "?"
        }
        return String(NotificationFunctions.trimmed(ascii.joined()).prefix(100))
    }
}
