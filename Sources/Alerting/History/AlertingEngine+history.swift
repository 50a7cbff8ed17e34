import Telemetry

/// What the engine has to say for the history.
extension AlertingEngine {
    mutating func note(_ kind: HistoryEvent.Kind, _ labels: LabelSet, _ details: LabelSet, at now: Int64) {
        step.events.append(HistoryEvent(time: now, kind, [labels], details))
    }

    /// An alert has come, for the first time or again. Of one that nobody knew an end is no news.
    mutating func noteArrival(_ id: AlertID, _ alert: TrackedAlert, after known: TrackedAlert?, at now: Int64) {
        if alert.isResolved(at: now) {
            if known != nil, endsNoted.insert(id).inserted { note(.ended, alert.labels, [:], at: now) }
        } else {
            endsNoted.remove(id)
            if known?.isResolved(at: now) ?? true {
                note(.received, alert.labels, ["since": APITime.text(alert.startsAt)], at: now)
            }
        }
    }

    mutating func noteGrouping(_ alert: TrackedAlert, _ id: GroupID, at now: Int64) {
        guard let group = groups[id] else { return }
        note(
            .grouped, alert.labels, ["group": group.key, "receiver": tree.routes[group.route].receiver], at: now)
    }

    /// A look at a group: who is held back for another reason than before, and who no longer is. Alerts whose end nobody told
    /// of end with this.
    mutating func noteLook(
        _ group: inout AggregationGroup, ended: [(id: AlertID, alert: TrackedAlert)], held: [EngineStep.Held],
        at now: Int64
    ) {
        for (id, alert) in ended where endsNoted.insert(id).inserted {
            note(.ended, alert.labels, ["reason": "nobody has said for too long that it goes on"], at: now)
        }
        guard !held.isEmpty || !group.held.isEmpty else { return }
        let place: LabelSet = ["group": group.key, "receiver": tree.routes[group.route].receiver]
        var current: [AlertID: Suppression] = [:]
        for entry in held {
            current[entry.alert] = entry.suppression
            guard group.held[entry.alert] != entry.suppression, let alert = state.alerts[entry.alert] else { continue }
            let details: LabelSet = ["reason": entry.suppression.reason, "by": by(entry.suppression)]
            note(.suppressed, alert.labels, place.overridden(by: details), at: now)
        }
        for id in group.held.keys.sorted() where current[id] == nil {
            guard let alert = state.alerts[id], !alert.isResolved(at: now) else { continue }
            note(.released, alert.labels, place, at: now)
        }
        group.held = current
    }

    /// What holds an alert back, in words.
    private func by(_ suppression: Suppression) -> String {
        switch suppression {
        case .inhibited(let source, let rule):
            let labels = state.alerts[source].map { "\($0.labels)" } ?? "\(source)"
            return rule.isEmpty ? labels : "\(labels) (\(rule))"
        case .silenced(let names), .muted(let names), .inactive(let names): return names.joined(separator: ",")
        }
    }
}
