import Bytes
import Configuration
import Glibc
import PushServer
import Telemetry
import Testing

@testable import Transport

@Suite("The HTTP client")
struct HTTPClientTests {
    private func post(
        _ url: String, _ configuration: HTTPClientConfiguration = HTTPClientConfiguration(), body: String = "body",
        timeout: Double = 5, stop: StopToken? = nil
    ) throws -> HTTPResponse {
        var client = try HTTPClient(
            try HTTPTarget(parsing: url), configuration: configuration, userAgent: "tocsin/test")
        let bytes = Array(body.utf8)
        return try client.post(
            bytes.span.bytes, headers: [HTTPHeader("Content-Type", "text/plain")], timeout: timeout, stop: stop)
    }

    @Test("body, headers and authorization arrive, and the connection is kept")
    func sends() throws {
        let server = PushServer { _ in .status(429, headers: ["Retry-After: 7"], body: "slow down") }
        defer { server.stop() }
        var configuration = HTTPClientConfiguration()
        configuration.headers = ["X-Extra": "a b"]
        configuration.authorization = .init(credentials: .init(Secret("token")))
        var client = try HTTPClient(
            try HTTPTarget(parsing: server.url), configuration: configuration, userAgent: "tocsin/test")
        for _ in 0..<3 {
            let body = Array("hello".utf8)
            let response = try client.post(body.span.bytes, headers: [], timeout: 5, stop: nil)
            #expect(response.status == 429)
            #expect(response.retryAfter == 7)
            #expect(String(decoding: response.body, as: UTF8.self) == "slow down")
        }
        #expect(server.connectionCount == 1)
        let request = try #require(server.requests.first)
        #expect(request.line == "POST /loki/api/v1/push HTTP/1.1")
        #expect(request.body == Array("hello".utf8))
        #expect(request.headers["x-extra"] == "a b")
        #expect(request.headers["authorization"] == "Bearer token")
        #expect(request.headers["user-agent"] == "tocsin/test")
        #expect(request.headers["expect"] == nil)
    }

    @Test("IPv6 hosts and Unix sockets are reached")
    func otherAddresses() throws {
        let six = PushServer(ipv6: true) { _ in .status(204) }
        defer { six.stop() }
        #expect(try post("http://[::1]:\(six.port)/push").status == 204)

        let path = "/tmp/tocsin-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        let local = PushServer(socketPath: path) { _ in .status(204) }
        defer {
            local.stop()
            unlink(path)
        }
        #expect(try post("unix:\(path):/loki/api/v1/push").status == 204)
        #expect(local.requests.first?.line == "POST /loki/api/v1/push HTTP/1.1")
    }

    @Test(
        "a server that does not answer is given up after the timeout",
        arguments: [PushServer.Reply.stall, .reset, .halfClose, .resetInBody])
    func failures(reply: PushServer.Reply) {
        let server = PushServer { _ in reply }
        defer { server.stop() }
        let start = Timestamp.monotonic
        #expect(throws: HTTPFailure.self) { try post(server.url, timeout: 0.5) }
        #expect(Timestamp.monotonic.seconds(since: start) < 4)
    }

