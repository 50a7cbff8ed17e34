import Configuration
import Rules
import Telemetry
import Transport

/// One entry of a receiver's `KIND_configs`: reads itself, says what it lacks, and makes what delivers.
package protocol ReceiverConfiguration: ConfigurationSection, Sendable {
    /// `slack` for `slack_configs`.
    static var kind: String { get }
    static var templateKeys: [TemplateKey] { get }
    var options: ReceiverOptions { get }

    /// What is missing here and in the global defaults, in sentences.
    func needs(_ global: GlobalConfiguration) -> [String]

    /// What delivers: mostly one.
    func integrations(_ global: GlobalConfiguration, _ environment: ReceiverEnvironment) -> [any Integration]
}

extension ReceiverConfiguration {
    package func needs(_ global: GlobalConfiguration) -> [String] { [] }

    func client(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment, timeout: Double = 0
    ) -> ServiceClient {
        ServiceClient(options.http ?? global.http, environment, timeout: timeout)
    }
}

/// What every kind of receiver has.
package struct ReceiverOptions: Sendable {
    package var sendsResolved: Bool
    /// Nil for the global one.
    package var http: HTTPClientConfiguration?
    /// Where the entry stands.
    package var position: SourcePosition
    private var fields: [String: MessageField] = [:]

    /// The keys that come with the options.
    static func keys(_ templates: [TemplateKey], sendsResolved: Bool, usesHTTP: Bool = true) -> [ConfigurationKey] {
        [ConfigurationKey("send_resolved", "bool", default: "\(sendsResolved)", "Whether the end of alerts is told.")]
            + (usesHTTP
                ? [
                    ConfigurationKey(
                        "http_config", "mapping", "How requests are made; see [http_config](#http_config).")
                ] : [])
            + templates.map(\.key)
    }

    init(_ reader: MappingReader, _ templates: [TemplateKey], sendsResolved: Bool, usesHTTP: Bool = true) {
        self.sendsResolved = reader.bool("send_resolved") ?? sendsResolved
        position = reader.position
        if usesHTTP { http = reader.section("http_config", ReceiverHTTP.self)?.client }
        for key in templates { fields[key.name] = MessageField(reader.value(key.name), key) }
    }

    /// One that `templateKeys` names.
    subscript(name: String) -> MessageField {
        guard let field = fields[name] else { preconditionFailure("\(name) is not among the receiver's templates") }
        return field
    }

    /// In the order of their names.
    package var templates: [MessageField] { fields.values.sorted { $0.name < $1.name } }
}
