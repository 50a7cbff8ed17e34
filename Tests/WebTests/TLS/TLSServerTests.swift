import Glibc
import Logging
import Telemetry
import TestSupport
import Testing

@testable import Web

private func routes() -> Router {
    var router = Router()
    router.add(AddressPolicy())
    router.on(.get, "/hello") { _ in .text("hello") }
    router.on(.get, "/who") {
        if case .certificate(let subject)? = $0.identity { return .text(subject) }
        return .text("nobody")
    }
    router.on(.post, "/echo") { Response(body: .bytes($0.body)) }
    router.on(.get, "/pieces") { _ in
        .ndjson { writer in
            for index in 0..<50 { try await writer.write([UInt8](repeating: UInt8(index), count: 100_000)) }
        }
    }
    return router
}

/// Runs `body` against a server with this web configuration.
private func withTLSServer(
    _ yaml: String, metrics: WebMetrics = WebMetrics(),
    configure: (inout ServerConfiguration) throws -> Void = { _ in },
    _ body: (_ port: Int, _ access: WebAccess, _ file: WebFile) async throws -> Void
) async throws {
    let file = try WebFile(yaml)
    defer { file.remove() }
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let access = try WebAccess(path: file.path, metrics: MetricRegistry(), readiness: Readiness(), logger: logger)
    var configuration = ServerConfiguration()
    configuration.addresses = [try ListenAddress("127.0.0.1:0")]
    try configure(&configuration)
    let server = WebServer(
        configuration: configuration, router: routes(), logger: logger, access: access, metrics: metrics)
    let addresses = try await server.start()
    do {
        guard case .tcp(_, let port) = addresses[0] else { return }
        try await body(port, access, file)
        await server.stop()
    } catch {
        await server.stop()
        throw error
    }
}

private func curl(_ options: String, _ port: Int, _ path: String) async -> (code: Int32, output: String) {
    await offThread {
        shell("curl -sS -m 100 --cacert \(Certificates.directory)/ca.pem \(options) https://localhost:\(port)\(path)")
    }
}

private func identity(_ name: String) -> String {
    "--cert \(Certificates.directory)/\(name).pem --key \(Certificates.directory)/\(name).key"
}

/// What `openssl s_client` says of a handshake.
private func handshake(_ options: String, _ port: Int) async -> String {
    await offThread { shell("timeout 100 openssl s_client -connect 127.0.0.1:\(port) \(options)").output }
}

@Suite("TLS, over real sockets", .timeLimit(.minutes(2)))
struct TLSServerTests {
    @Test("requests and large bodies pass both ways, in TLS 1.2 and 1.3")
    func bodies() async throws {
        try await withTLSServer(WebFile.tls()) { port, _, file in
            for version in ["--tls-max 1.2", "--tlsv1.3"] {
                #expect(await curl(version, port, "/hello").output == "hello")
                let (code, output) = await offThread {
                    shell(
                        "cd \(file.directory) && head -c 3000000 /dev/urandom > sent && curl -sS -m 100 \(version)"
                            + " --cacert \(Certificates.directory)/ca.pem --data-binary @sent -o got"
                            + " https://localhost:\(port)/echo && cmp sent got")
                }
                #expect(code == 0, "\(output)")
                #expect(await curl(version, port, "/pieces | wc -c").output.hasPrefix("5000000"))
            }
        }
    }

    @Test("HTTP without TLS is told so, and the connection closed")
    func plain() async throws {
        let metrics = WebMetrics()
        try await withTLSServer(WebFile.tls(), metrics: metrics) { port, _, _ in
            let reply = await offThread { () -> (RawClient.Reply?, Bool) in
                let client = RawClient(.tcp(host: "127.0.0.1", port: port))
                client?.send(request("GET /hello"))
                return (client?.reply(), client?.isClosed() ?? false)
            }
            #expect(reply.0?.status == 400 && reply.0?.body.contains("HTTPS") == true && reply.1)
            #expect(metrics.count(.handshake) == 1)
        }
    }

