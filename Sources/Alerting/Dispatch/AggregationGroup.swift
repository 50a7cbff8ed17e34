import Telemetry

/// What names a group: its route and the values of the labels that the route groups by.
package struct GroupID: Hashable, Sendable {
    package var route: String
    package var labels: LabelSet

    package init(route: String, labels: LabelSet) {
        self.route = route
        self.labels = labels
    }
}

/// What is kept of a group across restarts.
package struct SavedGroup: Sendable, Equatable {
    /// When it is looked at next, milliseconds since 1970.
    package var nextFlush: Int64
    /// Whether it has been looked at.
    package var hasFlushed: Bool
    /// Ended alerts that have left it, and when they had last come.
    package var left: [AlertID: Int64] = [:]

    package init(nextFlush: Int64, hasFlushed: Bool) {
        self.nextFlush = nextFlush
        self.hasFlushed = hasFlushed
    }
}

/// Alerts that are told together.
struct AggregationGroup: Sendable {
    /// Place of its route in the tree.
    var route: Int
    var key: String
    var members: Set<AlertID> = []
    var nextFlush: Int64
    var hasFlushed = false
    var lastFlush: Int64 = .min
    /// When the first of those who were told of something that still fires is to hear of it again.
    var repeatDue: Int64?
    /// Those for whom a delivery was still under way when the group was looked at.
    var missed: Set<NotificationKey> = []
    var departure: Departure?
    /// What held its alerts back at the last look.
    var held: [AlertID: Suppression] = [:]

    /// Ended alerts that leave the group when all have been told.
    struct Departure: Sendable {
        /// When each had last come: one that has come again since stays.
        var alerts: [AlertID: Int64]
        var outstanding: Set<NotificationKey> = []
        var hasFailed = false
    }

    /// When there may be something to do. What was due at the last look and was held back waits for the next interval.
    var wake: Int64 {
        guard let repeatDue, repeatDue > lastFlush else { return nextFlush }
        return min(nextFlush, repeatDue)
    }
}
