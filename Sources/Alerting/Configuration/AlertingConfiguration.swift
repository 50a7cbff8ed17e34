import Configuration
import Rules
import Telemetry

/// What Alertmanager's configuration file says about whom to tell, when, and when not.
package struct AlertingConfiguration: Sendable {
    package var global = GlobalConfiguration()
    package var route = RouteDefinition()
    package var definitions: [ReceiverDefinition] = []
    /// What routing knows of them.
    package var receivers: [ReceiverSummary] = []
    package var inhibitRules: [InhibitRule] = []
    package var timeIntervals: [String: [TimeInterval]] = [:]
    /// When alerts change too often; nil tells of every change, as Alertmanager does.
    package var flapping: FlappingConfiguration?
    /// Not of Alertmanager's file.
    package var maintenance: [MaintenanceWindow] = []
    /// The default templates, and those of the files that `templates` names.
    package var templates: NotificationTemplates?

    package init() {}

    /// Milliseconds after which an alert that came without an end counts as ended unless it comes again.
    package var resolveTimeout: Int64 { Int64(global.resolveTimeout * 1000) }

    /// What delivers, by receiver; `receivers` then knows the ways that there are.
    package mutating func makeIntegrations(_ environment: ReceiverEnvironment) -> [String: [any Integration]] {
        var result: [String: [any Integration]] = [:]
        for definition in definitions { result[definition.name] = definition.integrations(global, environment) }
        receivers = definitions.map {
            ReceiverSummary(name: $0.name, labels: $0.labels, integrations: result[$0.name] ?? [])
        }
        return result
    }
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
        .ignored("event_recorder", "nothing is recorded that way here"),
        .ignored("tracing", "nothing is traced here"),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        global = reader.section("global") ?? global
        templates = Self.templates(reader)
        readReceivers(reader)
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

    private mutating func readReceivers(_ reader: MappingReader) {
        for definition in reader.sections("receivers", ReceiverDefinition.self) ?? [] where !definition.name.isEmpty {
            if receivers.contains(where: { $0.name == definition.name }) {
                reader.context.report(
                    "notification config name \"\(definition.name)\" is not unique", at: definition.position)
                continue
            }
            if let templates { definition.check(global, templates, reader.context) }
            definitions.append(definition)
            receivers.append(ReceiverSummary(name: definition.name, labels: definition.labels))
        }
    }

    /// nil, and reported, where a file cannot be read or used.
    private static func templates(_ reader: MappingReader) -> NotificationTemplates? {
        var files: [(name: String, text: String)] = []
        let globs = reader.value("templates")?.items()?.compactMap { $0.literal().map(reader.context.resolve) } ?? []
        for path in RuleFile.paths(matching: globs) {
            switch reader.context.surroundings.read(path) {
            case .success(let bytes): files.append((path, String(decoding: bytes, as: UTF8.self)))
            case .failure(let failure):
                reader.report("\(path) cannot be read: \(failure.reason)", at: "templates")
                return nil
            }
        }
        do throws(TemplateError) {
            return try NotificationTemplates(files: files)
        } catch {
            reader.report("\(error)", at: "templates")
            return nil
        }
    }
}
