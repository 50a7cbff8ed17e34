import Rules
import Telemetry

/// How often an alert has begun and ended of late. Times are milliseconds since 1970.
package struct FlapRecord: Sendable, Equatable {
    /// Oldest first, the last `mostChanges` within the window.
    package var changes: [Int64] {
        get { first == Self.none ? [] : [first] + later }
        set {
            first = newValue.first ?? Self.none
            later = Array(newValue.dropFirst())
        }
    }
    // Most alerts change once: that takes no memory of its own.
    private var first = FlapRecord.none
    private var later: [Int64] = []
    private static let none = Int64.min
    /// Its state after the last of them.
    package var isFiring: Bool
    /// Since when it has been flapping; nil while it does not.
    package var since: Int64?

    package static let mostChanges = 64

    package init(isFiring: Bool) { self.isFiring = isFiring }

    mutating func add(_ time: Int64, isFiring: Bool, window: Int64) {
        self.isFiring = isFiring
        changes.append(time)
        let start = time - window
        changes.removeAll { $0 < start }
        if changes.count > Self.mostChanges { changes.removeFirst(changes.count - Self.mostChanges) }
    }

    /// `7 changes in 30m`
    func text(_ configuration: FlappingConfiguration) -> String {
        "\(changes.count) changes in \(PrometheusDuration.text(Int64(configuration.window * 1000)))"
    }
}

extension AlertID {
    /// What a flapping alert is called among those that receivers were told of: so that both the flapping and the state
    /// in which it settles are news to them, and nothing in between.
    var flapping: AlertID { AlertID(rawValue: rawValue ^ 0x9e37_79b9_7f4a_7c15) }
}

extension AlertingEngine {
    func isFlapping(_ id: AlertID) -> Bool { state.flaps[id]?.since != nil }

    /// Whether an alert counts as ended; one that flaps goes on until it has settled.
    func isOver(_ id: AlertID, _ alert: TrackedAlert, at now: Int64) -> Bool {
        alert.isResolved(at: now) && !isFlapping(id)
    }

    /// What receivers are said to have been told of.
    func told(_ id: AlertID) -> AlertID { isFlapping(id) ? id.flapping : id }

    /// What receivers are given of an alert.
    func notice(_ id: AlertID, _ alert: TrackedAlert, at now: Int64) -> AlertNotice {
        var notice = alert.notice(at: now)
        if let rule = configuration.flapping, let flap = state.flaps[id], flap.since != nil {
            notice.state = .firing
            notice.annotations.keep("flapping", flap.text(rule))
        }
        return notice
    }

    /// Counts a beginning or an end, if what has come is one.
    mutating func countChange(_ id: AlertID, _ alert: TrackedAlert, after known: TrackedAlert?, at now: Int64) {
        guard let rule = configuration.flapping else { return }
        let window = Int64(rule.window * 1000)
        let before = state.flaps[id]
        var flap = before ?? FlapRecord(isFiring: known.map { $0.endsAt > $0.updatedAt } ?? false)
        // It ended because nobody said that it goes on.
        if flap.isFiring, let known, known.isResolved(at: now) {
            flap.add(known.endsAt, isFiring: false, window: window)
        }
        let isFiring = !alert.isResolved(at: now)
        if flap.isFiring != isFiring { flap.add(now, isFiring: isFiring, window: window) }
        guard flap.changes != before?.changes ?? [] else { return }
        judge(id, &flap, alert.labels, rule, at: now)
    }

    private mutating func judge(
        _ id: AlertID, _ flap: inout FlapRecord, _ labels: LabelSet, _ rule: FlappingConfiguration, at now: Int64
    ) {
        if flap.since != nil {
            step.changesHeld += 1
            note(
                .suppressed, labels, ["reason": "flapping", "changes": flap.text(rule)], at: now)
        } else if flap.changes.count >= rule.changes {
            flap.since = now
            note(.flapping, labels, ["changes": flap.text(rule)], at: now)
        }
        record(.flap(id, flap))
    }

    /// Alerts that have not changed for long enough no longer flap: the next look at their groups tells their state.
    mutating func settleFlaps(at now: Int64) {
        guard !state.flaps.isEmpty else { return }
        guard let rule = configuration.flapping else {
            for id in state.flaps.keys { record(.flap(id, nil)) }
            return
        }
        for (id, var flap) in state.flaps where flap.since != nil {
            guard let alert = state.alerts[id] else {
                record(.flap(id, nil))
                continue
            }
            if flap.isFiring, alert.isResolved(at: now) {
                flap.add(alert.endsAt, isFiring: false, window: Int64(rule.window * 1000))
                judge(id, &flap, alert.labels, rule, at: now)
            }
            if (flap.changes.last ?? 0) + Int64(rule.settle * 1000) <= now {
                note(.settled, alert.labels, ["reason": flap.isFiring ? "it fires" : "it is over"], at: now)
                record(.flap(id, nil))
            }
        }
    }

    /// When the first of those that flap may have settled.
    var nextSettling: Int64 {
        guard !state.flaps.isEmpty, let rule = configuration.flapping else { return .max }
        return state.flaps.values.reduce(Int64.max) { first, flap in
            flap.since == nil ? first : min(first, (flap.changes.last ?? 0) + Int64(rule.settle * 1000))
        }
    }

    /// Forgets the changes of alerts that have been as they are for long.
    mutating func collectFlaps(at now: Int64) {
        let window = Int64((configuration.flapping?.window ?? 0) * 1000)
        for (id, flap) in state.flaps where flap.since == nil && (flap.changes.last ?? 0) + window < now {
            record(.flap(id, nil))
        }
    }
}
