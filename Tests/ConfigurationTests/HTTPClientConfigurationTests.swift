import Configuration
import Testing
import Transport

@Suite("HTTP client settings")
struct HTTPClientConfigurationTests {
    @Test("promtail's keys are read")
    func keys() throws {
        let around = surroundings(files: ["/etc/pw": "p\n"])
        let client = try read(
            HTTPClientConfiguration.self,
            """
            basic_auth: {username: u, password_file: pw}
            tls_config: {ca_file: ca.pem, cert_file: /c.pem, key_file: /k.pem, server_name: s, min_version: TLS13}
            proxy_url: socks5h://p:1080
            no_proxy: localhost,10.0.0.0/8
            follow_redirects: false
            headers: {X-Scope: a}
            """, around
        ).contents
        #expect(client.basicAuth == .init(username: "u", password: .init(Secret("p"), file: "/etc/pw")))
        #expect(client.tlsConfig.caFile == "/etc/ca.pem" && client.tlsConfig.keyFile == "/k.pem")
        #expect(client.tlsConfig.minVersion == .tls13 && client.tlsConfig.serverName == "s")
        #expect(client.proxyURL == "socks5h://p:1080" && client.noProxy == "localhost,10.0.0.0/8")
        #expect(!client.followRedirects && client.headers == ["X-Scope": "a"])
        let token = try read(HTTPClientConfiguration.self, "bearer_token: t").contents
        #expect(token.bearerToken == .init(Secret("t")))
        let other = try read(HTTPClientConfiguration.self, "authorization: {type: Token, credentials: c}").contents
        #expect(other.authorization?.type == "Token" && other.authorization?.credentials.secret.value == "c")
    }

    @Test(
        "what is wrong is told without any secret",
        arguments: [
            ("basic_auth: {username: u, password: hunter2}\nbearer_token: hunter2", "expected one way to log in"),
            ("basic_auth: {password: hunter2}", "username is missing"), ("basic_auth: {username: 'a:b'}", "no colon"),
            ("authorization: {}", "expected credentials or credentials_file"),
            ("authorization: {type: Basic, credentials: hunter2}", "use basic_auth"),
            ("bearer_token: hunter2\nbearer_token_file: x", "only one of bearer_token"),
            ("tls_config: {cert_file: x}", "found only cert_file"), ("tls_config: {min_version: 1.2}", "one of TLS10"),
            ("proxy_url: ftp://u:hunter2@h", "expected a URL that begins with"),
            ("oauth2: {client_id: i, token_url: 'http://h'}", "expected client_secret or client_secret_file"),
            ("oauth2: {client_id: i, client_secret: hunter2}", "token_url is missing"),
            ("oauth2: {token_url: 'http://h', client_secret: hunter2}", "client_id is missing"),
            (
                "oauth2: {client_id: i, client_secret: hunter2, token_url: 'ftp://hunter2@h'}",
                "token_url: expected http"
            ),
            ("oauth2: {client_id: i, client_secret: hunter2, token_url: 'http://h', scope: a}", "mean scopes"),
            (
                "bearer_token: hunter2\noauth2: {client_id: i, client_secret: hunter2, token_url: 'http://h'}",
                "expected one way to log in"
            ), ("proxy_connect_header: {A: [hunter2]}", "expected proxy_url as well"),
            ("proxy_url: 'http://p'\nproxy_connect_header: {'a b': [hunter2]}", "expected a header's name"),
            ("headers: {'a b': c}", "expected a header's name"), ("headers: {a: \"b\\nc\"}", "control characters"),
        ])
    func wrong(yaml: String, message: String) {
        let found = problems(HTTPClientConfiguration.self, yaml)
        #expect(found.count == 1 && found[0].contains(message) && !found[0].contains("hunter2"), "\(found)")
    }
}
