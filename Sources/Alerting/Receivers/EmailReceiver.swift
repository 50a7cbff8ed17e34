import Configuration
import Glibc
import Rules
import Telemetry
import Transport

/// Sends mails to a mail server.
struct EmailReceiver: Integration {
    let configuration: EmailConfiguration
    let smtp: GlobalConfiguration.SMTP
    let environment: ReceiverEnvironment

    var kind: String { EmailConfiguration.kind }
    var sendsResolved: Bool { configuration.options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            let own = configuration.options["from"].template
            let from = own.isEmpty ? smtp.from : try renderer.required(own, name: "from")
            let to = try renderer.required(configuration.options["to"].template, name: "to")
            let senders = EmailAddress.list(from)
            let recipients = EmailAddress.list(to)
            guard let sender = senders?.first, senders?.count == 1 else { throw .refused("from is not one address") }
            guard let recipients, !recipients.isEmpty else { throw .refused("to is no list of addresses") }
            let message = message(renderer, from: from, to: to)
            try environment.show("message/rfc822", message.bytes)
            try send(message.bytes, from: sender, to: recipients, stop: stop)
            return memory
        }
    }

    // MARK: The message

    func message(_ renderer: MessageRenderer, from: String, to: String) -> EmailMessage {
        let clock = environment.clock()
        var message = EmailMessage(boundary: EmailMessage.boundary())
        var headers = configuration.headers.map { (name: $0.name, value: renderer.text($0.value)) }
        func add(_ name: String, _ value: String) {
            if !headers.contains(where: { $0.name == name }) { headers.append((name, value)) }
        }
        add("From", from)
        add("To", to)
        add("Date", TemplateTime(milliseconds: clock).formatted("Mon, 02 Jan 2006 15:04:05 -0700"))
        add("Message-Id", "<\(clock).\(UInt64.random(in: 0 ... .max))@\(Self.hostName)>")
        if configuration.threading.isEnabled {
            let root = threadRoot(renderer.data.groupKey, at: clock)
            add("References", root)
            add("In-Reply-To", root)
        }
        message.headers = headers.filter { !$0.value.isEmpty }
        let text = configuration.options["text"]
        let html = configuration.options["html"]
        if !text.template.isEmpty { message.text = renderer.text(text) }
        if !html.template.isEmpty { message.html = renderer.text(html, as: .html) }
        // A text that failed has no default; the mail says what the subject says then.
        if message.html == nil, message.text?.isEmpty ?? true {
            message.text = renderer.fallback(
                MessageField(nil, TemplateKey("text", #"{{ template "http.default.body" . }}"#, "")))
        }
        return message
    }

    /// The identifier of a mail that never was: readers of mail gather around it.
    private func threadRoot(_ groupKey: String, at clock: Int64) -> String {
        let key = PagerDutyReceiver.deduplicationKey(groupKey).prefix(16)
        let day =
            configuration.threading.byDay == .daily ? TemplateTime(milliseconds: clock).formatted("2006-01-02") : ""
        return "<alert-\(key)-\(day)@alertmanager>"
    }

    private static let hostName: String = {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost.localdomain" }
        let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"<>@\"".utf8.contains($0) }
        return isPlain ? text : "localhost.localdomain"
    }()

    // MARK: The way

    func client() throws(DeliveryFailure) -> SMTPClient {
        guard let server = SMTPServer(smtp.smarthost) else { throw .refused("smarthost is not host:port") }
        var client = SMTPClient(server: server)
        client.hello = smtp.hello
        client.tls = smtp.tls ?? client.tls
        if smtp.beginsWithTLS ?? (server.port == 465) {
            client.security = .implicit
        } else if let isRequired = smtp.requiresTLS {
            client.security = isRequired ? .required : .opportunistic
        } else {
            client.security = server.isLoopback ? .none : .required
        }
        guard !smtp.username.isEmpty else { return client }
        client.username = smtp.username
        client.identity = smtp.identity
        if let password = smtp.password {
            client.password = Secret(try password.read())
        } else if let secret = smtp.secret {
            client.password = Secret(try secret.read())
            client.mechanism = "CRAM-MD5"
        }
        return client
    }

    private func send(
        _ message: [UInt8], from: String, to recipients: [String], stop: StopToken
    ) throws(DeliveryFailure) {
        let client = try client()
        do throws(SMTPFailure) {
            try client.send(message, from: from, to: recipients, timeout: 2 * environment.requestTimeout, stop: stop)
        } catch {
            switch error {
            case .transport(.configuration(let reason)): throw .refused(reason)
            case .transport(let failure): throw .retry(failure.description)
            case .refused(_, let reason): throw .refused(reason)
            case .noEncryption(let reason): throw .retry(reason)
            }
        }
    }
}
