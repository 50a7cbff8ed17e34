import Configuration

/// The web configuration file of Prometheus's exporter-toolkit (`docs/web-configuration.md` there): TLS, headers,
/// users, a rate limit.
package struct WebConfiguration: Sendable, ConfigurationSection {
    /// nil: plain HTTP.
    package var tls: TLSServerConfiguration?
    /// Fields that every response carries.
    package var headers: Headers = [:]
    /// Nobody: whoever reaches the server may ask.
    package var users: [String: BcryptHash] = [:]
    package var rateLimit: RateLimit?

    package static let configurationKeys = [
        ConfigurationKey("tls_server_config", "mapping", "TLS; see [tls_server_config](#tls_server_config)."),
        ConfigurationKey(
            "http_server_config", "mapping", "HTTP; see [http_server_config](#http_server_config)."),
        ConfigurationKey(
            "basic_auth_users", "mapping of user names to bcrypt hashes",
            "Who may ask; see [basic_auth_users](#basic_auth_users)."),
        ConfigurationKey("rate_limit", "mapping", "How often may be asked; see [rate_limit](#rate_limit)."),
    ]

    package init() {}

    package init(_ reader: MappingReader) {
        if let value = reader.value("tls_server_config") {
            // A section without keys is as if it were not there, as the toolkit has it.
            let isEmpty = if case .mapping(let entries) = value.node.content { entries.isEmpty } else { false }
            tls = isEmpty ? nil : value.section(TLSServerConfiguration.self)
        }
        headers = (reader.section("http_server_config") ?? HTTPServerConfiguration()).headers
        if let value = reader.value("basic_auth_users") { users = WebConfiguration.users(value) }
        rateLimit = reader.section("rate_limit", RateLimitSection.self)?.limit
        reader.finish()
    }

    private static func users(_ value: ValueReader) -> [String: BcryptHash] {
        var users: [String: BcryptHash] = [:]
        for entry in value.entries() ?? [] {
            guard !entry.key.isEmpty, !entry.key.contains(":") else {
                value.context.report(
                    "expected a user name without a colon, found \"\(entry.key)\"", at: entry.keyPosition)
                continue
            }
            guard let text = entry.value.string() else { continue }
            // The text may be a password that somebody wrote in the place of its hash: it is not shown.
            guard let hash = BcryptHash(text) else {
                entry.value.report(
                    "expected a bcrypt hash of cost 4 to 16, such as $2b$10$ and 53 characters more; "
                        + "`tocsin hash-password` makes one")
                continue
            }
            users[entry.key] = hash
        }
        if !users.isEmpty {
            do throws(BcryptError) {
                try BcryptHash.load()
            } catch {
                value.report("passwords need libcrypt.so.1: \(error)")
            }
        }
        return users
    }

    /// The file at `path`, which is read with everything it names.
    package static func read(
        _ path: String, surroundings: ConfigurationSurroundings = .process
    ) throws(ConfigurationError) -> ConfigurationFile<WebConfiguration> {
        try ConfigurationFile<WebConfiguration>(path: path, surroundings: surroundings)
    }
}

/// `http_server_config:`.
struct HTTPServerConfiguration: ConfigurationSection {
    var headers: Headers = [:]

    static let configurationKeys = [
        ConfigurationKey(
            "http2", "bool", default: "true", "Accepted; HTTP/1.1 is what is spoken, and what clients agree to."),
        ConfigurationKey("headers", "mapping", "Fields of every response; see [headers](#headers)."),
    ]

    init() {}

    init(_ reader: MappingReader) {
        if reader.bool("http2") == true {
            reader.warn("http2 changes nothing: HTTP/1.1 is spoken, which every client agrees to", at: "http2")
        }
        headers = reader.section("headers", ResponseHeaderSection.self)?.headers ?? headers
        reader.finish()
    }
}

/// `http_server_config.headers:`.
struct ResponseHeaderSection: ConfigurationSection {
    private enum FrameOptions: String, CaseIterable { case deny, sameorigin }
    private enum ContentTypeOptions: String, CaseIterable { case nosniff }

    var headers: Headers = [:]

    static let configurationKeys = [
        ConfigurationKey("Content-Security-Policy", "string", "What a page may load."),
        ConfigurationKey("X-Frame-Options", "`deny` or `sameorigin`", "Who may show a page in a frame."),
        ConfigurationKey("X-Content-Type-Options", "`nosniff`", "That types are not guessed."),
        ConfigurationKey("X-XSS-Protection", "string", "For old browsers."),
        ConfigurationKey("Strict-Transport-Security", "string", "That browsers come back by HTTPS only."),
    ]

    init(_ reader: MappingReader) {
        for key in ResponseHeaderSection.configurationKeys.map(\.name) {
            let value: String? =
                switch key {
                case "X-Frame-Options": reader.choice(key, FrameOptions.self)?.rawValue
                case "X-Content-Type-Options": reader.choice(key, ContentTypeOptions.self)?.rawValue
                default: reader.string(key)
                }
            guard let value, !value.isEmpty else { continue }
            if value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
                reader.report("\(key): expected one line of text", at: key)
            } else {
                headers[key] = value
            }
        }
        reader.finish()
    }
}

/// `rate_limit:`.
struct RateLimitSection: ConfigurationSection {
    /// nil: no limit.
    var limit: RateLimit?

    static let configurationKeys = [
        ConfigurationKey(
            "interval", "duration", default: "0s", "Time after which one more request is let in; 0: no limit."),
        ConfigurationKey("burst", "integer", default: "1", "Requests let in at once."),
    ]

    init(_ reader: MappingReader) {
        let interval = reader.duration("interval", in: 0...86_400) ?? 0
        let burst = reader.int("burst", in: 1...1_000_000) ?? 1
        if interval > 0 { limit = RateLimit(interval: .seconds(interval), burst: burst) }
        reader.finish()
    }
}
