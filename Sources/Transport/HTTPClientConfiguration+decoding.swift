import Configuration

// The keys stand in line among those of whoever has an HTTP client (promtail's `clients`), so the initialiser takes
// the reader of that mapping.
extension HTTPClientConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey("basic_auth", "mapping", "User name and password; see [basic_auth](#basic_auth)."),
            ConfigurationKey(
                "authorization", "mapping", "Any other `Authorization:` header; see [authorization](#authorization)."),
            ConfigurationKey("bearer_token", "secret", "A bearer token."),
            ConfigurationKey("bearer_token_file", "secret file", "A file with the bearer token."),
            ConfigurationKey("oauth2", "mapping", "Tokens by OAuth 2; see [oauth2](#oauth2)."),
        ] + Way.configurationKeys + [
            ConfigurationKey("follow_redirects", "bool", default: "true", "Whether to follow redirects."),
            ConfigurationKey("headers", "mapping of strings", "Further request headers."),
        ]

    package init(_ reader: MappingReader) {
        self.init()
        basicAuth = reader.section("basic_auth")
        authorization = reader.section("authorization")
        bearerToken = reader.secret("bearer_token", orFile: "bearer_token_file").map(Credential.init)
        oauth2 = reader.section("oauth2")
        way = Way(reader)
        followRedirects = reader.bool("follow_redirects") ?? followRedirects
        headers = readHeaders(reader)

        let ways = ["basic_auth", "authorization", "bearer_token", "bearer_token_file", "oauth2"].filter(reader.has)
        if ways.count > 1, !(ways == ["bearer_token", "bearer_token_file"]) {
            reader.report("expected one way to log in, found \(ways.joined(separator: " and "))", at: ways[1])
        }
    }

    private func readHeaders(_ reader: MappingReader) -> [String: String] {
        var headers: [String: String] = [:]
        for entry in reader.value("headers")?.entries() ?? [] {
            let isToken = entry.key.utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7f && !"()<>@,;:\\\"/[]?={}".utf8.contains($0)
            }
            guard isToken, !entry.key.isEmpty else {
                reader.context.report(
                    "headers: expected a header's name, found \"\(entry.key)\"", at: entry.keyPosition)
                continue
            }
            guard let value = entry.value.string() else { continue }
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
                entry.value.report("expected one line of text, found control characters")
                continue
            }
            headers[entry.key] = value
        }
        return headers
    }
}

extension HTTPClientConfiguration.Way: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("tls_config", "mapping", "Certificates; see [tls_config](#tls_config)."),
        ConfigurationKey(
            "proxy_url", "URL", "Proxy for all requests: `http://`, `https://`, `socks5://` or `socks5h://`."),
        ConfigurationKey("no_proxy", "string", "Hosts reached without the proxy, comma-separated."),
        ConfigurationKey(
            "proxy_connect_header", "mapping of lists of secrets",
            "Headers for the proxy when it is asked for a connection to an `https` server."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        tlsConfig = reader.section("tls_config") ?? tlsConfig
        proxyURL = reader.string("proxy_url") ?? proxyURL
        noProxy = reader.string("no_proxy") ?? noProxy
        let schemes = ["http://", "https://", "socks5://", "socks5h://"]
        if !proxyURL.isEmpty, !schemes.contains(where: proxyURL.hasPrefix) {
            // A proxy's URL may hold a password: only what stands before it is shown.
            reader.report(
                "proxy_url: expected a URL that begins with \(schemes.joined(separator: ", "))", at: "proxy_url")
        }
        for entry in reader.value("proxy_connect_header")?.entries() ?? [] {
            let headers = (entry.value.strings() ?? []).map { HTTPHeader(entry.key, $0, isSecret: true) }
            guard headers.allSatisfy(\.isWellFormed) else {
                reader.context.report(
                    "proxy_connect_header: expected a header's name and lists of one line of text each",
                    at: entry.keyPosition)
                continue
            }
            proxyHeaders += headers
        }
        if !proxyHeaders.isEmpty, proxyURL.isEmpty {
            reader.report("proxy_connect_header: expected proxy_url as well", at: "proxy_connect_header")
        }
    }
}

extension HTTPClientConfiguration.Credential {
    init(_ source: SecretSource) { self.init(source.secret, file: source.file) }
}

extension HTTPClientConfiguration.BasicAuth: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("username", "string", "The user's name."),
        ConfigurationKey("password", "secret", "The password."),
        ConfigurationKey("password_file", "secret file", "A file with the password."),
    ]

    package init(_ reader: MappingReader) {
        let password = reader.secret("password", orFile: "password_file") ?? SecretSource(secret: Secret(""), file: "")
        self.init(username: reader.requiredString("username"), password: .init(password))
        if username.contains(":") { reader.report("username: expected no colon in it", at: "username") }
    }
}

extension HTTPClientConfiguration.Authorization: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("type", "string", default: "Bearer", "The scheme, the word before the credentials."),
        ConfigurationKey("credentials", "secret", "What follows the scheme."),
        ConfigurationKey("credentials_file", "secret file", "A file with the credentials."),
    ]

    package init(_ reader: MappingReader) {
        let source = reader.secret("credentials", orFile: "credentials_file")
        self.init(credentials: .init(source ?? SecretSource(secret: Secret(""), file: "")))
        type = reader.string("type") ?? type
        if !reader.has("credentials"), !reader.has("credentials_file") {
            reader.report("authorization: expected credentials or credentials_file, found neither")
        }
        if type.lowercased() == "basic" { reader.report("type: for Basic, use basic_auth", at: "type") }
    }
}

extension HTTPClientConfiguration.TLSConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("ca_file", "path", "Certificate authorities in PEM, instead of the system's."),
        ConfigurationKey("cert_file", "path", "The client's certificate in PEM; needs `key_file`."),
        ConfigurationKey("key_file", "path", "The client's key in PEM; needs `cert_file`."),
        ConfigurationKey("server_name", "string", "Name to expect in the certificate instead of the URL's host."),
        ConfigurationKey("insecure_skip_verify", "bool", default: "false", "Accept any certificate."),
        ConfigurationKey(
            "min_version", "`TLS10`, `TLS11`, `TLS12` or `TLS13`", default: "TLS12", "Lowest TLS version accepted."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        caFile = reader.path("ca_file") ?? caFile
        certFile = reader.path("cert_file") ?? certFile
        keyFile = reader.path("key_file") ?? keyFile
        serverName = reader.string("server_name") ?? serverName
        insecureSkipVerify = reader.bool("insecure_skip_verify") ?? insecureSkipVerify
        minVersion = reader.choice("min_version") ?? minVersion
        if certFile.isEmpty != keyFile.isEmpty {
            let found = certFile.isEmpty ? "key_file" : "cert_file"
            reader.report("expected cert_file and key_file together, found only \(found)", at: found)
        }
        if insecureSkipVerify {
            reader.warn("insecure_skip_verify: any server is believed", at: "insecure_skip_verify")
        }
    }
}
