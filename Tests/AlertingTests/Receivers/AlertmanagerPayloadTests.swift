import Bytes
import PushServer
import Rules
import Telemetry
import Testing

@testable import Alerting

/// What Debian's Alertmanager 0.25 posted for the alerts of this test, with `group_by: [alertname]` and a route for
/// `severity="page"`.
@Suite struct AlertmanagerPayloadTests {
    private static let posted = [
        ##"{"receiver":"team\\.a","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"Other (a.b)","severity":"warn"},"annotations":{},"startsAt":"2022-01-25T12:36:43Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"f73b66b903a2b827"}],"groupLabels":{"alertname":"Other (a.b)"},"commonLabels":{"alertname":"Other (a.b)","severity":"warn"},"commonAnnotations":{},"externalURL":"http://alerts.example:9093","version":"4","groupKey":"{}:{alertname=\"Other (a.b)\"}","truncatedAlerts":0}"##,
        ##"{"receiver":"team\\.a","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"DiskFull","device":"sda1","severity":"page"},"annotations":{"summary":"90 % full \u003cb\u003e\u0026\"'\\ \u2028 \u0001\##u{7f} é \t\n"},"startsAt":"2022-01-25T12:36:43.5Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom.example/graph?g0.expr=up+%3D%3D+0\u0026g0.tab=1","fingerprint":"ad39af29c9f5f55f"},{"status":"firing","labels":{"alertname":"DiskFull","device":"sdb1","severity":"page"},"annotations":{"summary":"x"},"startsAt":"2022-01-25T12:36:43.123Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"91c1f774b0498122"}],"groupLabels":{"alertname":"DiskFull"},"commonLabels":{"alertname":"DiskFull","severity":"page"},"commonAnnotations":{},"externalURL":"http://alerts.example:9093","version":"4","groupKey":"{}/{severity=\"page\"}:{alertname=\"DiskFull\"}","truncatedAlerts":0}"##,
        ##"{"receiver":"team\\.a","status":"firing","alerts":[{"status":"resolved","labels":{"alertname":"DiskFull","device":"sda1","severity":"page"},"annotations":{"summary":"90 % full \u003cb\u003e\u0026\"'\\ \u2028 \u0001\##u{7f} é \t\n"},"startsAt":"2022-01-25T12:36:43.5Z","endsAt":"2022-01-25T13:00:00.25Z","generatorURL":"http://prom.example/graph?g0.expr=up+%3D%3D+0\u0026g0.tab=1","fingerprint":"ad39af29c9f5f55f"},{"status":"firing","labels":{"alertname":"DiskFull","device":"sdb1","severity":"page"},"annotations":{"summary":"x"},"startsAt":"2022-01-25T12:36:43.123Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"91c1f774b0498122"}],"groupLabels":{"alertname":"DiskFull"},"commonLabels":{"alertname":"DiskFull","severity":"page"},"commonAnnotations":{},"externalURL":"http://alerts.example:9093","version":"4","groupKey":"{}/{severity=\"page\"}:{alertname=\"DiskFull\"}","truncatedAlerts":0}"##,
    ]

    private static let odd = "90 % full <b>&\"'\\ \u{2028} \u{1}\u{7f} é \t\n"

    private static func alert(
        _ labels: LabelSet, _ annotations: LabelSet, _ url: String = "", startsAt: Int64, endsAt: Int64? = nil
    ) -> AlertNotice {
        AlertNotice(
            labels: labels, annotations: annotations, state: endsAt == nil ? .firing : .resolved, startsAt: startsAt,
            endsAt: endsAt ?? startsAt + 300_000, generatorURL: url, value: 1)
    }

    private static func notification(
        _ key: String, _ group: String, _ alerts: [AlertNotice]
    ) -> Alerting.Notification {
        Alerting.Notification(
            receiver: "team.a", groupKey: key, groupLabels: ["alertname": group], reason: .first, alerts: alerts,
            externalURL: "http://alerts.example:9093", now: 1_643_116_000_000)
    }

    private static func disks(endsAt: Int64?) -> Alerting.Notification {
        notification(
            #"{}/{severity="page"}:{alertname="DiskFull"}"#, "DiskFull",
            [
                alert(
                    ["alertname": "DiskFull", "device": "sda1", "severity": "page"], ["summary": odd],
                    "http://prom.example/graph?g0.expr=up+%3D%3D+0&g0.tab=1", startsAt: 1_643_114_203_500,
                    endsAt: endsAt),
                alert(
                    ["alertname": "DiskFull", "device": "sdb1", "severity": "page"], ["summary": "x"],
                    startsAt: 1_643_114_203_123),
            ])
    }

    @Test("the same alerts make the same bytes, but for the keys that came after 0.25")
    func same() throws {
        let other = Self.alert(["alertname": "Other (a.b)", "severity": "warn"], [:], startsAt: 1_643_114_203_000)
        let notifications = [
            Self.notification(#"{}:{alertname="Other (a.b)"}"#, "Other (a.b)", [other]), Self.disks(endsAt: nil),
            Self.disks(endsAt: 1_643_115_600_250),
        ]
        for (notification, posted) in zip(notifications, Self.posted) {
            let server = PushServer { _ in .status(200) }
            defer { server.stop() }
            let integration = try ReceiverBench().integration(
                "receivers: [{name: r, webhook_configs: [{url: URL/}]}]", server)
            #expect(integration.deliver(notification, memory: [:], stop: StopToken()) == .delivered(memory: [:]))
            let request = try #require(server.requests.first)
            let newer = [#""notification_reason":"first notification","#, #""routeLabels":{},"#]
            var body = ReceiverBench.body(request)
            for key in newer {
                #expect(body.contains(key))
                body = body.split(separator: key, omittingEmptySubsequences: false).joined()
            }
            #expect(Array(body.utf8) == Array((posted + "\n").utf8))
        }
    }
}
