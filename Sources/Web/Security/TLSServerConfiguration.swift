import Configuration

/// `tls_server_config:` with everything it names loaded and found usable.
package struct TLSServerConfiguration: Sendable, ConfigurationSection {
    /// nil where something was wrong, which has been reported.
    package private(set) var context: TLSContext?

    package static let configurationKeys = [
        ConfigurationKey("cert_file", "path", "The certificate in PEM, with those that lead to its root."),
        ConfigurationKey("key_file", "path", "Its key in PEM, without a passphrase."),
        ConfigurationKey("cert", "text", "The certificate itself, instead of `cert_file`."),
        ConfigurationKey("key", "secret", "The key itself, instead of `key_file`."),
        ConfigurationKey(
            "client_auth_type",
            "`NoClientCert`, `RequestClientCert`, `RequireAnyClientCert`, `VerifyClientCertIfGiven` or "
                + "`RequireAndVerifyClientCert`",
            default: "NoClientCert", "Whether clients are asked for a certificate, and which will do."),
        ConfigurationKey("client_ca_file", "path", "Who may have signed clients' certificates, in PEM."),
        ConfigurationKey("client_ca", "text", "The same in place."),
        ConfigurationKey(
            "client_allowed_sans", "list of strings", default: "[]",
            "Subject alternative names (DNS, IP, mail, URI) of which a client's certificate needs one."),
        ConfigurationKey(
            "min_version", "`TLS10`, `TLS11`, `TLS12` or `TLS13`", default: "TLS12", "The oldest version spoken."),
        ConfigurationKey(
            "max_version", "`TLS10`, `TLS11`, `TLS12` or `TLS13`", default: "TLS13", "The newest version spoken."),
        ConfigurationKey(
            "cipher_suites", "list of strings", default: "[]",
            "By their names in Go and at the IANA. Those of TLS 1.3 limit TLS 1.3, the others TLS 1.2 and older; "
                + "where none of a kind is named, all with forward secrecy are offered."),
        ConfigurationKey(
            "prefer_server_cipher_suites", "bool", default: "true", "Whether the server's order counts."),
        ConfigurationKey(
            "curve_preferences", "list of `CurveP256`, `CurveP384`, `CurveP521`, `X25519`", default: "[]",
            "Groups for the key exchange, in this order."),
    ]

    package init(_ reader: MappingReader) {
        var settings = TLSSettings()
        settings.certificates = Self.pem(reader, "cert", isNeeded: true)
        settings.key = Self.pem(reader, "key", isNeeded: true)
        settings.authorities = Self.pem(reader, "client_ca", isNeeded: false)
        settings.clientAuthentication = reader.choice("client_auth_type") ?? settings.clientAuthentication
        settings.allowedNames = reader.strings("client_allowed_sans") ?? []
        settings.minimumVersion = reader.choice("min_version") ?? settings.minimumVersion
        settings.maximumVersion = reader.choice("max_version") ?? settings.maximumVersion
        settings.cipherSuites = Self.choices(reader, "cipher_suites")
        settings.prefersServerCiphers = reader.bool("prefer_server_cipher_suites") ?? settings.prefersServerCiphers
        settings.groups = Self.choices(reader, "curve_preferences")
        Self.checkClients(reader, settings)
        if settings.minimumVersion > settings.maximumVersion {
            reader.report(
                "max_version: expected at least min_version, \(settings.minimumVersion.rawValue), found "
                    + settings.maximumVersion.rawValue, at: "max_version")
        } else if !settings.certificates.isEmpty, !settings.key.isEmpty {
            do throws(TLSContextError) {
                context = try TLSContext(settings)
            } catch {
                Self.report(error, reader)
            }
        }
        reader.finish()
    }

    /// The bytes at `key`, or of the file at `key_file`; none where both are missing or wrong.
    private static func pem(_ reader: MappingReader, _ key: String, isNeeded: Bool) -> [UInt8] {
        let fileKey = key + "_file"
        switch (reader.value(key), reader.value(fileKey)) {
        case (_?, let file?):
            file.report("expected only one of \(key) and \(fileKey), found both")
        case (let inPlace?, nil):
            // Not read by `string()`: a message would show it, and it may be a key.
            guard case .scalar = inPlace.node.content, let text = inPlace.string(), text.contains("-----BEGIN ") else {
                reader.report("\(key): expected text in PEM, that begins with -----BEGIN", at: key)
                break
            }
            return Array(text.utf8)
        case (nil, let file?):
            guard let path = file.string().map(reader.context.resolve) else { break }
            switch reader.context.surroundings.read(path) {
            case .success(let bytes) where bytes.isEmpty: file.report("\(path) is empty: expected PEM")
            case .success(let bytes): return bytes
            case .failure(let failure): file.report("cannot read \(path): \(failure.reason)")
            }
        case (nil, nil):
            if isNeeded { reader.report("\(fileKey) is missing: expected a path, or \(key) with the PEM itself") }
        }
        return []
    }

    private static func choices<Choice: RawRepresentable & CaseIterable>(
        _ reader: MappingReader, _ key: String
    ) -> [Choice] where Choice.RawValue == String {
        reader.value(key)?.items()?.compactMap { $0.choice(Choice.self) } ?? []
    }

    private static func checkClients(_ reader: MappingReader, _ settings: TLSSettings) {
        let type = settings.clientAuthentication
        let authorities = reader.has("client_ca_file") ? "client_ca_file" : "client_ca"
        let hasAuthorities = reader.has(authorities)
        if type == .none, hasAuthorities {
            reader.report(
                "\(authorities) has no use without client_auth_type: set it to RequireAndVerifyClientCert",
                at: authorities)
        }
        if !type.demands, !settings.allowedNames.isEmpty {
            reader.report(
                "client_allowed_sans needs client_auth_type RequireAndVerifyClientCert (or RequireAnyClientCert): "
                    + "a client without a certificate has no names", at: "client_allowed_sans")
        }
        if type.verifies, !hasAuthorities {
            reader.report("\(type.rawValue) needs client_ca_file, against which to verify", at: "client_auth_type")
        }
        if settings.allowedNames.contains(where: { $0.isEmpty || $0.utf8.contains(0) }) {
            reader.report("client_allowed_sans: expected names, found an empty one", at: "client_allowed_sans")
        }
    }

    private static func report(_ error: TLSContextError, _ reader: MappingReader) {
        func inUse(_ key: String) -> String { reader.has(key) ? key : key + "_file" }
        switch error.part {
        case .library: reader.report("TLS needs OpenSSL 3 (libssl.so.3): \(error.reason)")
        case .certificate:
            reader.report("\(inUse("cert")): no usable certificate in PEM (\(error.reason))", at: inUse("cert"))
        case .key:
            reader.report(
                "\(inUse("key")): no key without passphrase that fits the certificate (\(error.reason))",
                at: inUse("key"))
        case .authorities:
            reader.report(
                "\(inUse("client_ca")): no usable certificates in PEM (\(error.reason))", at: inUse("client_ca"))
        case .versions:
            reader.report("min_version: OpenSSL on this host refuses it (\(error.reason))", at: "min_version")
        case .ciphers:
            reader.report("cipher_suites: OpenSSL on this host has none of them (\(error.reason))", at: "cipher_suites")
        case .groups:
            reader.report(
                "curve_preferences: OpenSSL on this host refuses them (\(error.reason))", at: "curve_preferences")
        }
    }
}
