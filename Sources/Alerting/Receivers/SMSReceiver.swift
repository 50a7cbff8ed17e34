import Configuration
import Telemetry
import Transport

/// `sms_configs`: short messages by the HTTP gateway of whoever sends them.
package struct SMSConfiguration: ReceiverConfiguration {
    package static let kind = "sms"
    package static let templateKeys = [
        TemplateKey("message", #"{{ template "sms.default.message" . }}"#, "At most `max_length` characters.")
    ]
    package var options: ReceiverOptions
    var url: SecretReference?
    /// Of Twilio; nil for another gateway.
    var account: String?
    var token: SecretReference?
    var from = ""
    var to: [String] = []
    /// Of another gateway: what the form has besides.
    var form: [(name: String, value: MessageField)] = []
    var longest = 480
    var names = (to: "To", from: "From", body: "Body")

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true) + [
            ConfigurationKey("to", "list of strings", "Telephone numbers, as `+4712345678`; each gets a request."),
            ConfigurationKey("from", "string", "The sender's number or name."),
            ConfigurationKey("account_sid", "string", "Twilio's account; the gateway is Twilio's then."),
            ConfigurationKey("auth_token", "secret", "Twilio's token."),
            ConfigurationKey("auth_token_file", "secret file", "A file with it."),
            ConfigurationKey("url", "secret", "Another gateway's URL, to which a form is posted."),
            ConfigurationKey("url_file", "secret file", "A file with it."),
            ConfigurationKey("to_field", "string", default: "To", "What the form calls the number."),
            ConfigurationKey("from_field", "string", default: "From", "What it calls the sender."),
            ConfigurationKey("message_field", "string", default: "Body", "What it calls the message."),
            ConfigurationKey("form", "mapping of templates", "Further fields of the form."),
            ConfigurationKey("max_length", "int", default: "480", "Characters of a message; 1600 are the most."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: true)
        to = reader.strings("to") ?? to
        from = reader.string("from") ?? from
        account = reader.string("account_sid")
        token = reader.secretReference("auth_token", orFile: "auth_token_file")
        url = reader.secretReference("url", orFile: "url_file")
        if case .inPlace? = url { _ = reader.serviceURL("url") }
        names.to = reader.string("to_field") ?? names.to
        names.from = reader.string("from_field") ?? names.from
        names.body = reader.string("message_field") ?? names.body
        form = (reader.value("form")?.entries() ?? []).map {
            ($0.key, MessageField($0.value, TemplateKey("form", "", "")))
        }
        longest = reader.int("max_length", in: 10...1600) ?? longest
        if to.isEmpty { reader.report("to is missing: expected telephone numbers") }
        if account != nil, from.isEmpty { reader.report("from is missing: Twilio needs the number to send from") }
        if account == nil, url == nil { reader.report("expected account_sid (for Twilio) or url, found neither") }
        if account != nil, token == nil { reader.report("expected auth_token or auth_token_file for account_sid") }
        if let account, !account.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x7a).contains($0) }) {
            reader.report("account_sid: expected letters and digits", at: "account_sid")
        }
    }

    /// One for each number: what one of them missed is not told to the others again.
    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        to.map {
            SMSReceiver(
                configuration: self, number: $0, client: client(global, environment), environment: environment)
        }
    }
}

/// Posts a form with a short message for one number.
struct SMSReceiver: Integration {
    let configuration: SMSConfiguration
    let number: String
    let client: ServiceClient
    let environment: ReceiverEnvironment

    var kind: String { SMSConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            var headers = [HTTPHeader("Content-Type", FormText.contentType)]
            var url = try configuration.url?.read(environment) ?? ""
            if let account = configuration.account {
                if url.isEmpty { url = "https://api.twilio.com/2010-04-01/Accounts/\(account)/Messages.json" }
                let pair = "\(account):\(try configuration.token?.read(environment) ?? "")"
                headers.append(HTTPHeader("Authorization", "Basic " + Base64Text.encoded(Array(pair.utf8))))
            }
            try client.send(url, headers: headers, body: FormText.encoded(form(renderer)), stop: stop)
            return memory
        }
    }

    func form(_ renderer: MessageRenderer) -> [(String, String)] {
        let names = configuration.names
        var message = NotificationFunctions.trimmed(renderer.text(configuration.options["message"]))
        if message.isEmpty { message = "(no details)" }
        var form = [(names.to, number)]
        if !configuration.from.isEmpty { form.append((names.from, configuration.from)) }
        form.append((names.body, TextLimit.runes(message, configuration.longest)))
        for field in configuration.form { form.append((field.name, renderer.text(field.value))) }
        return form
    }
}
