import Rules
import Telemetry

/// What a group of alerts has to tell one receiver at one flush. Times are milliseconds since 1970.
package struct Notification: Sendable, Equatable {
    /// Why it is sent now, in the words of Alertmanager's webhook payload.
    package enum Reason: String, Sendable {
        case first = "first notification"
        case newAlerts = "new alerts added"
        case someResolved = "some alerts resolved"
        case allResolved = "all alerts resolved"
        case `repeat` = "repeat interval elapsed"
    }

    package var receiver: String
    /// The route's path of matchers and the group's labels: `{}/{severity="page"}:{alertname="X"}`.
    package var groupKey: String
    package var groupLabels: LabelSet
    package var routeLabels: LabelSet
    package var reason: Reason
    /// In the order in which they are told.
    package var alerts: [AlertNotice]
    /// Where people find this Alertmanager, for links.
    package var externalURL: String
    /// The time of the flush.
    package var now: Int64

    package init(
        receiver: String, groupKey: String, groupLabels: LabelSet, routeLabels: LabelSet = LabelSet(), reason: Reason,
        alerts: [AlertNotice], externalURL: String, now: Int64
    ) {
        self.receiver = receiver
        self.groupKey = groupKey
        self.groupLabels = groupLabels
        self.routeLabels = routeLabels
        self.reason = reason
        self.alerts = alerts
        self.externalURL = externalURL
        self.now = now
    }

    /// Whether an alert of it still fires.
    package var isFiring: Bool { alerts.contains { $0.state == .firing } }
}
