import Telemetry

/// Alerts that meet all matchers are not told of from its beginning to its end. Times are milliseconds since 1970.
package struct Silence: Sendable {
    package enum State: String, Sendable, CaseIterable {
        case active, pending, expired
    }

    /// A UUID; empty for one that has none yet.
    package var id: String
    package var matchers: [LabelMatcher]
    package var startsAt: Int64
    package var endsAt: Int64
    package var updatedAt: Int64
    package var createdBy: String
    package var comment: String
    package var annotations: LabelSet

    package init(
        id: String = "", matchers: [LabelMatcher], startsAt: Int64, endsAt: Int64, updatedAt: Int64 = 0,
        createdBy: String, comment: String, annotations: LabelSet = [:]
    ) {
        self.id = id
        self.matchers = matchers
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.updatedAt = updatedAt
        self.createdBy = createdBy
        self.comment = comment
        self.annotations = annotations
    }

    package func state(at now: Int64) -> State {
        if now < startsAt { return .pending }
        return now < endsAt ? .active : .expired
    }
}

extension Silence: Equatable {
    package static func == (a: Silence, b: Silence) -> Bool {
        a.id == b.id && a.matchers.isSame(as: b.matchers) && a.startsAt == b.startsAt && a.endsAt == b.endsAt
            && a.updatedAt == b.updatedAt && a.createdBy == b.createdBy && a.comment == b.comment
            && a.annotations == b.annotations
    }
}
