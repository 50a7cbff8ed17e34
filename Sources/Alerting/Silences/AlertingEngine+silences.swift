import Telemetry

extension AlertingEngine {
    /// Sets a silence; the id under which it is kept.
    package mutating func set(_ silence: Silence, at now: Int64) throws(SilenceError) -> String {
        guard window(silence.id) == nil else { throw .configured }
        var changed = try SilenceRules.set(silence, among: state.silences, at: now, makeID: makeID)
        changed[0] = try bound(changed[0], at: now)
        for silence in changed { record(.silence(silence)) }
        return changed[0].id
    }

    /// Ends a silence; one that is over stays as it is.
    package mutating func expireSilence(_ id: String, at now: Int64) throws(SilenceError) {
        guard window(id) == nil else { throw .configured }
        guard let silence = state.silences[id] else { throw .notFound }
        if let ended = SilenceRules.expired(silence, at: now) { record(.silence(ended)) }
    }

    /// The silences and maintenance windows in force that hold back an alert with these labels, by id.
    package func silences(of labels: LabelSet, at now: Int64) -> [String] {
        SilencesInForce(self, at: now).holding(place(of: labels), labels)
    }

    /// Of a silence that ends with its alerts: those of them that fire now.
    private func bound(_ silence: Silence, at now: Int64) throws(SilenceError) -> Silence {
        var silence = silence
        // Clients that know nothing of annotations drop them when they move a silence's end.
        if let covered = state.silences[silence.id]?.coveredAlerts {
            silence.coveredAlerts = covered
            return silence
        }
        guard let until = silence.annotations[Silence.untilKey] else {
            silence.coveredAlerts = nil
            return silence
        }
        guard until == Silence.untilResolved else {
            throw .invalid("annotation \(Silence.untilKey): expected \(Silence.untilResolved), found \"\(until)\"")
        }
        let covered = state.alerts.filter { !$0.value.isResolved(at: now) && silence.matchers.matches($0.value.labels) }
        if covered.isEmpty { throw .invalid("no alert that fires meets its matchers: there is no end to wait for") }
        silence.coveredAlerts = Set(covered.keys)
        return silence
    }

    /// Lets alerts that ended out of the silences that end with them, and ends those whose alerts all have.
    mutating func releaseResolved(at now: Int64) {
        for silence in state.silences.values {
            guard let covered = silence.coveredAlerts else { continue }
            let left = covered.filter { fires($0, at: now) }
            if left.count == covered.count { continue }
            var changed = silence
            changed.coveredAlerts = left
            if left.isEmpty, let ended = SilenceRules.expired(changed, at: now) { changed = ended }
            record(.silence(changed))
        }
    }

    /// When the first alert ends, unless it comes again, that a silence waits for.
    var nextRelease: Int64 {
        state.silences.values.flatMap { $0.coveredAlerts ?? [] }.compactMap { state.alerts[$0]?.endsAt }.min() ?? .max
    }

    private func fires(_ id: AlertID, at now: Int64) -> Bool {
        state.alerts[id].map { !$0.isResolved(at: now) } ?? false
    }

    private func window(_ id: String) -> MaintenanceWindow? { configuration.maintenance.first { $0.id == id } }
}

/// What holds alerts back at one moment, but for inhibition and the times of routes.
struct SilencesInForce {
    private var silences: [Silence]
    private var windows: [MaintenanceWindow]

    init(_ engine: AlertingEngine, at now: Int64) {
        silences = engine.state.silences.values.filter { $0.state(at: now) == .active }
        windows = engine.configuration.maintenance.filter { $0.isInForce(at: now) }
    }

    var isEmpty: Bool { silences.isEmpty && windows.isEmpty }

    /// The ids of those that hold an alert back, sorted.
    func holding(_ id: AlertID, _ labels: LabelSet) -> [String] {
        if isEmpty { return [] }
        let found = silences.filter { $0.matchers.matches(labels) && $0.coveredAlerts?.contains(id) ?? true }.map(\.id)
        return (found + windows.filter { $0.matchers.matches(labels) }.map(\.id)).sorted()
    }

    /// When the first window ends that holds one of these alerts back.
    func windowEnd(of alerts: [(id: AlertID, alert: TrackedAlert)], at now: Int64) -> Int64? {
        windows.filter { window in alerts.contains { window.matchers.matches($0.alert.labels) } }
            .compactMap { $0.change(after: now) }.min()
    }
}
