import Bytes
import Configuration
import Glibc
import Telemetry
import Testing

@testable import Transport

/// `openssl s_server` with a private authority that wants a client certificate, in a directory of its own.
private final class TLSServer {
    let directory: String
    let port: Int
    private var process: pid_t = 0

    init?() {
        directory = "/tmp/tocsin-tls-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        port = Int.random(in: 20000..<30000)
        mkdir(directory, 0o700)
        let script = """
            cd \(directory) && exec >/dev/null 2>&1 </dev/null
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
              -subj /CN=authority &&
            for name in server client; do
              openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr \
                -subj /CN=$name &&
              printf 'subjectAltName=DNS:logs.test' >ext &&
              openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $name.pem -days 2 \
                -extfile ext || exit 1
            done
            """
        guard system(script) == 0 else { return nil }
        let command =
            "cd \(directory) && exec openssl s_server -accept 127.0.0.1:\(port) -cert server.pem -key server.key "
            + "-CAfile ca.pem -Verify 2 -verify_return_error -tls1_2 -www -quiet >/dev/null 2>&1"
        let words: [String] = ["sh", "-c", command]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        guard posix_spawn(&process, "/bin/sh", nil, nil, &arguments, environ) == 0 else { return nil }
    }

    func stop() {
        if process > 0 {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        for name in [
            "ca.key", "ca.pem", "ca.srl", "server.key", "server.csr", "server.pem", "client.key", "client.csr",
            "client.pem", "ext",
        ] { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }
}

@Suite("TLS")
struct TLSTests {
    private enum Outcome: Equatable { case answered, untrusted, other(String) }

    private func post(_ server: TLSServer, _ adjust: (inout HTTPClientConfiguration) -> Void) throws -> Outcome {
        var configuration = HTTPClientConfiguration()
        adjust(&configuration)
        var client = try HTTPClient(
            try HTTPTarget(parsing: "https://127.0.0.1:\(server.port)/push"), configuration: configuration,
            userAgent: "tocsin/test")
        let body: [UInt8] = [1]
        let limit = Timestamp.monotonic.nanoseconds + 10_000_000_000
        while true {
            do {
                // s_server's page answers anything that is a request.
                _ = try client.post(body.span.bytes, headers: [], timeout: 2, stop: nil)
                return .answered
            } catch HTTPFailure.trust {
                return .untrusted
            } catch {
                guard "\(error)".contains("connect to"), Timestamp.monotonic.nanoseconds < limit else {
                    return "\(error)".contains("timed out") ? .answered : .other("\(error)")
                }
                usleep(20_000)
            }
        }
    }

    @Test("a private authority, a client certificate and a server name are used, and nothing else is believed")
    func certificates() throws {
        let server = try #require(TLSServer())
        defer { server.stop() }
        func all(_ configuration: inout HTTPClientConfiguration) {
            configuration.tlsConfig.caFile = "\(server.directory)/ca.pem"
            configuration.tlsConfig.certFile = "\(server.directory)/client.pem"
            configuration.tlsConfig.keyFile = "\(server.directory)/client.key"
            configuration.tlsConfig.serverName = "logs.test"
        }
        #expect(try post(server, all) == .answered)
        #expect(try post(server) { _ in } == .untrusted)
        #expect(
            try post(server) {
                all(&$0)
                $0.tlsConfig.serverName = ""
            } == .untrusted)
        #expect(
            try post(server) {
                all(&$0)
                $0.tlsConfig.caFile = ""
                $0.tlsConfig.insecureSkipVerify = true
            } == .answered)
        // The server ends the handshake without our certificate, or with a protocol it does not speak.
        #expect(
            try post(server) {
                all(&$0)
                $0.tlsConfig.certFile = ""
                $0.tlsConfig.keyFile = ""
            } != .answered)
        #expect(
            try post(server) {
                all(&$0)
                $0.tlsConfig.minVersion = .tls13
            } != .answered)
    }
}
