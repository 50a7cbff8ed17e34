import Rules
import Telemetry

/// Decides who is told what, and when: Alertmanager's dispatcher and notification pipeline as a state machine.
///
/// It neither waits nor reads a clock: alerts, results of deliveries and the time come in, and each call leaves in `step` what
/// has to be written and sent. Times are milliseconds since 1970. Where it differs from Alertmanager: a group is looked at
/// when `repeat_interval` is over and not only at multiples of `group_interval`; the way to one receiver that hangs does not
/// keep the others of its group waiting; and what was under way when the process ended counts as perhaps told.
package struct AlertingEngine: Sendable {
    package internal(set) var configuration: AlertingConfiguration
    package internal(set) var tree: RoutingTree
    /// Where people find this Alertmanager.
    package var externalURL: String
    /// All that outlives the process.
    package private(set) var state: AlertingState
    /// What has come of the calls since it was last taken.
    var step = EngineStep()
    /// Ended alerts of which the history knows.
    var endsNoted: Set<AlertID> = []

    var inhibitor: Inhibitor
    var groups: [GroupID: AggregationGroup] = [:]
    /// By receiver's name.
    var receivers: [String: ReceiverSummary] = [:]
    private(set) var underWay: [Int: UnderWay] = [:]
    /// Those of `underWay`.
    private(set) var keysUnderWay: Set<NotificationKey> = []
    private var lastDelivery = 0
    private var nextCollection: Int64
    let makeID: @Sendable () -> String

    struct UnderWay: Sendable {
        var key: NotificationKey
        var group: GroupID
        var entry: NotificationEntry
        /// An earlier attempt of which nobody knows whether it arrived.
        var doubt: NotificationAttempt?
    }

    /// Milliseconds between two removals of what is over.
    static let collectionInterval: Int64 = 30 * 60_000
    /// Milliseconds between two notes that alerts are looked after.
    static let aliveInterval: Int64 = 60_000

    /// - Parameters:
    ///   - state: what was left of an earlier life.
    ///   - makeID: a new UUID for each silence.
    package init(
        _ configuration: AlertingConfiguration, externalURL: String, state: AlertingState = AlertingState(),
        now: Int64, makeID: @escaping @Sendable () -> String = { RandomID.uuid() }
    ) {
        self.configuration = configuration
        self.externalURL = externalURL
        self.state = state
        self.makeID = makeID
        tree = RoutingTree(configuration.route)
        inhibitor = Inhibitor([])
        nextCollection = now + Self.collectionInterval
        extendEnds(at: now)
        record(.alive(now))
        adopt(configuration, at: now)
    }

    /// Takes another configuration; alerts, silences, what was told and what is under way stay.
    package mutating func reconfigure(_ configuration: AlertingConfiguration, at now: Int64) {
        adopt(configuration, at: now)
    }

    /// What has to be written and sent since the last time this was asked for.
    package mutating func takeStep() -> EngineStep {
        defer { step = EngineStep() }
        return step
    }

    mutating func record(_ change: StateChange) {
        state.apply(change)
        step.changes.append(change)
    }

    /// Hands a notification out; its result comes to `finish`.
    mutating func send(_ notification: Notification, _ task: UnderWay, way: Int, deadline: Int64) {
        lastDelivery += 1
        underWay[lastDelivery] = task
        keysUnderWay.insert(task.key)
        step.deliveries.append(
            Delivery(
                id: lastDelivery, receiver: task.key.receiver, way: way, notification: notification,
                memory: task.entry.memory, deadline: deadline))
    }

    mutating func end(_ delivery: Int) -> UnderWay? {
        guard let task = underWay.removeValue(forKey: delivery) else { return nil }
        keysUnderWay.remove(task.key)
        return task
    }

    mutating func hold(_ group: String, _ alert: AlertID, _ suppression: Suppression) {
        step.suppressions.append(EngineStep.Held(groupKey: group, alert: alert, suppression: suppression))
    }

    /// When it has to be called again at the latest. O(number of groups).
    package var nextWake: Int64 {
        let first = groups.values.reduce(min(nextCollection, nextSettling)) { min($0, $1.wake) }
        return groups.isEmpty ? first : min(first, nextRelease, state.lastAlive + Self.aliveInterval)
    }

    /// Takes alerts; `updatedAt` of each says when it came.
    package mutating func receive(_ alerts: some Sequence<TrackedAlert>, at now: Int64) {
        // An alert that ended and comes again is another one to whoever knew of the first.
        releaseResolved(at: now)
        defer { releaseResolved(at: now) }
        for alert in alerts {
            let id = place(of: alert.labels)
            let known = state.alerts[id]
            let merged = known?.followed(by: alert, at: now) ?? alert
            let hadEnded = known?.isResolved(at: now) ?? false
            // Senders go on telling of an end for a while.
            if hadEnded, known?.endsAt == merged.endsAt, known?.startsAt == merged.startsAt { continue }
            if known == nil { inhibitor.insert(id, merged.labels) }
            noteArrival(id, merged, after: known, at: now)
            countChange(id, merged, after: known, at: now)
            var unchanged = known
            unchanged?.endsAt = merged.endsAt
            unchanged?.updatedAt = merged.updatedAt
            if unchanged == merged, !hadEnded, !merged.isResolved(at: now) {
                record(.seen(id, endsAt: merged.endsAt, updatedAt: merged.updatedAt))
            } else {
                record(.alert(id, merged))
            }
            for route in tree.match(merged.labels) { join(route, id, merged, at: now) }
        }
    }

    /// Looks at whatever is due.
    package mutating func advance(to now: Int64) {
        releaseResolved(at: now)
        for (id, group) in groups {
            // A clock that was set back would have everybody wait.
            let route = tree.routes[group.route]
            let latest = now + max(route.groupInterval, route.groupWait)
            if group.nextFlush > latest { groups[id]?.nextFlush = latest }
        }
        settleFlaps(at: now)
        let due = groups.filter { $0.value.wake <= now }
        for (id, _) in due.sorted(by: {
            ($0.value.wake, $0.value.route, $0.value.key) < ($1.value.wake, $1.value.route, $1.value.key)
        }) {
            flush(id, at: now)
        }
        if nextCollection <= now {
            collect(at: now)
            nextCollection = now + Self.collectionInterval
        }
        if !groups.isEmpty, state.lastAlive + Self.aliveInterval <= now { record(.alive(now)) }
    }

    /// Two sets of labels with one fingerprint get places beside one another.
    func place(of labels: LabelSet) -> AlertID {
        var id = AlertID(of: labels)
        while let other = state.alerts[id], other.labels != labels { id = id.next }
        return id
    }

    private mutating func join(_ index: Int, _ id: AlertID, _ alert: TrackedAlert, at now: Int64) {
        let route = tree.routes[index]
        let group = GroupID(route: route.id, labels: route.groupLabels(of: alert.labels))
        let isNew = groups[group] == nil
        if isNew {
            groups[group] = AggregationGroup(
                route: index, key: route.groupKey(group.labels), nextFlush: now + route.groupWait)
        }
        if groups[group]?.members.insert(id).inserted == true { noteGrouping(alert, group, at: now) }
        guard groups[group]?.hasFlushed == false else { return }
        // An alert that has waited for long enough elsewhere does not wait again.
        let isOld = alert.startsAt + route.groupWait < now
        if isOld { groups[group]?.nextFlush = now }
        if isNew || isOld, let changed = groups[group] {
            record(.group(group, nextFlush: changed.nextFlush, hasFlushed: false))
        }
    }
}

extension AlertingEngine {
    /// The alerts that are not over.
    package func firing(at now: Int64) -> [AlertID] {
        state.alerts.filter { !$0.value.isResolved(at: now) }.map(\.key)
    }

    /// The firing alert that holds back those with these labels.
    package func inhibition(of labels: LabelSet, at now: Int64) -> AlertID? {
        inhibitor.source(for: labels, among: state.alerts, at: now)?.0
    }
}
