import PushServer
import Rules
import Telemetry
import Testing

@testable import Alerting

/// Every receiver that talks HTTP against every trouble that a server and the way to it can make. What is expected is what
/// Alertmanager does (2xx is taken, 5xx and broken connections are tried again, all else is final) and, for 429, what the
/// services' own documents ask for.
@Suite struct ReceiverOutcomeTests {
    private typealias Row = (reply: PushServer.Reply, outcome: ReceiverOutcome)

    private func check(_ receiver: String, _ rows: [Row], timeout: Double = 5) throws {
        for row in rows {
            let result = try ReceiverOutcome.deliver(receiver, row.reply, timeout: timeout)
            #expect(ReceiverOutcome(result) == row.outcome, "\(row.reply): \(result)")
        }
    }

    @Test("2xx is delivered", arguments: ReceiverSamples.http)
    func success(receiver: String) throws {
        let body = ReceiverSamples.success
        try check(receiver, [200, 201, 202].map { (.status($0, body: body), .delivered) })
        // Without a body nothing is said where the body says it.
        guard !receiver.contains("telegram_configs") else { return }
        try check(receiver, [(.status(204), .delivered)])
    }

    @Test("5xx and 429 are tried again, after what the service asks for", arguments: ReceiverSamples.http)
    func retried(receiver: String) throws {
        let isPushover = receiver.contains("pushover_configs")
        // "Being friendly to our API": no sooner than five seconds.
        let pause: Double? = isPushover ? 5 : nil
        try check(receiver, [500, 502, 503, 504, 507, 599].map { (.status($0), .retry(after: pause)) })
        try check(receiver, [(.status(503, headers: ["Retry-After: 9"]), .retry(after: 9))])
        // A quota for a month that is used up, at Pushover.
        func paced(_ outcome: ReceiverOutcome) -> ReceiverOutcome { isPushover ? .refused : outcome }
        try check(
            receiver,
            [
                (.status(429), paced(.retry)), (.status(429, headers: ["Retry-After: 17"]), paced(.retry(after: 17))),
                (.status(429, headers: ["Retry-After: soon"]), paced(.retry)),
                (.status(429, headers: ["Retry-After: -1"]), paced(.retry)),
                (.status(429, body: #"{"retry_after": 2.5}"#), paced(.retry(after: 2.5))),
                (.status(429, body: #"{"parameters": {"retry_after": 35}}"#), paced(.retry(after: 35))),
            ])
        #expect(
            try ReceiverOutcome.deliver(receiver, .status(503, body: "a\nb"))
                == .retry(reason: "status 503: a b", after: pause))
    }

    @Test("other answers are final", arguments: ReceiverSamples.http)
    func refused(receiver: String) throws {
        // PagerDuty's Events API v1 limits with 403.
        let isOld = receiver.contains("service_key")
        let final = [300, 304, 305, 400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422]
        try check(receiver, final.map { (.status($0), isOld && $0 == 403 ? .retry : .refused) })
        #expect(
            try ReceiverOutcome.deliver(receiver, .status(400, body: "bad")) == .refused(reason: "status 400: bad"))
    }

    @Test("broken connections are tried again, but not once the answer is known", arguments: ReceiverSamples.http)
    func broken(receiver: String) throws {
        let retry: ReceiverOutcome = receiver.contains("pushover_configs") ? .retry(after: 5) : .retry
        try check(
            receiver,
            [
                (.reset, retry), (.halfClose, retry), (.raw(""), retry), (.raw("HTTP/1.1 20"), retry),
                (.raw("HTTP/1.1 200 OK\r\nContent-Le"), retry), (.raw("SSH-2.0-OpenSSH_9.2\r\n"), retry),
                (.raw("\u{15}\u{3}\u{1}"), retry),
                (.raw("HTTP/1.1 503 No\r\nContent-Length: 99\r\n\r\nhalf"), retry),
                (.raw("HTTP/1.1 404 No\r\nContent-Length: 99\r\n\r\nhalf"), retry),
            ])
        // What was taken is taken, however its answer ends; where the body says whether it was, nothing is known.
        let half: ReceiverOutcome = ReceiverSamples.readsAnswer(receiver) ? .retry : .delivered
        try check(
            receiver,
            [
                (.resetInBody, half), (.raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"ok\": tr"), half),
                (.raw("HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"ok"), half),
            ])
    }

    @Test("a server that is not there is tried again, and its URL is not told", arguments: ReceiverSamples.http)
    func absent(receiver: String) throws {
        let server = PushServer { _ in .status(200) }
        let integration = try ReceiverBench().integration(ReceiverSamples.file(receiver), server)
        server.stop()
        guard
            case .retry(let reason, _) = integration.deliver(
                SampleNotifications.mixed, memory: [:], stop: StopToken())
        else {
            Issue.record("not tried again")
            return
        }
        #expect(!reason.contains("/services/T") && !reason.contains("12:ab") && !reason.contains("webhooks/1"))
    }

    @Test("a server that does not answer in time is given up, and tried again", arguments: ReceiverSamples.http)
    func silent(receiver: String) throws {
        guard case .retry(let reason, _) = try ReceiverOutcome.deliver(receiver, .stall, timeout: 0.1) else {
            Issue.record("not tried again")
            return
        }
        #expect(reason.contains("timed out"))
    }

    @Test("each receiver's own `timeout` is kept to")
    func ownTimeout() throws {
        for receiver in [
            "{name: r, webhook_configs: [{url: URL/hook, timeout: 100ms}]}",
            "{name: r, slack_configs: [{api_url: URL/x, timeout: 100ms}]}",
            "{name: r, pagerduty_configs: [{url: URL/x, routing_key: k, timeout: 100ms}]}",
            "{name: r, http_configs: [{url: URL/x, timeout: 100ms}]}",
        ] {
            guard case .retry(let reason, nil) = try ReceiverOutcome.deliver(receiver, .stall, timeout: 30) else {
                Issue.record("\(receiver) is not tried again")
                continue
            }
            #expect(reason.contains("timed out"))
        }
    }

    // MARK: Redirects

    @Test("a redirect on the same server is followed, with the same method and body", arguments: ReceiverSamples.http)
    func redirected(receiver: String) throws {
        for status in [301, 302, 307, 308] {
            let server = PushServer { request in
                request.line.contains(" /next ")
                    ? .status(200, body: ReceiverSamples.success) : .status(status, headers: ["Location: /next"])
            }
            defer { server.stop() }
            let integration = try ReceiverBench().integration(ReceiverSamples.file(receiver), server)
            let result = integration.deliver(SampleNotifications.mixed, memory: [:], stop: StopToken())
            #expect(ReceiverOutcome(result) == .delivered, "\(status): \(result)")
            let requests = server.requests
            try #require(requests.count == 2)
            #expect(requests[1].line.prefix { $0 != " " } == requests[0].line.prefix { $0 != " " })
            #expect(requests[1].body == requests[0].body)
            #expect(requests[1].headers["authorization"] == requests[0].headers["authorization"])
        }
    }

    @Test("after 303 the outcome is got where it says", arguments: ReceiverSamples.http)
    func seeOther(receiver: String) throws {
        let server = PushServer { request in
            request.line == "GET /next HTTP/1.1" && request.body.isEmpty
                ? .status(200, body: ReceiverSamples.success) : .status(303, headers: ["Location: /next"])
        }
        defer { server.stop() }
        let integration = try ReceiverBench().integration(ReceiverSamples.file(receiver), server)
        let result = integration.deliver(SampleNotifications.mixed, memory: [:], stop: StopToken())
        #expect(ReceiverOutcome(result) == .delivered && server.requests.count == 2, "\(result)")
    }

    @Test("another server gets no token by a redirect", arguments: ReceiverSamples.http)
    func redirectedElsewhere(receiver: String) throws {
        let other = PushServer { _ in .status(200, body: ReceiverSamples.success) }
        defer { other.stop() }
        let result = try ReceiverOutcome.deliver(
            receiver, .status(307, headers: ["Location: http://127.0.0.1:\(other.port)/next"]))
        if ReceiverSamples.sendsSecretHeader(receiver) {
            #expect(result == .refused(reason: "status 307, a redirect that is not followed"))
            #expect(other.requests.isEmpty)
        } else {
            #expect(ReceiverOutcome(result) == .delivered)
            #expect(other.requests.count == 1)
        }
    }

    @Test("redirects without end, and those that are not to be followed, are final", arguments: ReceiverSamples.http)
    func endless(receiver: String) throws {
        let loop = PushServer.Reply.status(308, headers: ["Location: /again"])
        #expect(ReceiverOutcome(try ReceiverOutcome.deliver(receiver, loop)) == .refused)
        let closed = receiver.split(separator: "}]}").joined() + ", http_config: {follow_redirects: false}}]}"
        #expect(
            try ReceiverOutcome.deliver(closed, loop)
                == .refused(reason: "status 308, a redirect that is not followed"))
    }

    // MARK: Further

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
