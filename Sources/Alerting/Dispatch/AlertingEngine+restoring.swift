import Rules
import Telemetry

/// Beginning with what an earlier life or another configuration left.
extension AlertingEngine {
    /// Alerts that fired when this was last alive go on until their senders have had time to say so again: that nobody
    /// listened is no reason to call them over.
    mutating func extendEnds(at now: Int64) {
        for (id, alert) in state.alerts where !alert.isResolved(at: state.lastAlive) {
            let end = now + configuration.resolveTimeout
            if alert.endsAt < end { record(.seen(id, endsAt: end, updatedAt: alert.updatedAt)) }
        }
    }

    /// Makes the groups anew out of the alerts. Nothing is looked at before all are there and sources of inhibition known.
    mutating func adopt(_ configuration: AlertingConfiguration, at now: Int64) {
        self.configuration = configuration
        tree = RoutingTree(configuration.route)
        receivers = Dictionary(
            configuration.receivers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        inhibitor = Inhibitor(configuration.inhibitRules)
        for (id, alert) in state.alerts { inhibitor.insert(id, alert.labels) }

        let earlier = groups
        groups = [:]
        for (id, alert) in state.alerts {
            for route in tree.match(alert.labels) { rejoin(route, id, alert, at: now) }
        }
        for id in state.groups.keys where groups[id] == nil { record(.groupEnded(id)) }
        let waiting = keysUnderWay
        for id in groups.keys {
            guard var group = groups[id] else { continue }
            let route = tree.routes[group.route]
            group.lastFlush = earlier[id]?.lastFlush ?? .min
            group.departure = earlier[id]?.departure
            group.missed = earlier[id]?.missed ?? []
            group.held = earlier[id]?.held ?? [:]
            group.repeatDue = repeatDue(group, route)
            // What was under way when the process ended is due at once.
            let hasDoubt = state.attempts.keys.contains {
                $0.groupKey == group.key && $0.receiver == route.receiver && !waiting.contains($0)
            }
            if hasDoubt { group.nextFlush = now }
            groups[id] = group
        }
        for key in state.attempts.keys where !waiting.contains(key) {
            let isKnown = groups.values.contains {
                $0.key == key.groupKey && tree.routes[$0.route].receiver == key.receiver
            }
            if !isKnown { record(.attemptEnded(key)) }
        }
    }

    private mutating func rejoin(_ index: Int, _ id: AlertID, _ alert: TrackedAlert, at now: Int64) {
        let route = tree.routes[index]
        let group = GroupID(route: route.id, labels: route.groupLabels(of: alert.labels))
        let saved = state.groups[group]
        let key = route.groupKey(group.labels)
        if isOver(id, alert, at: now) {
            // One that ended and was told does not come back; one whose end somebody waits for does.
            let isAwaited = saved.map { $0.left[id] != alert.updatedAt } ?? isFiring(id, key, route.receiver)
            guard isAwaited else { return }
        }
        if groups[group] == nil {
            let nextFlush = saved?.nextFlush ?? now + route.groupWait
            var made = AggregationGroup(
                route: index, key: key,
                nextFlush: min(nextFlush, now + max(route.groupInterval, route.groupWait)))
            made.hasFlushed = saved?.hasFlushed ?? false
            groups[group] = made
            if saved == nil { record(.group(group, nextFlush: made.nextFlush, hasFlushed: false)) }
        }
        groups[group]?.members.insert(id)
    }

    /// Whether a receiver was told that an alert fires, and of nothing since.
    private func isFiring(_ id: AlertID, _ groupKey: String, _ receiver: String) -> Bool {
        (receivers[receiver]?.ways ?? []).contains { way in
            let key = NotificationKey(groupKey: groupKey, receiver: receiver, kind: way.kind, index: way.index)
            guard let told = state.entries[key]?.firing else { return false }
            return told.contains(id) || told.contains(id.flapping)
        }
    }

    /// Forgets what is over: ended alerts of no group, entries and silences past their time.
    mutating func collect(at now: Int64) {
        var kept: Set<AlertID> = []
        for group in groups.values { kept.formUnion(group.members) }
        for (id, alert) in state.alerts where alert.isResolved(at: now) && !kept.contains(id) {
            inhibitor.remove(id, alert.labels)
            record(.forgotten(id))
            endsNoted.remove(id)
        }
        collectFlaps(at: now)
        let keys = Set(groups.values.map(\.key))
        for (key, entry) in state.entries where !keys.contains(key.groupKey) {
            if entry.timestamp + entry.lifetime <= now { record(.entryForgotten(key)) }
        }
        for silence in state.silences.values where silence.endsAt + SilenceRules.retention <= now {
            record(.silenceForgotten(silence.id))
        }
    }
}
