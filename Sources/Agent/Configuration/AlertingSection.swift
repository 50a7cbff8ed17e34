import Alerting
import Configuration

/// `alerting:` of the configuration file: Alertmanager's configuration in place, or the path of such a file.
struct AlertingSection: Sendable, ConfigurationSection {
    /// Nil without the section: alerts are only logged.
    var configuration: AlertingConfiguration?
    /// The file that the configuration was read from, if it has one of its own.
    var file: String?
    /// What links in notifications begin with.
    var externalURL = ""

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
        ] + AlertingConfiguration.configurationKeys

    /// Of an entry of `maintenance`.
    static let maintenanceKeys = MaintenanceWindow.configurationKeys

    init() {}

    init(_ reader: MappingReader) {
        externalURL = reader.string("external_url") ?? ""
        defer {
            let known = configuration?.timeIntervals ?? [:]
            configuration?.maintenance = MaintenanceWindow.all(reader.value("maintenance"), known: known)
            reader.finish()
        }
        guard let path = reader.path("file") else {
            configuration = AlertingConfiguration(reader)
            return
        }
        file = path
        for key in AlertingConfiguration.configurationKeys where reader.has(key.name) {
            reader.report("\(key.name): expected it in \(path), or no `file`", at: key.name)
        }
        do throws(ConfigurationError) {
            let read = try ConfigurationFile<AlertingConfiguration>(
                path: path, surroundings: reader.context.surroundings)
            configuration = read.contents
            for warning in read.warnings { reader.warn("\(warning)", at: "file") }
        } catch {
            for problem in error.problems { reader.report("\(problem)", at: "file") }
        }
    }
}
