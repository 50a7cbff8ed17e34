import Configuration
import Rules
import Telemetry
import Transport

/// `email_configs`.
package struct EmailConfiguration: ReceiverConfiguration {
    /// `threading`
    struct Threading: ConfigurationSection, Sendable {
        enum Day: String, CaseIterable, Sendable { case none, daily }
        var isEnabled = false
        var byDay: Day?

        static let configurationKeys: [ConfigurationKey] = [
            ConfigurationKey("enabled", "bool", default: "false", "Whether a group's mails are one thread."),
            ConfigurationKey("thread_by_date", "`none` or `daily`", "Whether there is a new thread every day."),
        ]

        init() {}

        init(_ reader: MappingReader) {
            isEnabled = reader.bool("enabled") ?? isEnabled
            byDay = reader.choice("thread_by_date")
            if isEnabled, byDay == nil { reader.report("thread_by_date is missing: expected none or daily") }
        }
    }

    package static let kind = "email"
    package static let templateKeys = [
        TemplateKey("to", "", "The receivers' addresses, with commas between them."),
        TemplateKey("from", "", "The sender's address; else `smtp_from` of global."),
        TemplateKey("html", #"{{ template "email.default.html" . }}"#, "The mail's HTML; empty for none."),
        TemplateKey("text", "", "The mail's text."),
    ]
    package var options: ReceiverOptions
    var own = GlobalConfiguration.SMTP()
    var hello: String?
    var headers: [(name: String, value: MessageField)] = []
    var threading = Threading()
    static let subject = TemplateKey("Subject", #"{{ template "email.default.subject" . }}"#, "")

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: false, usesHTTP: false) + [
            ConfigurationKey("smarthost", "host:port", "The mail server; else `smtp_smarthost` of global."),
            ConfigurationKey("hello", "string", "What this host calls itself to it."),
            ConfigurationKey("auth_username", "string", "For PLAIN, LOGIN and CRAM-MD5."),
            ConfigurationKey("auth_password", "secret", "For PLAIN and LOGIN."),
            ConfigurationKey("auth_password_file", "secret file", "A file with the password."),
            ConfigurationKey("auth_secret", "secret", "For CRAM-MD5."),
            ConfigurationKey("auth_secret_file", "secret file", "A file with the secret."),
            ConfigurationKey("auth_identity", "string", "For PLAIN, where it is not the user's name."),
            ConfigurationKey("require_tls", "bool", "Whether to send without TLS; not needed on loopback."),
            ConfigurationKey("force_implicit_tls", "bool", "TLS from the first byte; by itself on port 465."),
            ConfigurationKey("tls_config", "mapping", "Certificates; see [tls_config](#tls_config)."),
            ConfigurationKey("headers", "mapping of templates", "Further headers, or others, `Subject` among them."),
            ConfigurationKey("threading", "mapping", "`enabled`, and `thread_by_date`: `none` or `daily`."),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: false, usesHTTP: false)
        own.smarthost = reader.smarthost("smarthost") ?? ""
        hello = reader.string("hello")
        own.username = reader.string("auth_username") ?? ""
        own.password = reader.secretReference("auth_password", orFile: "auth_password_file")
        own.secret = reader.secretReference("auth_secret", orFile: "auth_secret_file")
        own.identity = reader.string("auth_identity") ?? ""
        own.requiresTLS = reader.bool("require_tls")
        own.beginsWithTLS = reader.bool("force_implicit_tls")
        own.tls = reader.section("tls_config")
        threading = reader.section("threading") ?? threading
        for entry in reader.value("headers")?.entries() ?? [] { add(entry, reader) }
        if !headers.contains(where: { $0.name == "Subject" }) {
            headers.append(("Subject", MessageField(nil, Self.subject)))
        }
        if options["to"].template.isEmpty { reader.report("to is missing: expected an address") }
    }

    private mutating func add(
        _ entry: (key: String, keyPosition: SourcePosition, value: ValueReader), _ reader: MappingReader
    ) {
        let isName =
            !entry.key.isEmpty && entry.key.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }
        guard isName else {
            return reader.context.report("headers: expected a header's name", at: entry.keyPosition)
        }
        let name = EmailMessage.canonical(entry.key)
        if headers.contains(where: { $0.name == name }) {
            reader.context.report("headers: \(name) is there twice", at: entry.keyPosition)
        }
        if threading.isEnabled, ["References", "In-Reply-To"].contains(name) {
            reader.context.report("headers: \(name) is set by threading", at: entry.keyPosition)
        }
        headers.append((name, MessageField(entry.value, name == "Subject" ? Self.subject : TemplateKey(name, "", ""))))
    }

    /// Its own settings, and the global ones where it has none.
    func smtp(_ global: GlobalConfiguration) -> GlobalConfiguration.SMTP {
        var smtp = own
        let other = global.smtp
        if smtp.smarthost.isEmpty { smtp.smarthost = other.smarthost }
        smtp.from = other.from
        smtp.hello = hello ?? other.hello
        if smtp.username.isEmpty { smtp.username = other.username }
        if smtp.identity.isEmpty { smtp.identity = other.identity }
        smtp.password = smtp.password ?? other.password
        smtp.secret = smtp.secret ?? other.secret
        smtp.requiresTLS = smtp.requiresTLS ?? other.requiresTLS
        smtp.tls = smtp.tls ?? other.tls
        smtp.beginsWithTLS = smtp.beginsWithTLS ?? other.beginsWithTLS
        return smtp
    }

    package func needs(_ global: GlobalConfiguration) -> [String] {
        let smtp = smtp(global)
        var needs: [String] = []
        if smtp.smarthost.isEmpty { needs.append("expected smarthost, here or as smtp_smarthost in global") }
        if options["from"].template.isEmpty, smtp.from.isEmpty {
            needs.append("expected from, here or as smtp_from in global")
        }
        if !smtp.username.isEmpty, smtp.password ?? smtp.secret == nil {
            needs.append("auth_username has neither auth_password nor auth_secret to log in with")
        }
        return needs
    }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        [EmailReceiver(configuration: self, smtp: smtp(global), environment: environment)]
    }
}
