/// Whether a group has something to tell, and why (`DedupStage.needsUpdate`).
enum NotificationNeed {
    /// - Parameters:
    ///   - entry: what was told last.
    ///   - attempt: what may have been told when the process ended.
    ///   - repeatInterval: milliseconds.
    static func reason(
        _ entry: NotificationEntry?, attempt: NotificationAttempt?, firing: Set<AlertID>, resolved: Set<AlertID>,
        sendsResolved: Bool, repeatInterval: Int64, now: Int64
    ) -> Notification.Reason? {
        if let reason = reason(
            entry, firing: firing, resolved: resolved, sendsResolved: sendsResolved, repeatInterval: repeatInterval,
            now: now)
        {
            return reason
        }
        // Whoever may have heard that something is wrong hears of its end.
        if let attempt, !attempt.firing.isEmpty, firing.isEmpty { return .allResolved }
        return nil
    }

    private static func reason(
        _ entry: NotificationEntry?, firing: Set<AlertID>, resolved: Set<AlertID>, sendsResolved: Bool,
        repeatInterval: Int64, now: Int64
    ) -> Notification.Reason? {
        guard let entry else { return firing.isEmpty ? nil : .first }
        if !firing.isSubset(of: entry.firing) { return entry.firing.isEmpty ? .first : .newAlerts }
        // The end of all clears the log, be it told or not; alerts that came and went in between are nobody's business.
        if firing.isEmpty { return entry.firing.isEmpty ? nil : .allResolved }
        if sendsResolved, !resolved.isSubset(of: entry.resolved) { return .someResolved }
        return now >= entry.timestamp + repeatInterval ? .repeat : nil
    }
}
