import Telemetry

/// The alerts of one rule and how they go on from one evaluation to the next: Prometheus's state machine
/// (`rules/alerting.go`, `Eval`), without anything around it.
struct AlertSet: Sendable {
    /// Something that an evaluation found.
    struct Finding: Sendable {
        var labels: LabelSet
        var source: LabelSet
        var annotations: LabelSet
        var value: Double
    }

    /// Why an evaluation did not find an alert that was there.
    enum Absence: Sendable, Equatable {
        /// Its condition is not met, or its data is missing, which ends it; what was measured, where that is known.
        case ended(value: Double?, lacksData: Bool = false)
        /// Its data is missing, which changes nothing.
        case held
        /// Its data is missing, which counts as its condition.
        case counted
    }

    /// Milliseconds.
    struct Times: Sendable {
        var hold: Int64
        var keepFiring: Int64
    }

    private(set) var alerts: [LabelSet: Alert] = [:]
    /// Labels of those that the last step changed, added or took away.
    private(set) var changed: Set<LabelSet> = []
    private(set) var transitions: [AlertTransition] = []

    init(_ alerts: some Sequence<Alert> = []) {
        for alert in alerts { self.alerts[alert.labels] = alert }
    }

    /// Pending and firing.
    var activeCount: Int { alerts.values.count { !$0.isResolved } }

    /// One evaluation at `time`: what it found, and of each alert it did not find, why.
    ///
    /// - Parameter resolve: the annotations of an alert that ends, from what was measured.
    mutating func step(
        _ findings: [Finding], at time: Int64, _ times: Times, absence: (Alert) -> Absence,
        resolve: (Alert) -> LabelSet
    ) {
        changed.removeAll(keepingCapacity: true)
        transitions.removeAll(keepingCapacity: true)
        var found: Set<LabelSet> = []
        for finding in findings {
            found.insert(finding.labels)
            if var alert = alerts[finding.labels], !alert.isResolved {
                guard
                    alert.value.bitPattern != finding.value.bitPattern || alert.annotations != finding.annotations
                        || alert.source != finding.source || alert.heldSince != nil
                else { continue }
                alert.value = finding.value
                alert.annotations = finding.annotations
                alert.source = finding.source
                alert.heldSince = nil
                put(alert)
            } else {
                put(
                    Alert(
                        labels: finding.labels, source: finding.source, annotations: finding.annotations,
                        state: .pending, activeAt: time, value: finding.value))
                if times.hold > 0 { note(finding.labels, time, "inactive", "pending", "the condition is met") }
            }
        }
        for alert in Array(alerts.values) {
            if found.contains(alert.labels) {
                advance(alert, at: time, times)
            } else {
                miss(alert, at: time, times, absence, resolve)
            }
        }
    }

    /// What is found goes on: to firing when it has been there for long enough.
    private mutating func advance(_ alert: Alert, at time: Int64, _ times: Times, because reason: String = "") {
        var alert = alert
        switch alert.state {
        case .pending where time - alert.activeAt >= times.hold:
            let isNew = alert.activeAt == time
            alert.state = .firing(since: time, keptSince: nil)
            put(alert)
            let cause = times.hold == 0 ? "the condition is met" : "the condition has held for long enough"
            note(
                alert.labels, time, isNew && times.hold == 0 ? "inactive" : "pending", "firing",
                reason.isEmpty ? cause : reason)
        case .firing(let since, .some):
            alert.state = .firing(since: since, keptSince: nil)
            put(alert)
        default: break
        }
    }

