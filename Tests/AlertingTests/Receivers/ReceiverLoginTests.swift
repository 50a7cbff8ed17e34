import Glibc
import PushServer
import Synchronization
import Telemetry
import Testing

@testable import Alerting

/// `oauth2` and `proxy_connect_header` of a receiver's http_config.
@Suite struct ReceiverLoginTests {
    /// Gives tokens `t0`, `t1` … and takes notifications with the newest of them only.
    private final class Service: Sendable {
        let given = Mutex(0)
        let wantsForm: Bool
        let lasts: String

        init(wantsForm: Bool = false, lasts: String = "3600") {
            self.wantsForm = wantsForm
            self.lasts = lasts
        }

        func answer(_ request: PushServer.Request) -> PushServer.Reply {
            let count = given.withLock { $0 }
            guard request.line.contains(" /token") else {
                return request.headers["authorization"] == "Bearer t\(count - 1)" ? .status(200) : .status(401)
            }
            let form = ReceiverBench.form(request)
            // `i d:s e` coded as in a form each.
            let isBasic = request.headers["authorization"] == "Basic aSUyMGQ6cyUyMGU="
            let isForm = form["client_id"] == "i d" && form["client_secret"] == "s e"
            guard form["grant_type"] == "client_credentials", wantsForm ? isForm : isBasic else {
                return .status(401, body: #"{"error":"invalid_client","error_description":"s e"}"#)
            }
            given.withLock { $0 += 1 }
            return .status(
                200, body: #"{"access_token":"t\#(count)","token_type":"bearer","expires_in":\#(lasts)}"#)
        }
    }

    private func receiver(_ more: String = "", secret: String = "client_secret: s e") -> String {
        """
        receivers: [{name: r, webhook_configs: [{url: URL/hook, http_config: {oauth2: {client_id: i d, \(secret),
          token_url: URL/token\(more)}}}]}]
        """
    }

    private func deliver(_ integration: any Integration) -> DeliveryResult {
        integration.deliver(SampleNotifications.mixed, memory: [:], stop: StopToken())
    }

    private func paths(_ server: PushServer) -> [String] {
        server.requests.map { String($0.line.split(separator: " ")[1]) }
    }

    @Test("a token is got once, with scopes and parameters, and used until its end")
    func cached() throws {
        let service = Service()
        let server = PushServer { service.answer($0) }
        defer { server.stop() }
        let integration = try ReceiverBench().integration(
            receiver(", scopes: [a, b], endpoint_params: {audience: x&y}"), server)
        for _ in 0..<3 { #expect(deliver(integration) == .delivered(memory: [:])) }
        #expect(paths(server) == ["/token", "/hook", "/hook", "/hook"])
        let form = ReceiverBench.form(server.requests[0])
        #expect(form == ["grant_type": "client_credentials", "scope": "a b", "audience": "x&y"])
    }

    @Test("a token that is about to end, or that a server refuses, is got anew", arguments: ["5", "\"5\"", "3600"])
    func renewed(lasts: String) throws {
        let service = Service(lasts: lasts)
        let server = PushServer { service.answer($0) }
        defer { server.stop() }
        let integration = try ReceiverBench().integration(receiver(), server)
        #expect(deliver(integration) == .delivered(memory: [:]))
        if lasts == "3600" {
            // Another client has made it worthless.
            service.given.withLock { $0 += 1 }
        }
        #expect(deliver(integration) == .delivered(memory: [:]))
        #expect(
            paths(server) == ["/token", "/hook"] + (lasts == "3600" ? ["/hook"] : []) + ["/token", "/hook"])
    }

    @Test("a server that wants the credentials in the form gets them there")
    func inForm() throws {
        let service = Service(wantsForm: true)
        let server = PushServer { service.answer($0) }
        defer { server.stop() }
        #expect(deliver(try ReceiverBench().integration(receiver(), server)) == .delivered(memory: [:]))
        #expect(paths(server) == ["/token", "/token", "/hook"])
    }

    @Test("without a token nothing is sent, and it is tried again; no secret is told")
    func refused() throws {
        for (reply, reason) in [
            (.status(401, body: #"{"error":"invalid_client","hint":"s e"}"#), "status 401, invalid_client"),
            (.status(503), "status 503"), (.status(200, body: "{}"), "access_token"), (.reset, "oauth2"),
            (.stall, "timed out: oauth2"),
        ] as [(PushServer.Reply, String)] {
            let server = PushServer { _ in reply }
            defer { server.stop() }
            let result = deliver(try ReceiverBench().integration(receiver(), server, timeout: 0.3))
            guard case .retry(let said, nil) = result else {
                Issue.record("\(result)")
                continue
            }
            #expect(said.contains(reason) && !said.contains("s e"), "\(said)")
            #expect(!paths(server).contains("/hook"))
        }
    }

    @Test("the secret's file is read at each request for a token")
    func file() throws {
        let path = "/tmp/tocsin-oauth-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { unlink(path) }
        func write(_ text: String) {
            let file = fopen(path, "w")
            fputs(text, file)
            fclose(file)
        }
        write("wrong\n")
        let service = Service()
        let server = PushServer { service.answer($0) }
        defer { server.stop() }
        let integration = try ReceiverBench().integration(
            receiver(secret: "client_secret_file: \(path)"), server, files: [path: "wrong"])
        #expect(ReceiverOutcome(deliver(integration)) == .retry)
        write("s e\n")
        #expect(deliver(integration) == .delivered(memory: [:]))
        #expect(deliver(integration) == .delivered(memory: [:]))
        #expect(paths(server) == ["/token", "/token", "/token", "/hook", "/hook"])
    }

    @Test("a proxy gets its headers when it is asked for a connection, and not to pass them on")
    func proxy() throws {
        let proxy = PushServer { $0.line.hasPrefix("CONNECT") ? .status(403) : .status(200) }
        defer { proxy.stop() }
        func deliver(_ scheme: String) throws -> PushServer.Request {
            let integration = try ReceiverBench().integration(
                """
                receivers: [{name: r, webhook_configs: [{url: '\(scheme)://hook.example/x', http_config: {
                  headers: {X-Server: s}, proxy_url: URL, proxy_connect_header: {X-Proxy: [a, b]}}}]}]
                """, proxy)
            _ = self.deliver(integration)
            return try #require(proxy.requests.last)
        }
        let connect = try deliver("https")
        #expect(connect.line.hasPrefix("CONNECT hook.example:443") && connect.headers["x-proxy"] == "b")
        #expect(connect.headers["x-server"] == nil)
        let plain = try deliver("http")
        #expect(plain.line.hasPrefix("POST http://hook.example/x") && plain.headers["x-proxy"] == nil)
        #expect(plain.headers["x-server"] == "s")
    }
}
