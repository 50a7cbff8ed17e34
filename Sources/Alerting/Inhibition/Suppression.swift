import Telemetry

/// Why nobody is told of an alert.
package enum Suppression: Sendable, Equatable {
    /// By this firing alert and the rule of this name.
    case inhibited(by: AlertID, rule: String)
    /// By these silences.
    case silenced(by: [String])
    /// It is the time of these `mute_time_intervals`.
    case muted(by: [String])
    /// It is not the time of any of these `active_time_intervals`.
    case inactive(outside: [String])

    /// As Alertmanager's `alertmanager_notifications_suppressed_total` calls it.
    package var reason: String {
        switch self {
        case .inhibited: "inhibition"
        case .silenced: "silence"
        case .muted: "mute_time_interval"
        case .inactive: "active_time_interval"
        }
    }
}

extension AlertingConfiguration {
    /// Whether the time keeps a route from telling anybody.
    func timing(of route: RoutingTree.Route, at now: Int64) -> Suppression? {
        let seconds = now >= 0 ? now / 1000 : (now - 999) / 1000
        func current(_ names: [String]) -> [String] {
            names.filter { timeIntervals[$0]?.contains(time: seconds) ?? false }
        }
        if !route.activeTimeIntervals.isEmpty, current(route.activeTimeIntervals).isEmpty {
            return .inactive(outside: route.activeTimeIntervals)
        }
        let muting = current(route.muteTimeIntervals)
        return muting.isEmpty ? nil : .muted(by: muting)
    }
}
