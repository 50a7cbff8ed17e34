import Telemetry

/// What all rule groups have in common. Times in milliseconds.
package struct RuleOptions: Sendable, Equatable {
    /// Of groups that name none.
    package var evaluationInterval: Int64 = 60_000
    package var queryOffset: Int64 = 0
    /// What rules do without data that say nothing of it.
    package var noData = NoData.resolve
    /// So long at most an alert is held for want of data.
    package var noDataLimit: Int64 = 3_600_000
    /// What was pending before a downtime longer than that begins anew.
    package var outageTolerance: Int64 = 3_600_000
    /// Between two sendings of one alert.
    package var resendDelay: Int64 = 60_000
    /// Templates see them as `$externalLabels`.
    package var externalLabels = LabelSet()
    /// Before the path of links back to here; without a slash at the end.
    package var externalURL = ""
    /// What `active` may name.
    package var timeIntervals: [String: [TimeInterval]] = [:]

    package init() {}
}

/// What becomes of a rule's alerts when what they are computed from is not there.
package enum NoData: String, Sendable, CaseIterable {
    /// They stay as they are until the data is back, or until the limit.
    case keep
    /// They end, as in Prometheus.
    case resolve
    /// No data is as bad as bad data: pending alerts go on to fire, and a rule that finds nothing at all raises one.
    case fire
}
