import PushServer
import Rules
import Telemetry
import Testing

@testable import Alerting

/// What answers mean, for every receiver that talks HTTP.
@Suite struct ReceiverOutcomeTests {
    private func deliver(_ receiver: String, timeout: String = "", _ reply: PushServer.Reply) throws -> DeliveryResult {
        let server = PushServer { _ in reply }
        defer { server.stop() }
        let integration = try ReceiverBench().integration(ReceiverSamples.file(receiver), server)
        return integration.deliver(SampleNotifications.mixed, memory: [:], stop: StopToken())
    }

    @Test("2xx is delivered", arguments: ReceiverSamples.http)
    func success(receiver: String) throws {
        guard case .delivered = try deliver(receiver, .status(200, body: ReceiverSamples.success)) else {
            Issue.record("not delivered")
            return
        }
    }

    @Test("5xx and 429 are tried again, after what the service asks for", arguments: ReceiverSamples.http)
    func retried(receiver: String) throws {
        #expect(try deliver(receiver, .status(503, body: "a\nb")) == .retry(reason: "status 503: a b", after: nil))
        #expect(
            try deliver(receiver, .status(429, headers: ["Retry-After: 17"])) == .retry(reason: "status 429", after: 17)
        )
        #expect(
            try deliver(receiver, .status(429, body: #"{"retry_after": 2.5}"#))
                == .retry(reason: #"status 429: {"retry_after": 2.5}"#, after: 2.5))
    }

    @Test("other answers are final", arguments: ReceiverSamples.http)
    func refused(receiver: String) throws {
        #expect(try deliver(receiver, .status(400, body: "bad")) == .refused(reason: "status 400: bad"))
        #expect(try deliver(receiver, .status(401)) == .refused(reason: "status 401"))
        #expect(try deliver(receiver, .status(404)) == .refused(reason: "status 404"))
    }

    @Test("broken connections are tried again", arguments: ReceiverSamples.http)
    func broken(receiver: String) throws {
        for reply in [PushServer.Reply.reset, .halfClose, .resetInBody] {
            guard case .retry = try deliver(receiver, reply) else {
                Issue.record("\(reply) is not tried again")
                continue
            }
        }
    }

    @Test("a server that is not there is tried again, and its URL is not told", arguments: ReceiverSamples.http)
    func absent(receiver: String) throws {
        let server = PushServer { _ in .status(200) }
        let integration = try ReceiverBench().integration(ReceiverSamples.file(receiver), server)
        server.stop()
        guard
            case .retry(let reason, nil) = integration.deliver(
                SampleNotifications.mixed, memory: [:], stop: StopToken())
        else {
            Issue.record("not tried again")
            return
        }
        #expect(!reason.contains("/services/T") && !reason.contains("12:ab") && !reason.contains("webhooks/1"))
    }

    @Test("a server that does not answer is given up after the timeout")
    func silent() throws {
        for receiver in [
            "{name: r, webhook_configs: [{url: URL/hook, timeout: 200ms}]}",
            "{name: r, slack_configs: [{api_url: URL/x, timeout: 200ms}]}",
            "{name: r, pagerduty_configs: [{url: URL/x, routing_key: k, timeout: 200ms}]}",
            "{name: r, http_configs: [{url: URL/x, timeout: 200ms}]}",
        ] {
            guard case .retry(let reason, nil) = try deliver(receiver, .stall) else {
                Issue.record("\(receiver) is not tried again")
                continue
            }
            #expect(reason.contains("timed out"))
        }
    }

    @Test("a stop ends the wait")
    func stopped() throws {
        let server = PushServer { _ in .stall }
        defer { server.stop() }
        let integration = try ReceiverBench().integration(ReceiverSamples.file(ReceiverSamples.http[0]), server)
        let stop = StopToken()
        stop.stop()
        #expect(
            integration.deliver(SampleNotifications.mixed, memory: [:], stop: stop)
                == .retry(reason: "stopped", after: nil))
    }

    @Test("PagerDuty's old API is asked again after a 403, and others where they say so")
    func ownRules() throws {
        let old = "{name: r, pagerduty_configs: [{url: URL/x, service_key: k}]}"
        #expect(try deliver(old, .status(403)) == .retry(reason: "status 403", after: nil))
        let new = "{name: r, pagerduty_configs: [{url: URL/x, routing_key: k}]}"
        #expect(try deliver(new, .status(403)) == .refused(reason: "status 403"))
        let own = "{name: r, http_configs: [{url: URL/x, retry_on: [409]}]}"
        #expect(try deliver(own, .status(409)) == .retry(reason: "status 409", after: nil))
    }

    @Test(
        "failing templates are replaced by the defaults and told of; the notification goes out",
        arguments: ReceiverSamples.http)
    func failingTemplates(receiver: String) throws {
        let server = PushServer { _ in .status(200, body: ReceiverSamples.success) }
        defer { server.stop() }
        let bench = ReceiverBench()
        // What all defaults call, broken by a file.
        let files = [
            (
                "mine.tmpl",
                #"{{ define "__subject" }}{{ .Nope }}{{ end }}{{ define "__text_alert_list" }}{{ .Nope }}{{ end }}"#
            )
        ]
        let integration = try bench.integration(ReceiverSamples.file(receiver), server, templates: files)
        guard case .delivered = integration.deliver(SampleNotifications.mixed, memory: [:], stop: StopToken()) else {
            Issue.record("not delivered")
            return
        }
        guard integration.kind != "webhook" else { return }
        #expect(!bench.failures.isEmpty && bench.failures.allSatisfy { $0.hasPrefix(integration.kind) })
        let sent =
            ReceiverBench.form(try #require(server.requests.first)).values.joined()
            + ReceiverBench.body(server.requests[0])
        #expect(sent.contains("DiskFull"))
    }
}
