import Configuration

extension OAuth2: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey("client_id", "string", "What the server knows this client by."),
            ConfigurationKey("client_secret", "secret", "The client's secret."),
            ConfigurationKey("client_secret_file", "secret file", "A file with it, read at each request for a token."),
            ConfigurationKey("scopes", "list of strings", "What the tokens are to be good for."),
            ConfigurationKey("token_url", "URL", "Where tokens are given."),
            ConfigurationKey("endpoint_params", "mapping of strings", "Further fields of a request for a token."),
        ] + HTTPClientConfiguration.Way.configurationKeys

    package init(_ reader: MappingReader) {
        let source = reader.secret("client_secret", orFile: "client_secret_file")
        self.init(
            clientID: reader.requiredString("client_id"),
            clientSecret: .init(source ?? SecretSource(secret: Secret(""), file: "")),
            tokenURL: reader.requiredString("token_url"))
        scopes = reader.strings("scopes") ?? scopes
        endpointParameters = reader.stringMap("endpoint_params") ?? endpointParameters
        client = .init(reader)
        if !reader.has("client_secret"), !reader.has("client_secret_file") {
            reader.report("oauth2: expected client_secret or client_secret_file, found neither")
        }
        guard !tokenURL.isEmpty else { return }
        // A URL may hold a password: it is never shown.
        do throws(HTTPTargetError) { _ = try HTTPTarget(parsing: tokenURL) } catch {
            reader.report("token_url: \(error)", at: "token_url")
        }
    }
}
