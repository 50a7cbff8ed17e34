import Rules
import Telemetry

/// A notification that says of itself that it is a test: `tocsin test notify`.
package enum NotifyTrial {
    /// What every text is told that shows labels, and every one that shows annotations.
    static let mark = "this is a test, nothing is wrong"

    /// - Parameters:
    ///   - labels: those of the alert; the mark is added as `tocsin_test`, and a name where there is none.
    ///   - isResolved: for the end of the test.
    package static func notification(
        receiver: String, labels: LabelSet, externalURL: String, isResolved: Bool = false, now: Int64
    ) -> Notification {
        var labels = labels
        if labels["alertname"] == nil { labels["alertname"] = "TestNotification" }
        labels["tocsin_test"] = mark
        let text = "TEST: \(mark). Sent by `tocsin test notify \(receiver)`."
        let notice = AlertNotice(
            labels: labels, annotations: ["description": text, "summary": text],
            state: isResolved ? .resolved : .firing, startsAt: now - 60_000, endsAt: isResolved ? now : now + 300_000,
            generatorURL: "", value: .nan)
        let group: LabelSet = ["alertname": labels["alertname"] ?? ""]
        return Notification(
            receiver: receiver, groupKey: "{}/tocsin-test:\(group)", groupLabels: group,
            reason: isResolved ? .allResolved : .first, alerts: [notice], externalURL: externalURL, now: now)
    }

    /// What came of one way of a receiver.
    package struct Outcome: Sendable {
        package var kind: String
        package var state: AlertNotice.State
        /// nil where it was taken.
        package var error: String?
        package var seconds: Double
    }

    /// Sends a test by all ways of a receiver, one after the other, each once; `isResolving` sends its end, too, to those
    /// that are told of ends.
    package static func run(
        _ integrations: [any Integration], receiver: String, labels: LabelSet, externalURL: String, isResolving: Bool,
        stop: StopToken, report: (Outcome) -> Void
    ) {
        for way in integrations {
            var memory: DeliveryMemory = [:]
            for isResolved in isResolving && way.sendsResolved ? [false, true] : [false] {
                let begin = Timestamp.monotonic
                let result = way.deliver(
                    notification(
                        receiver: receiver, labels: labels, externalURL: externalURL, isResolved: isResolved,
                        now: Timestamp.now.milliseconds), memory: memory, stop: stop)
                var outcome = Outcome(
                    kind: way.kind, state: isResolved ? .resolved : .firing,
                    seconds: Timestamp.monotonic.seconds(since: begin))
                switch result {
                case .delivered(let kept): memory = kept
                case .retry(let reason, _), .refused(let reason): outcome.error = reason
                }
                report(outcome)
            }
        }
    }
}
