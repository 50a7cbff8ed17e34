import Rules
import Telemetry
import Testing

@testable import Alerting

@Suite struct NotificationTests {
    @Test func firesWhileOneAlertDoes() {
        func notice(_ state: AlertNotice.State) -> AlertNotice {
            AlertNotice(
                labels: LabelSet(), annotations: LabelSet(), state: state, startsAt: 0, endsAt: 1, generatorURL: "",
                value: 1)
        }
        var notification = Notification(
            receiver: "r", groupKey: "{}:{}", groupLabels: LabelSet(), reason: .first,
            alerts: [notice(.resolved), notice(.firing)], externalURL: "", now: 0)
        #expect(notification.isFiring)
        notification.alerts.removeLast()
        #expect(!notification.isFiring)
    }
}
