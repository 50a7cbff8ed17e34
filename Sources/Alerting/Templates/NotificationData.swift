import Rules
import Telemetry

/// What notification templates and the webhook's payload are made from (Alertmanager's `template.Data`).
package struct NotificationData: Sendable {
    package struct Alert: Sendable {
        package var isFiring: Bool
        package var labels: LabelSet
        package var annotations: LabelSet
        package var startsAt: TemplateTime
        /// The year 1 while it fires.
        package var endsAt: TemplateTime
        package var generatorURL: String
        /// 16 hexadecimal digits.
        package var fingerprint: String

        package var status: String { isFiring ? "firing" : "resolved" }
    }

    /// With what is special in regular expressions escaped, as Alertmanager has it.
    package var receiver: String
    package var isFiring: Bool
    package var alerts: [Alert]
    package var reason: String
    package var groupLabels: LabelSet
    package var commonLabels: LabelSet
    package var commonAnnotations: LabelSet
    package var routeLabels: LabelSet
    package var externalURL: String
    package var groupKey: String
    /// How many alerts were left out of `alerts`.
    package var truncatedAlerts: Int
    package var now: TemplateTime

    package var status: String { isFiring ? "firing" : "resolved" }

    /// - Parameter mostAlerts: how many alerts to keep; 0 for all.
    package init(_ notification: Notification, mostAlerts: Int = 0) {
        let kept = mostAlerts > 0 ? notification.alerts.prefix(mostAlerts) : notification.alerts[...]
        receiver = Self.quoted(notification.receiver)
        isFiring = kept.contains { $0.state == .firing }
        alerts = kept.map(Alert.init)
        reason = notification.reason.rawValue
        groupLabels = notification.groupLabels
        commonLabels = Self.common(kept.map(\.labels))
        commonAnnotations = Self.common(kept.map(\.annotations))
        routeLabels = notification.routeLabels
        externalURL = notification.externalURL
        groupKey = notification.groupKey
        truncatedAlerts = notification.alerts.count - kept.count
        now = TemplateTime(milliseconds: notification.now)
    }

    /// What all of the sets have.
    private static func common(_ sets: [LabelSet]) -> LabelSet {
        guard let first = sets.first else { return LabelSet() }
        var result = LabelSet()
        for label in first.labels
        where sets.dropFirst().allSatisfy({ ($0[label.name] ?? "") == label.value }) {
            result.keep(label.name, label.value)
        }
        return result
    }

    /// Go's `regexp.QuoteMeta`.
    private static func quoted(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            if "\\.+*?()|[]{}^$".unicodeScalars.contains(character) { result += "\\" }
            result.unicodeScalars.append(character)
        }
        return result
    }
}

extension NotificationData.Alert {
    init(_ notice: AlertNotice) {
        isFiring = notice.state == .firing
        labels = notice.labels
        annotations = notice.annotations
        startsAt = TemplateTime(milliseconds: notice.startsAt)
        endsAt = notice.state == .firing ? .zero : TemplateTime(milliseconds: notice.endsAt)
        generatorURL = notice.generatorURL
        fingerprint = AlertID(of: notice.labels).description
    }
}