    @Test("a large body is given up when the server stops taking it")
    func stalledUpload() {
        let server = PushServer { _ in .stall }
        defer { server.stop() }
        let start = Timestamp.monotonic
        #expect(throws: HTTPFailure.self) {
            try post(server.url, body: String(repeating: "x", count: 1 << 20), timeout: 0.5)
        }
        #expect(Timestamp.monotonic.seconds(since: start) < 5)
    }

    @Test("the stop token ends a request under way")
    func stops() {
        let token = StopToken()
        let server = PushServer { _ in
            token.stop()
            return .stall
        }
        defer { server.stop() }
        #expect(throws: HTTPFailure.stopped) { try post(server.url, timeout: 30, stop: token) }
    }

    @Test("redirects stay on the server that the credentials are for")
    func redirects() throws {
        let other = PushServer { _ in .status(204) }
        defer { other.stop() }
        let otherURL = other.url
        let server = PushServer { request in
            request.line.contains("/there ")
                ? .status(204)
                : request.line.contains("/here ")
                    ? .status(307, headers: ["Location: /there"]) : .status(307, headers: ["Location: \(otherURL)"])
        }
        defer { server.stop() }
        let base = "http://127.0.0.1:\(server.port)"
        #expect(try post("\(base)/here").status == 204)
        #expect(try post("\(base)/away").status == 204)
        #expect(other.requests.first?.body == Array("body".utf8))
        var configuration = HTTPClientConfiguration()
        configuration.basicAuth = .init(username: "u", password: .init(Secret("p")))
        #expect(try post("\(base)/here", configuration).status == 204)
        let response = try post("\(base)/away", configuration)
        #expect(response.status == 307)
        #expect(response.location == otherURL)
        #expect(other.requests.count == 1)
    }

    @Test("a secret that was replaced in its file is used after it has been read again")
    func reloads() throws {
        let path = "/tmp/tocsin-secret-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { unlink(path) }
        func write(_ text: String) {
            let file = fopen(path, "w")
            fputs(text, file)
            fclose(file)
        }
        write("old\n")
        let server = PushServer { $0.headers["authorization"] == "Bearer new" ? .status(204) : .status(401) }
        defer { server.stop() }
        var configuration = HTTPClientConfiguration()
        configuration.bearerToken = .init(Secret("old"), file: path)
        var client = try HTTPClient(
            try HTTPTarget(parsing: server.url), configuration: configuration, userAgent: "tocsin/test")
        let body: [UInt8] = [1]
        let refused = try client.post(body.span.bytes, headers: [], timeout: 5, stop: nil)
        #expect(refused.status == 401)
        let isChangedYet = client.reloadCredentials()
        #expect(!isChangedYet)
        write("new\n")
        let isChanged = client.reloadCredentials()
        #expect(isChanged)
        let accepted = try client.post(body.span.bytes, headers: [], timeout: 5, stop: nil)
        #expect(accepted.status == 204)
    }

    @Test("a file or header that cannot be used is said so")
    func badConfiguration() {
        var tls = HTTPClientConfiguration()
        tls.tlsConfig.caFile = "/nonexistent/ca.pem"
        #expect(throws: HTTPFailure.self) { try post("https://127.0.0.1:1/", tls) }
        var header = HTTPClientConfiguration()
        header.headers = ["X-Bad": "a\r\nb: c"]
        #expect(throws: HTTPFailure.self) { try post("http://127.0.0.1:1/", header) }
    }

    @Test("requests go through the proxy, but for the hosts that are excepted")
    func proxies() throws {
        let proxy = PushServer { _ in .status(204) }
        defer { proxy.stop() }
        var configuration = HTTPClientConfiguration()
        configuration.proxyURL = "http://user:secret@127.0.0.1:\(proxy.port)"
        #expect(try post("http://loki.invalid:3100/push", configuration).status == 204)
        let request = try #require(proxy.requests.first)
        #expect(request.line == "POST http://loki.invalid:3100/push HTTP/1.1")
        #expect(request.headers["proxy-authorization"] != nil)
        configuration.noProxy = "127.0.0.1"
        let direct = PushServer { _ in .status(200) }
        defer { direct.stop() }
        #expect(try post(direct.url, configuration).status == 200)
    }

    @Test("a server whose name does not resolve, or that does not listen, is a failed connection")
    func unreachable() {
        for url in ["http://loki.invalid/push", "http://127.0.0.1:1/push", "unix:/nonexistent.sock:/push"] {
            #expect {
                try post(url, timeout: 3)
            } throws: { error in
                switch error as? HTTPFailure {
                case .connection, .timedOut: true
                default: false
                }
            }
        }
    }
}