    private mutating func miss(
        _ alert: Alert, at time: Int64, _ times: Times, _ absence: (Alert) -> Absence, _ resolve: (Alert) -> LabelSet
    ) {
        if case .resolved(_, let end) = alert.state {
            if time - end > Alert.resolvedRetention { remove(alert.labels) }
            return
        }
        var alert = alert
        switch absence(alert) {
        case .held:
            if alert.heldSince == nil {
                alert.heldSince = time
                put(alert)
            }
        case .counted:
            if alert.heldSince == nil {
                alert.heldSince = time
                put(alert)
            }
            advance(alert, at: time, times, because: "its data is missing, which counts as its condition")
        case .ended(let value, let lacksData):
            guard case .firing(let since, let keptSince) = alert.state else {
                remove(alert.labels)
                note(alert.labels, time, "pending", "inactive", "the condition ended before it fired", alert.value)
                return
            }
            if times.keepFiring > 0 {
                let start = keptSince ?? time
                if time - start < times.keepFiring {
                    guard keptSince == nil || alert.heldSince != nil else { return }
                    alert.state = .firing(since: since, keptSince: start)
                    alert.heldSince = nil
                    put(alert)
                    return
                }
            }
            let reason = lacksData ? "its data is missing" : "the condition is not met"
            end(alert, since: since, at: time, value: value, because: reason, resolve)
        }
    }

    private mutating func end(
        _ alert: Alert, since: Int64, at time: Int64, value: Double?, because reason: String,
        _ resolve: (Alert) -> LabelSet
    ) {
        var alert = alert
        alert.state = .resolved(since: since, at: time)
        alert.heldSince = nil
        alert.resolvedValue = value
        alert.annotations = resolve(alert)
        put(alert)
        note(alert.labels, time, "firing", "inactive", reason, value)
    }

    /// Ends all that is active, whatever its condition; what is pending goes.
    mutating func endAll(at time: Int64, because reason: String) {
        changed.removeAll(keepingCapacity: true)
        transitions.removeAll(keepingCapacity: true)
        for alert in Array(alerts.values) {
            switch alert.state {
            case .pending:
                remove(alert.labels)
                note(alert.labels, time, "pending", "inactive", reason, alert.value)
            case .firing(let since, _):
                end(alert, since: since, at: time, value: nil, because: reason) { $0.annotations }
            case .resolved(_, let end):
                if time - end > Alert.resolvedRetention { remove(alert.labels) }
            }
        }
    }

    /// Forgets everything, as a rule does that exceeds its limit.
    mutating func removeAll() {
        changed.formUnion(alerts.keys)
        alerts.removeAll()
        transitions.removeAll()
    }

    /// Brings alerts that have fired in line with a longer `for`, and begins anew what was pending before a downtime of more
    /// than `tolerance` from `last` on. All times in milliseconds. Returns what fired and is pending again, as it was.
    mutating func resume(at time: Int64, last: Int64?, tolerance: Int64, hold: Int64) -> [Alert] {
        changed.removeAll(keepingCapacity: true)
        transitions.removeAll(keepingCapacity: true)
        var demoted: [Alert] = []
        for var alert in Array(alerts.values) {
            switch alert.state {
            case .pending:
                guard let last, time - last > tolerance else { continue }
                alert.activeAt = time
                put(alert)
            case .firing:
                guard time - alert.activeAt < hold else { continue }
                demoted.append(alert)
                alert.state = .pending
                alert.lastSent = nil
                put(alert)
                note(alert.labels, time, "firing", "pending", "the rule's `for` has become longer")
            case .resolved: break
            }
        }
        return demoted
    }

    /// Notes that these have been sent.
    mutating func markSent(_ labels: LabelSet, at time: Int64) {
        guard var alert = alerts[labels] else { return }
        alert.lastSent = time
        put(alert)
    }

    mutating func forgetChanges() { changed.removeAll(keepingCapacity: true) }

    private mutating func put(_ alert: Alert) {
        alerts[alert.labels] = alert
        changed.insert(alert.labels)
    }

    private mutating func remove(_ labels: LabelSet) {
        alerts[labels] = nil
        changed.insert(labels)
    }

    private mutating func note(
        _ labels: LabelSet, _ time: Int64, _ from: String, _ to: String, _ reason: String, _ value: Double? = nil
    ) {
        transitions.append(
            AlertTransition(
                time: time, labels: labels, from: from, to: to, value: value ?? alerts[labels]?.value ?? .nan,
                reason: reason))
    }
}
