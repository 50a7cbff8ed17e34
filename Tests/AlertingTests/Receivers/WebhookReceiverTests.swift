import PushServer
import Rules
import Telemetry
import Testing

@testable import Alerting

@Suite struct WebhookReceiverTests {
    private func sent(
        _ options: String, _ notification: Alerting.Notification = SampleNotifications.mixed,
        bench: ReceiverBench = ReceiverBench()
    ) throws -> PushServer.Request {
        let server = PushServer { _ in .status(200) }
        defer { server.stop() }
        let integration = try bench.integration("receivers: [{name: r, webhook_configs: [{\(options)}]}]", server)
        #expect(
            integration.deliver(notification, memory: ["a": "b"], stop: StopToken()) == .delivered(memory: ["a": "b"]))
        return try #require(server.requests.first)
    }

    @Test("the payload is Alertmanager's, to the byte")
    func payload() throws {
        let request = try sent("url: URL/hook")
        #expect(request.line == "POST /hook HTTP/1.1")
        #expect(request.headers["content-type"] == "application/json")
        #expect(request.headers["user-agent"] == "tocsin/test")
        let url = #"http://prom.example/graph?g0.expr=up+%3D%3D+0\u0026g0.tab=1"#
        func alert(_ status: String, _ device: String, _ summary: String, _ end: String, _ fingerprint: String)
            -> String
        {
            #"{"status":"\#(status)","labels":{"alertname":"DiskFull","device":"\#(device)","severity":"page"},"#
                + #""annotations":{"summary":"\#(summary)"},"startsAt":"2022-01-25T12:36:43.5Z","endsAt":"\#(end)","#
                + #""generatorURL":"\#(url)","fingerprint":"\#(fingerprint)"}"#
        }
        let none = "0001-01-01T00:00:00Z"
        let alerts = [
            alert("firing", "sda1", "90 % full", none, "ad39af29c9f5f55f"),
            alert(
                "firing", "sdb1", "95 % full", none,
                AlertID(of: SampleNotifications.mixed.alerts[1].labels).description),
            alert(
                "resolved", "sdc1", #"\u003cb\u003e\u0026\"'"#, "2022-01-25T12:37:43.5Z",
                AlertID(of: SampleNotifications.mixed.alerts[2].labels).description),
        ]
        #expect(
            ReceiverBench.body(request)
                == #"{"receiver":"team\\.a","status":"firing","alerts":["# + alerts.joined(separator: ",")
                + #"],"notification_reason":"first notification","groupLabels":{"alertname":"DiskFull"},"#
                + #""commonLabels":{"alertname":"DiskFull","severity":"page"},"commonAnnotations":{},"routeLabels":{},"#
                + #""externalURL":"http://alerts.example:9093","version":"4","#
                + #""groupKey":"{}/{severity=\"page\"}:{alertname=\"DiskFull\"}","truncatedAlerts":0}"# + "\n")
    }

    @Test("alerts beyond max_alerts are counted")
    func truncated() throws {
        let body = ReceiverBench.body(try sent("url: URL/hook, max_alerts: 1"))
        #expect(body.contains(#""truncatedAlerts":2}"#))
        #expect(body.contains("sda1") && !body.contains("sdb1"))
    }

    @Test("the URL is a template")
    func url() throws {
        let request = try sent(#"url: 'URL/{{ .GroupLabels.alertname | toLower }}'"#)
        #expect(request.line == "POST /diskfull HTTP/1.1")
    }

    @Test("a payload of one's own: texts are templates and become what they say")
    func ownPayload() throws {
        let body = ReceiverBench.body(
            try sent(
                """
                url: URL/x, payload: {text: '{{ .Status }}', n: '{{ len .Alerts }}', labels: '{{ .CommonLabels | toJson }}',
                list: [1, true, null, 'a: b', '{{ .GroupKey }}'], '{{ .Status }}': 2.5}
                """))
        #expect(
            body
                == #"{"firing":2.5,"labels":{"alertname":"DiskFull","severity":"page"},"#
                + #""list":[1,true,null,"a: b","{}/{severity=\"page\"}:{alertname=\"DiskFull\"}"],"n":3,"text":"firing"}"#
                + "\n")
    }

    @Test("a payload that fails is replaced by the usual one")
    func failingPayload() throws {
        let bench = ReceiverBench()
        let body = ReceiverBench.body(try sent("url: URL/x, payload: {text: '{{ .Nope }}'}", bench: bench))
        #expect(body.contains(#""version":"4""#))
        #expect(bench.failures == ["webhook payload"])
    }

    @Test("http_config is used: login and headers")
    func login() throws {
        let request = try sent(
            "url: URL/x, http_config: {basic_auth: {username: u, password: p}, http_headers: {X-A: {values: [b]}}}")
        #expect(request.headers["authorization"] == "Basic dTpw")
        #expect(request.headers["x-a"] == "b")
    }
}
