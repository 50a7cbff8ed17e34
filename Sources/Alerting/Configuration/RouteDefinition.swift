import Telemetry

/// A node of the route tree as the file has it: what is nil is inherited from the node above.
package struct RouteDefinition: Sendable {
    /// By which labels alerts are put together.
    package enum Grouping: Sendable, Equatable {
        case labels(Set<String>)
        /// `...`: every alert for itself.
        case all
    }

    package var receiver: String?
    package var grouping: Grouping?
    /// Sorted as Alertmanager sorts them.
    package var matchers: [LabelMatcher] = []
    package var isContinuing = false
    /// Milliseconds.
    package var groupWait: Int64?
    package var groupInterval: Int64?
    package var repeatInterval: Int64?
    /// Not inherited.
    package var muteTimeIntervals: [String] = []
    package var activeTimeIntervals: [String] = []
    /// Texts of templates that receivers' templates can ask for.
    package var labels = LabelSet()
    package var routes: [RouteDefinition] = []

    package init() {}
}
