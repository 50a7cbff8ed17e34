import Rules
import Telemetry

@testable import Alerting

/// Notifications that tests of templates and receivers tell.
enum SampleNotifications {
    static let url = "http://alerts.example:9093"

    static func alert(
        _ labels: LabelSet, annotations: LabelSet = [:], resolved: Bool = false, startsAt: Int64 = 1_643_114_203_500
    ) -> AlertNotice {
        AlertNotice(
            labels: labels, annotations: annotations, state: resolved ? .resolved : .firing, startsAt: startsAt,
            endsAt: startsAt + 60_000, generatorURL: "http://prom.example/graph?g0.expr=up+%3D%3D+0&g0.tab=1", value: 1)
    }

    /// Two that fire and one that is over.
    static var mixed: Alerting.Notification {
        notification([
            alert(
                ["alertname": "DiskFull", "device": "sda1", "severity": "page"], annotations: ["summary": "90 % full"]),
            alert(
                ["alertname": "DiskFull", "device": "sdb1", "severity": "page"], annotations: ["summary": "95 % full"]),
            alert(
                ["alertname": "DiskFull", "device": "sdc1", "severity": "page"], annotations: ["summary": "<b>&\"'"],
                resolved: true),
        ])
    }

    static var firing: Alerting.Notification { notification([mixed.alerts[0]]) }
    static var resolved: Alerting.Notification { notification([mixed.alerts[2]]) }

    static func notification(_ alerts: [AlertNotice]) -> Alerting.Notification {
        Alerting.Notification(
            receiver: "team.a", groupKey: #"{}/{severity="page"}:{alertname="DiskFull"}"#,
            groupLabels: ["alertname": "DiskFull"], reason: .first, alerts: alerts, externalURL: url,
            now: 1_643_114_263_000)
    }
}
