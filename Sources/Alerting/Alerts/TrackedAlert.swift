import Rules
import Telemetry

/// An alert as it is known here. Times are milliseconds since 1970.
package struct TrackedAlert: Sendable, Equatable {
    package var labels: LabelSet
    package var annotations: LabelSet
    package var startsAt: Int64
    /// When it ended, or will count as ended unless it comes again.
    package var endsAt: Int64
    /// When it last came.
    package var updatedAt: Int64
    /// Whether its sender gave no end and `endsAt` is `resolve_timeout` away.
    package var hasTimeout = false
    package var generatorURL = ""
    /// Where the sender told it: the value for which it fired last, and what was measured at its end.
    package var value: Double?
    package var resolvedValue: Double?

    package init(labels: LabelSet, annotations: LabelSet = [:], startsAt: Int64, endsAt: Int64, updatedAt: Int64) {
        self.labels = labels
        self.annotations = annotations
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.updatedAt = updatedAt
    }

    /// What a rule of this host has to say.
    package init(_ notice: AlertNotice, at now: Int64) {
        self.init(
            labels: notice.labels, annotations: notice.annotations, startsAt: notice.startsAt, endsAt: notice.endsAt,
            updatedAt: now)
        generatorURL = notice.generatorURL
        value = notice.value.isNaN ? nil : notice.value
        resolvedValue = notice.resolvedValue
    }

    package func isResolved(at now: Int64) -> Bool { endsAt <= now }

    /// What receivers are given of it.
    func notice(at now: Int64) -> AlertNotice {
        AlertNotice(
            labels: labels, annotations: annotations, state: isResolved(at: now) ? .resolved : .firing,
            startsAt: startsAt, endsAt: endsAt, generatorURL: generatorURL, value: value ?? .nan,
            resolvedValue: resolvedValue)
    }

    /// One with the same labels that came after this one: a continuation where the two overlap, otherwise itself.
    func followed(by newer: TrackedAlert, at now: Int64) -> TrackedAlert {
        let overlaps =
            (newer.endsAt > startsAt && newer.endsAt < endsAt) || (newer.startsAt > startsAt && newer.startsAt < endsAt)
        guard overlaps else { return newer }
        var result = newer
        result.startsAt = min(startsAt, newer.startsAt)
        if newer.isResolved(at: now) {
            // Of two ends that are over the later one counts.
            if isResolved(at: now) { result.endsAt = max(endsAt, newer.endsAt) }
        } else if !hasTimeout {
            // An end that somebody gave counts for more than one that we made up.
            result.endsAt = max(endsAt, newer.endsAt)
        }
        return result
    }
}
