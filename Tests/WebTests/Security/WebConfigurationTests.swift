import Configuration
import Testing

@testable import Web

private let hash = "$2b$04$" + String(repeating: "a", count: 53)

private func read(_ yaml: String) throws -> ConfigurationFile<WebConfiguration> {
    try ConfigurationFile<WebConfiguration>(Array(yaml.utf8), file: "\(Certificates.directory)/web.yml")
}

private func problems(_ yaml: String) -> [String] {
    do {
        _ = try read(yaml)
        return []
    } catch let error as ConfigurationError {
        return error.problems.map { String($0.description.dropFirst(Certificates.directory.utf8.count + 1)) }
    } catch {
        return ["\(error)"]
    }
}

@Suite("The web configuration file")
struct WebConfigurationTests {
    @Test("every key is read")
    func everything() throws {
        let file = try read(
            """
            tls_server_config:
              cert_file: server.pem
              key_file: server.key
              client_auth_type: RequireAndVerifyClientCert
              client_ca_file: ca.pem
              client_allowed_sans: [client.example]
              min_version: TLS12
              max_version: TLS13
              cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
              prefer_server_cipher_suites: false
              curve_preferences: [X25519, CurveP256]
            http_server_config:
              http2: false
              headers:
                Content-Security-Policy: default-src 'self'
                X-Frame-Options: deny
                X-Content-Type-Options: nosniff
                X-XSS-Protection: "0"
                Strict-Transport-Security: max-age=60
            basic_auth_users: {alice: "\(hash)", bob: "\(hash)"}
            rate_limit: {interval: 500ms, burst: 20}
            """)
        let web = file.contents
        #expect(web.tls?.context?.verifiesClients == true)
        #expect(web.headers.fields.count == 5 && web.headers["X-Frame-Options"] == "deny")
        #expect(web.users.keys.sorted() == ["alice", "bob"])
        #expect(web.rateLimit == RateLimit(interval: .milliseconds(500), burst: 20))
        #expect(file.warnings.isEmpty)
    }

    @Test("an empty file demands nothing, and http2 is told to change nothing")
    func little() throws {
        let empty = try read("").contents
        #expect(empty.tls == nil && empty.users.isEmpty && empty.rateLimit == nil && empty.headers.fields.isEmpty)
        #expect(try read("tls_server_config: {}\nrate_limit: {}").contents.tls == nil)
        #expect(try read("rate_limit: {burst: 5}").contents.rateLimit == nil)
        #expect(try read("http_server_config: {http2: true}").warnings.map(\.position.line) == [1])
    }

    @Test("the certificate and the key may stand in the file itself")
    func inline() throws {
        func indented(_ name: String) throws -> String {
            let path = Certificates.directory + "/" + name
            let text = String(decoding: try ConfigurationSurroundings.process.read(path).get(), as: UTF8.self)
            return "|\n" + text.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
        }
        let yaml = try """
        tls_server_config:
          cert: \(indented("server.pem"))
          key: \(indented("server.key"))
          client_auth_type: VerifyClientCertIfGiven
          client_ca: \(indented("ca.pem"))
        """
        #expect(try read(yaml).contents.tls?.context != nil)
    }

    @Test(
        "what is wrong is told with its place, and the remedy",
        arguments: [
            ("basic_auth_user: {}", "web.yml:1:1:", "did you mean basic_auth_users?"),
            ("tls_server_config: {cert_file: server.pem}", "web.yml:1:20:", "key_file is missing"),
            ("tls_server_config: {key_file: server.key}", "web.yml:1:20:", "cert_file is missing"),
            ("tls_server_config:\n  cert_fil: x", "web.yml:2:3:", "did you mean cert_file?"),
            ("tls_server_config:\n  cert_file: nowhere.pem\n  key_file: server.key", "web.yml:2:14:", "cannot read"),
            ("tls_server_config:\n  cert_file: server.key\n  key_file: server.key", "web.yml:2:3:", "no usable certif"),
            ("tls_server_config:\n  cert_file: server.pem\n  key_file: client.key", "web.yml:3:3:", "fits the certif"),
            ("tls_server_config:\n  cert_file: server.pem\n  key_file: locked.key", "web.yml:3:3:", "passphrase"),
            ("tls_server_config: {cert_file: server.pem, cert: x, key_file: server.key}", "web.yml:1:32:", "both"),
            ("tls_server_config: {cert: x, key_file: server.key}", "web.yml:1:21:", "-----BEGIN"),
            ("@client_auth_type: RequireAndVerifyClientCert", "web.yml:1:67:", "needs client_ca_file"),
            ("@client_auth_type: RequireAndVerifyClientCerts", "web.yml:1:85:", "did you mean RequireAndVerify"),
            ("@client_ca_file: ca.pem", "web.yml:1:67:", "set it to RequireAndVerifyClientCert"),
            ("@client_allowed_sans: [a]", "web.yml:1:67:", "needs client_auth_type"),
            ("@client_auth_type: RequireAnyClientCert, client_ca_file: ca.key", "web.yml:1:107:", "no usable certif"),
            ("@min_version: TLS13, max_version: TLS12", "web.yml:1:87:", "at least min_version"),
            ("@cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "web.yml:1:83:", "cipher_suites[0]: expected one of"),
            ("@curve_preferences: [CurveP255]", "web.yml:1:87:", "did you mean CurveP25"),
            ("basic_auth_users: {a: \"secret\"}", "web.yml:1:23:", "tocsin hash-password"),
            ("basic_auth_users: {\"a:b\": x}", "web.yml:1:20:", "without a colon"),
            ("basic_auth_users: [a]", "web.yml:1:19:", "a mapping"),
            ("http_server_config: {headers: {X-Frame-Options: allow}}", "web.yml:1:49:", "deny, sameorigin"),
            ("http_server_config: {headers: {X-Frame-Option: deny}}", "web.yml:1:32:", "did you mean X-Frame-Options"),
            ("http_server_config: {headers: {X-XSS-Protection: \"a\\r\\nb\"}}", "web.yml:1:32:", "one line"),
            ("rate_limit: {interval: 5}", "web.yml:1:24:", "5s"),
            ("rate_limit: {interval: 1s, burst: 0}", "web.yml:1:35:", "from 1"),
        ])
    func wrong(yaml: String, place: String, remedy: String) {
        var yaml = yaml
        if yaml.hasPrefix("@") {
            yaml = "tls_server_config: {cert_file: server.pem, key_file: server.key,  " + yaml.dropFirst() + "}"
        }
        let found = problems(yaml)
        #expect(found.contains { $0.hasPrefix(place) && $0.contains(remedy) }, "\(found)")
        // Nothing that might be a secret is shown.
        #expect(!found.contains { $0.contains("secret\"") || $0.contains("PRIVATE") })
    }

    @Test("every cipher suite and group that may be named is one that OpenSSL has", arguments: CipherSuite.allCases)
    func ciphers(suite: CipherSuite) throws {
        let yaml =
            "tls_server_config: {cert_file: server.pem, key_file: server.key, cipher_suites: [\(suite.rawValue)], "
            + "curve_preferences: [\(TLSSettings.Group.allCases.map(\.rawValue).joined(separator: ", "))]}"
        #expect(try read(yaml).contents.tls?.context != nil)
    }
}