    @Test(
        "only the versions and ciphers of the file are spoken",
        arguments: [
            ("", "-tls1_2", "TLSv1.2"), ("", "-tls1_3", "TLSv1.3"), ("", "-tls1_1 -cipher ALL:@SECLEVEL=0", nil),
            ("min_version: TLS13", "-tls1_2", nil), ("min_version: TLS13", "-tls1_3", "TLSv1.3"),
            ("max_version: TLS12", "-tls1_3", nil), ("max_version: TLS12", "", "TLSv1.2"),
            ("min_version: TLS10", "-tls1 -cipher ALL:@SECLEVEL=0", "TLSv1"),
            ("min_version: TLS11", "-tls1_1 -cipher ALL:@SECLEVEL=0", "TLSv1.1"),
            ("min_version: TLS11", "-tls1 -cipher ALL:@SECLEVEL=0", nil),
            ("", "-tls1_2 -cipher AES128-SHA", nil),
            ("cipher_suites: [TLS_AES_128_GCM_SHA256]", "-tls1_3", "TLS_AES_128_GCM_SHA256"),
            ("cipher_suites: [TLS_AES_128_GCM_SHA256]", "-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384", nil),
            (
                "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]", "-tls1_2",
                "ECDHE-ECDSA-AES128-GCM-SHA256"
            ),
            (
                "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]",
                "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384", nil
            ),
            (
                "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]",
                "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
                "ECDHE-ECDSA-AES128-GCM-SHA256"
            ),
            ("curve_preferences: [CurveP384]", "-groups P-384", "Cipher is TLS"),
            ("curve_preferences: [CurveP384]", "-groups X25519", nil),
            ("", "-alpn h2,http/1.1", "ALPN protocol: http/1.1"),
        ] as [(String, String, String?)])
    func versions(yaml: String, options: String, expected: String?) async throws {
        try await withTLSServer(WebFile.tls(yaml)) { port, _, _ in
            let output = await handshake(options, port)
            if let expected {
                #expect(output.contains(expected) && !output.contains("Cipher is (NONE)"), "\(output)")
            } else {
                #expect(output.contains("Cipher is (NONE)"), "\(output)")
            }
        }
    }

    @Test(
        "clients' certificates are asked for and verified as their five types say",
        arguments: [
            ("NoClientCert", "", "nobody"), ("NoClientCert", "client", "nobody"),
            ("RequestClientCert", "", "nobody"), ("RequestClientCert", "stranger", "nobody"),
            ("RequireAnyClientCert", "", nil), ("RequireAnyClientCert", "stranger", "nobody"),
            ("VerifyClientCertIfGiven", "", "nobody"), ("VerifyClientCertIfGiven", "client", "/CN=client"),
            ("VerifyClientCertIfGiven", "stranger", nil),
            ("RequireAndVerifyClientCert", "", nil), ("RequireAndVerifyClientCert", "client", "/CN=client"),
            ("RequireAndVerifyClientCert", "stranger", nil),
        ] as [(String, String, String?)])
    func clients(type: String, shown: String, expected: String?) async throws {
        let authorities = type.contains("Verify") ? "\nclient_ca_file: \(Certificates.directory)/ca.pem" : ""
        try await withTLSServer(WebFile.tls("client_auth_type: \(type)\(authorities)")) { port, _, _ in
            let options = shown.isEmpty ? "" : identity(shown)
            for version in ["--tls-max 1.2", "--tlsv1.3"] {
                let (code, output) = await curl("\(version) \(options)", port, "/who")
                if let expected { #expect(output == expected) } else { #expect(code != 0, "\(output)") }
            }
        }
    }

    @Test(
        "a client's certificate needs one of the allowed names",
        arguments: [
            ("client.example", true), ("10.1.2.3", true), ("spiffe://a/b", true), ("a@b.example", true),
            ("other.example, client.example", true), ("other.example", false), ("client.exampl", false),
            ("client", false), ("10.1.2.33", false),
        ])
    func names(allowed: String, isLetIn: Bool) async throws {
        let yaml = """
            client_auth_type: RequireAndVerifyClientCert
            client_ca_file: \(Certificates.directory)/ca.pem
            client_allowed_sans: ["\(allowed.split(separator: ", ").joined(separator: "\", \""))"]
            """
        let metrics = WebMetrics()
        try await withTLSServer(WebFile.tls(yaml), metrics: metrics) { port, _, _ in
            let (code, output) = await curl(identity("client"), port, "/who")
            #expect((code == 0) == isLetIn, "\(output)")
            #expect(metrics.count(.handshake) == (isLetIn ? 0 : 1))
        }
    }

    @Test("a new certificate holds for new connections, and the old ones go on")
    func rotation() async throws {
        try await withTLSServer(WebFile.tls()) { port, access, file in
            let old = await handshake("", port)
            #expect(old.contains("CN = server"))
            // One connection: a request, a new certificate, another request.
            let script = """
                cd \(file.directory) && mkfifo in && (openssl s_client -quiet -connect 127.0.0.1:\(port) < in > out 2>&1 &)
                exec 3> in; printf 'GET /hello HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' >&3
                for i in $(seq 100); do grep -q hello out && break; sleep 0.05; done
                touch ready; for i in $(seq 200); do [ -e go ] && break; sleep 0.05; done
                printf 'GET /who HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3
                for i in $(seq 100); do grep -q nobody out && break; sleep 0.05; done; exec 3>&-; cat out
                """
            try file.write(script, to: "script")
            async let kept = offThread { shell("bash \(file.directory)/script").output }
            for _ in 0..<1000 where access_(file.directory + "/ready") != 0 {
                try await Task.sleep(for: .milliseconds(10))
            }
            try file.write(WebFile.tls(certificate: "second"))
            access.refresh()
            #expect(await handshake("", port).contains("CN = second"))
            try file.write("", to: "go")
            let output = await kept
            #expect(output.contains("hello") && output.contains("nobody"), "\(output)")
        }
    }
}

private func access_(_ path: String) -> Int32 { Glibc.access(path, F_OK) }
