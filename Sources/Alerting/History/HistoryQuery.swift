import Telemetry

/// What is asked of the history. Times are milliseconds since 1970.
package struct HistoryQuery: Sendable {
    package var since: Int64
    package var until: Int64
    /// The newest so many.
    package var limit: Int
    /// The alert's name; empty for all.
    package var alert: String
    package var matchers: [LabelMatcher]
    /// Empty for all.
    package var kinds: Set<HistoryEvent.Kind>

    package static let largestLimit = 20_000

    package init(
        since: Int64 = .min, until: Int64 = .max, limit: Int = 1000, alert: String = "",
        matchers: [LabelMatcher] = [], kinds: Set<HistoryEvent.Kind> = []
    ) {
        self.since = since
        self.until = until
        self.limit = limit
        self.alert = alert
        self.matchers = matchers
        self.kinds = kinds
    }

    /// From parameters: `start`, `end` (milliseconds), `limit`, `alert`, and any number of `match[]` and `event`.
    package init(_ parameters: [(name: String, value: String)]) throws(MatcherError) {
        self.init()
        for (name, value) in parameters {
            switch name {
            case "start", "end", "limit":
                guard let number = Int64(value) else {
                    throw MatcherError("\(name): expected an integer, found \"\(value)\"")
                }
                switch name {
                case "start": since = number
                case "end": until = number
                default:
                    guard (1...Self.largestLimit).contains(Int(clamping: number)) else {
                        throw MatcherError("limit: expected 1 to \(Self.largestLimit), found \(value)")
                    }
                    limit = Int(clamping: number)
                }
            case "alert": alert = value
            case "match[]": matchers += try MatcherSyntax.matchers(value).matchers
            case "event":
                guard let kind = HistoryEvent.Kind(rawValue: value) else {
                    let known = HistoryEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                    throw MatcherError("event: expected one of \(known), found \"\(value)\"")
                }
                kinds.insert(kind)
            default: continue
            }
        }
    }

    func matches(_ event: HistoryEvent) -> Bool {
        guard event.time >= since, event.time < until, kinds.isEmpty || kinds.contains(event.kind) else { return false }
        if alert.isEmpty, matchers.isEmpty { return true }
        return event.alerts.contains { labels in
            (alert.isEmpty || labels["alertname"] == alert) && matchers.matches(labels)
        }
    }
}
