import Configuration
import Telemetry

/// What Alertmanager's configuration file says about whom to tell, when, and when not.
package struct AlertingConfiguration: Sendable {
    /// Milliseconds after which an alert that came without an end counts as ended unless it comes again.
    package var resolveTimeout: Int64 = 300_000
    package var route = RouteDefinition()
    package var receivers: [ReceiverSummary] = []
    package var inhibitRules: [InhibitRule] = []
    package var timeIntervals: [String: [TimeInterval]] = [:]
    /// Globs of files with templates, as seen from the file's directory.
    package var templates: [String] = []

    package init() {}
}

extension AlertingConfiguration: ConfigurationSection {
    package static let configurationKeys = [
        ConfigurationKey("global", "section", "What all receivers share."),
        ConfigurationKey("templates", "list of globs", "Files with templates."),
        ConfigurationKey("route", "route", "The root of the routing tree: it takes every alert."),
        ConfigurationKey("receivers", "list of receivers", "Who can be told, and how."),
        ConfigurationKey("inhibit_rules", "list of rules", "Which alerts hold others back."),
        ConfigurationKey("time_intervals", "list of {name, time_intervals}", "Times that routes may name."),
        ConfigurationKey("mute_time_intervals", "list of {name, time_intervals}", "Older name of `time_intervals`."),
        .ignored("event_recorder", "what happens is in the history of alerts"),
        .ignored("tracing", "nothing is traced here"),
    ]

    package init(_ reader: MappingReader) { self.init(reader, receivers: ReceiverNames.read) }

    /// - Parameter receivers: reads `receivers` and `global`.
    init(_ reader: MappingReader, receivers read: (MappingReader) -> ReceiverNames) {
        self.init()
        let found = read(reader)
        receivers = found.receivers
        if let timeout = found.resolveTimeout { resolveTimeout = timeout }
        templates = reader.value("templates")?.items()?.compactMap { $0.literal().map(reader.context.resolve) } ?? []
        timeIntervals = NamedTimeInterval.all(reader)
        inhibitRules = reader.sections("inhibit_rules", InhibitRule.self) ?? []
        let names = RouteNames(receivers: Set(receivers.map(\.name)), intervals: Set(timeIntervals.keys))
        guard let root = reader.value("route") else {
            reader.report("no routes provided", at: reader.has("route") ? "route" : nil)
            return
        }
        if let mapping = root.mapping(RouteDefinition.configurationKeys) {
            route = RouteDefinition(mapping, names: names, isRoot: true)
            mapping.finish()
        }
    }
}
