import Telemetry

/// Everything that has to be known after a restart.
package struct AlertingState: Sendable, Equatable {
    package var alerts: [AlertID: TrackedAlert] = [:]
    package var groups: [GroupID: SavedGroup] = [:]
    package var entries: [NotificationKey: NotificationEntry] = [:]
    /// The outbox: what is under way.
    package var attempts: [NotificationKey: NotificationAttempt] = [:]
    package var silences: [String: Silence] = [:]
    package var flaps: [AlertID: FlapRecord] = [:]
    /// The latest time that anything says: until then this was kept up to date.
    package var lastAlive: Int64 = 0

    package init() {}

    package mutating func apply(_ change: StateChange) {
        switch change {
        case .alert(let id, let alert):
            alerts[id] = alert
            lastAlive = max(lastAlive, alert.updatedAt)
        case .seen(let id, let endsAt, let updatedAt):
            alerts[id]?.endsAt = endsAt
            alerts[id]?.updatedAt = updatedAt
            lastAlive = max(lastAlive, updatedAt)
        case .forgotten(let id):
            alerts[id] = nil
            for index in groups.values.indices { groups.values[index].left[id] = nil }
        case .group(let id, let nextFlush, let hasFlushed):
            groups[id, default: SavedGroup(nextFlush: 0, hasFlushed: false)].nextFlush = nextFlush
            groups[id]?.hasFlushed = hasFlushed
        case .left(let group, let id, let updatedAt): groups[group]?.left[id] = updatedAt
        case .groupEnded(let id): groups[id] = nil
        case .attempt(let key, let attempt):
            attempts[key] = attempt
            lastAlive = max(lastAlive, attempt.since)
        case .attemptEnded(let key): attempts[key] = nil
        case .told(let key, let entry):
            attempts[key] = nil
            entries[key] = entry
            lastAlive = max(lastAlive, entry.timestamp)
        case .entryForgotten(let key): entries[key] = nil
        case .silence(let silence): silences[silence.id] = silence
        case .silenceForgotten(let id): silences[id] = nil
        case .flap(let id, let record): flaps[id] = record
        case .alive(let time): lastAlive = max(lastAlive, time)
        }
    }

    /// Hands out the changes that make it out of nothing.
    package func forEachChange<Failure: Error>(_ take: (StateChange) throws(Failure) -> Void) throws(Failure) {
        try take(.alive(lastAlive))
        for (id, alert) in alerts { try take(.alert(id, alert)) }
        for (id, group) in groups {
            try take(.group(id, nextFlush: group.nextFlush, hasFlushed: group.hasFlushed))
            for (alert, updatedAt) in group.left { try take(.left(id, alert, updatedAt: updatedAt)) }
        }
        for (key, entry) in entries { try take(.told(key, entry)) }
        for (key, attempt) in attempts { try take(.attempt(key, attempt)) }
        for silence in silences.values { try take(.silence(silence)) }
        for (id, record) in flaps { try take(.flap(id, record)) }
    }
}

/// One change of the state; a record of the log holds those that belong together.
package enum StateChange: Sendable, Equatable {
    case alert(AlertID, TrackedAlert)
    /// It came again as it was.
    case seen(AlertID, endsAt: Int64, updatedAt: Int64)
    case forgotten(AlertID)
    case group(GroupID, nextFlush: Int64, hasFlushed: Bool)
    /// An alert that ended has been told and is no longer part of the group.
    case left(GroupID, AlertID, updatedAt: Int64)
    case groupEnded(GroupID)
    case attempt(NotificationKey, NotificationAttempt)
    case attemptEnded(NotificationKey)
    /// It arrived: the attempt is over, this is what is known to have been told.
    case told(NotificationKey, NotificationEntry)
    case entryForgotten(NotificationKey)
    case silence(Silence)
    case silenceForgotten(String)
    /// How an alert has changed of late; nil where that no longer matters.
    case flap(AlertID, FlapRecord?)
    /// Up to this time all was written.
    case alive(Int64)

    /// Whether it has to survive the machine's end before anything follows from it; others survive the process's.
    var mustBeSynchronised: Bool {
        switch self {
        case .seen, .forgotten, .group, .groupEnded, .left, .entryForgotten, .silenceForgotten, .flap, .alive: false
        case .alert, .attempt, .attemptEnded, .told, .silence: true
        }
    }
}
