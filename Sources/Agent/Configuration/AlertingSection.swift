import Alerting
import Configuration

/// `alerting:` of the configuration file: Alertmanager's configuration in place, or the path of such a file.
struct AlertingSection: Sendable, ConfigurationSection {
    /// Nil where nobody is told from here.
    var configuration: AlertingConfiguration?
    /// Where alerts go besides, or instead.
    var forwarding = ForwardingConfiguration()
    /// The file that the configuration was read from, if it has one of its own.
    var file: String?
    /// What links in notifications begin with.
    var externalURL = ""
    var history = HistorySection()
    var flapping = FlappingConfiguration()
    var heartbeat: HeartbeatConfiguration?

    private static let ownKeys = [
        ConfigurationKey("history", "mapping", "What is kept of what became of alerts: see [history](#history)."),
        ConfigurationKey("flapping", "mapping", "When alerts change too often: see [flapping](#flapping)."),
        ConfigurationKey("heartbeat", "mapping", "Who hears that the agent keeps watch: see [heartbeat](#heartbeat)."),
    ]

    static let configurationKeys =
        [
            ConfigurationKey(
                "file", "path", "An `alertmanager.yml`, in place of the keys below; read again with each reload."),
            ConfigurationKey(
                "external_url", "string",
                "Where people reach this agent, for links in notifications; by default that of `rules`."),
            ConfigurationKey(
                "maintenance", "list of windows",
                "Times that come again and again in which alerts are held back; see [maintenance](#maintenance)."),
        ] + ownKeys + ForwardingConfiguration.configurationKeys + AlertingConfiguration.configurationKeys

    /// Of an entry of `maintenance`.
    static let maintenanceKeys = MaintenanceWindow.configurationKeys

    init() {}

    init(_ reader: MappingReader) {
        externalURL = reader.string("external_url") ?? ""
        history = reader.section("history") ?? history
        flapping = reader.section("flapping") ?? flapping
        heartbeat = reader.section("heartbeat")
        let hasRoute = reader.has("file") || AlertingConfiguration.configurationKeys.contains { reader.has($0.name) }
        forwarding = ForwardingConfiguration(reader, hasRoute: hasRoute)
        defer {
            if flapping.isEnabled { configuration?.flapping = flapping }
            let known = configuration?.timeIntervals ?? [:]
            configuration?.maintenance = MaintenanceWindow.all(reader.value("maintenance"), known: known)
            reader.finish()
        }
        guard let path = reader.path("file") else {
            // Rules have a history, though there be nobody to tell of alerts.
            let isComplete = (Self.ownKeys.map(\.name) + ["alertmanagers"]).contains { reader.has($0) }
            if hasRoute || reader.has("maintenance") || !isComplete { configuration = AlertingConfiguration(reader) }
            return
        }
        file = path
        for key in AlertingConfiguration.configurationKeys where reader.has(key.name) {
            reader.report("\(key.name): expected it in \(path), or no `file`", at: key.name)
        }
        do throws(ConfigurationError) {
            let read = try ConfigurationFile<AlertingConfiguration>(
                path: path, surroundings: reader.context.surroundings, takesFirst: true)
            configuration = read.contents
            for warning in read.warnings { reader.warn("\(warning)", at: "file") }
        } catch {
            for problem in error.problems { reader.report("\(problem)", at: "file") }
        }
    }
}
