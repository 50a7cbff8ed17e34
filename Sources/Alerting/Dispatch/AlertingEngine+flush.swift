import Rules
import Telemetry

/// Looking at a group: who of it is to be told of, and to whom that is news.
extension AlertingEngine {
    mutating func flush(_ id: GroupID, at now: Int64) {
        guard var group = groups[id] else { return }
        let route = tree.routes[group.route]
        var alerts: [(id: AlertID, alert: TrackedAlert)] = []
        for member in group.members {
            if let alert = state.alerts[member] { alerts.append((member, alert)) }
        }
        alerts.sort { AlertOrder.precedes($0.alert.labels, $1.alert.labels) }

        group.nextFlush = now + route.groupInterval
        group.hasFlushed = true
        group.lastFlush = now
        group.missed = []
        let ended = alerts.filter { isOver($0.id, $0.alert, at: now) }
        var departure = AggregationGroup.Departure(
            alerts: Dictionary(ended.map { ($0.id, $0.alert.updatedAt) }, uniquingKeysWith: { first, _ in first }))
        if let end = SilencesInForce(self, at: now).windowEnd(of: alerts, at: now) {
            // What a maintenance window holds back is told when it ends, and not up to an interval later.
            group.nextFlush = min(group.nextFlush, end)
        }
        record(.group(id, nextFlush: group.nextFlush, hasFlushed: true))

        let heldBefore = step.suppressions.count
        let told = unsuppressed(alerts, of: group, route, at: now)
        noteLook(&group, ended: ended, held: Array(step.suppressions[heldBefore...]), at: now)
        if !told.isEmpty {
            for (way, description) in (receivers[route.receiver]?.ways ?? []).enumerated() {
                let key = NotificationKey(
                    groupKey: group.key, receiver: route.receiver, kind: description.kind, index: description.index)
                if keysUnderWay.contains(key) {
                    group.missed.insert(key)
                    departure.hasFailed = true
                } else if tell(told, of: id, group, route, way: way, key: key, description, at: now) {
                    departure.outstanding.insert(key)
                }
            }
        }
        group.departure = departure
        group.repeatDue = repeatDue(group, route)
        groups[id] = group
        settle(id)
    }

    /// Notes that a delivery is over.
    package mutating func finish(_ delivery: Int, _ result: DeliveryResult, at now: Int64) {
        guard let done = end(delivery) else { return }
        var hasFailed = true
        if case .delivered(let memory) = result {
            var entry = done.entry
            entry.memory = memory
            record(.told(done.key, entry))
            hasFailed = false
        } else if let doubt = done.doubt {
            // That this attempt failed says nothing about the earlier one.
            record(.attempt(done.key, doubt))
        } else {
            record(.attemptEnded(done.key))
        }
        guard var group = groups[done.group] else { return }
        if group.missed.remove(done.key) != nil { group.nextFlush = min(group.nextFlush, now) }
        if group.departure?.outstanding.remove(done.key) != nil, hasFailed { group.departure?.hasFailed = true }
        group.repeatDue = repeatDue(group, tree.routes[group.route])
        groups[done.group] = group
        settle(done.group)
    }

    /// The alerts that nothing holds back, in Alertmanager's order of reasons: inhibition, the time, silences.
    private mutating func unsuppressed(
        _ alerts: [(id: AlertID, alert: TrackedAlert)], of group: AggregationGroup, _ route: RoutingTree.Route,
        at now: Int64
    ) -> [(id: AlertID, alert: TrackedAlert)] {
        let free = alerts.filter { id, alert in
            guard let (source, rule) = inhibitor.source(for: alert.labels, among: state.alerts, at: now) else {
                return true
            }
            hold(group.key, id, .inhibited(by: source, rule: rule))
            return false
        }
        if free.isEmpty { return [] }
        if let timing = configuration.timing(of: route, at: now) {
            for (id, _) in free { hold(group.key, id, timing) }
            return []
        }
        let silences = SilencesInForce(self, at: now)
        if silences.isEmpty { return free }
        return free.filter { id, alert in
            let found = silences.holding(id, alert.labels)
            if !found.isEmpty { hold(group.key, id, .silenced(by: found)) }
            return found.isEmpty
        }
    }

    /// Tells one way of a receiver what it does not know; whether something is under way.
    private mutating func tell(
        _ alerts: [(id: AlertID, alert: TrackedAlert)], of id: GroupID, _ group: AggregationGroup,
        _ route: RoutingTree.Route, way: Int, key: NotificationKey, _ description: ReceiverSummary.Way, at now: Int64
    ) -> Bool {
        let over = alerts.filter { isOver($0.id, $0.alert, at: now) }
        let resolved = Set(over.map(\.id))
        let firing = Set(alerts.map(\.id)).subtracting(resolved)
        let firingAsTold = Set(firing.map { self.told($0) })
        let known = state.entries[key]
        let doubt = state.attempts[key]
        let reason = NotificationNeed.reason(
            known, attempt: doubt, firing: firingAsTold, resolved: resolved,
            sendsResolved: description.sendsResolved, repeatInterval: route.repeatInterval, now: now)
        guard let reason else {
            if doubt != nil { record(.attemptEnded(key)) }
            return false
        }
        // The first notification of a new trouble begins anew with the service, too.
        let entry = NotificationEntry(
            timestamp: now, firing: firingAsTold, resolved: resolved,
            memory: reason == .first ? [:] : known?.memory ?? [:],
            lifetime: min(2 * route.repeatInterval, NotificationEntry.longestLifetime))
        let shown = description.sendsResolved ? alerts : alerts.filter { firing.contains($0.id) }
        guard !shown.isEmpty else {
            record(.told(key, entry))
            return false
        }
        record(
            .attempt(
                key,
                NotificationAttempt(
                    since: now, firing: firingAsTold.union(doubt?.firing ?? []), resolved: resolved)))
        let notification = Notification(
            receiver: route.receiver, groupKey: group.key, groupLabels: id.labels, routeLabels: route.labels,
            reason: reason, alerts: shown.map { notice($0.id, $0.alert, at: now) }, externalURL: externalURL, now: now)
        send(
            notification, UnderWay(key: key, group: id, entry: entry, doubt: doubt), way: way,
            deadline: now + max(route.groupInterval, Self.shortestFlush))
        return true
    }

    /// Milliseconds for which a delivery is tried at least.
    static let shortestFlush: Int64 = 10_000

    /// Lets ended alerts go once all have been told, and the group with the last of them.
    private mutating func settle(_ id: GroupID) {
        guard var group = groups[id], let departure = group.departure, departure.outstanding.isEmpty else { return }
        group.departure = nil
        if !departure.hasFailed {
            for (alert, updatedAt) in departure.alerts.sorted(by: { $0.key < $1.key })
            where (state.alerts[alert]?.updatedAt ?? updatedAt) == updatedAt {
                group.members.remove(alert)
                record(.left(id, alert, updatedAt: updatedAt))
            }
        }
        if group.members.isEmpty {
            groups[id] = nil
            record(.groupEnded(id))
        } else {
            groups[id] = group
        }
    }

    func repeatDue(_ group: AggregationGroup, _ route: RoutingTree.Route) -> Int64? {
        (receivers[route.receiver]?.ways ?? []).compactMap { way -> Int64? in
            let key = NotificationKey(
                groupKey: group.key, receiver: route.receiver, kind: way.kind, index: way.index)
            guard let entry = state.entries[key], !entry.firing.isEmpty else { return nil }
            return entry.timestamp + route.repeatInterval
        }.min()
    }
}
