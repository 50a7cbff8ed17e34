import Telemetry

/// Silences that end when the alerts have ended that they were made for: an acknowledgement is one. Alerts that begin later are
/// not held back by them, even where they meet the matchers.
///
/// Clients ask for one by the annotation `tocsin_until: resolved`; which alerts it covers is kept beside it, so that it is
/// written, shown and passed on as any other silence. The silence's own end stays the latest.
extension Silence {
    package static let untilKey = "tocsin_until"
    package static let untilResolved = "resolved"
    private static let alertsKey = "tocsin_alerts"

    /// The alerts whose end it waits for; nil for one that ends at its time whatever fires.
    package internal(set) var coveredAlerts: Set<AlertID>? {
        get {
            guard annotations[Self.untilKey] == Self.untilResolved, let text = annotations[Self.alertsKey] else {
                return nil
            }
            return Set(text.split(separator: " ").compactMap { UInt64($0, radix: 16).map(AlertID.init(rawValue:)) })
        }
        set {
            var others = annotations.labels.filter { $0.name != Self.untilKey && $0.name != Self.alertsKey }
            if let newValue {
                let ids = newValue.sorted().map(\.description).joined(separator: " ")
                // One that covers nothing any more is still one that covers, not one that holds everything.
                others += [Label(Self.untilKey, Self.untilResolved), Label(Self.alertsKey, ids.isEmpty ? "-" : ids)]
            }
            annotations = LabelSet(others)
        }
    }
}
