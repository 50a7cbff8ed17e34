import Telemetry

/// All rule groups and how they are doing: what `/api/v1/rules` and `/api/v1/alerts` tell. Times are milliseconds since 1970.
package struct RulesReport: Sendable {
    package struct Rule: Sendable {
        package var definition: RuleDefinition
        package var status: RuleStatus
        /// Those resolved lately included.
        package var alerts: [LabelSet: Alert]

        package init(definition: RuleDefinition, status: RuleStatus, alerts: [LabelSet: Alert]) {
            self.definition = definition
            self.status = status
            self.alerts = alerts
        }

        /// Pending and firing, in the order of their labels.
        package var activeAlerts: [Alert] {
            alerts.values.filter { !$0.isResolved }.sorted { $0.labels.isListed(before: $1.labels) }
        }

        /// The gravest of its alerts' states.
        package var stateName: String {
            if alerts.values.contains(where: \.isFiring) { return "firing" }
            return alerts.values.contains { $0.state == .pending } ? "pending" : "inactive"
        }
    }

    package struct Group: Sendable {
        package var name: String
        package var file: String
        /// Milliseconds.
        package var interval: Int64
        package var limit: Int
        /// Seconds that the last evaluation took.
        package var evaluationTime = 0.0
        /// nil before the first.
        package var lastEvaluation: Int64?
        package var rules: [Rule] = []

        package init(name: String, file: String, interval: Int64, limit: Int) {
            self.name = name
            self.file = file
            self.interval = interval
            self.limit = limit
        }
    }

    /// By file and name.
    package var groups: [Group]

    package init(groups: [Group]) {
        self.groups = groups.sorted { ($0.file, $0.name) < ($1.file, $1.name) }
    }
}
