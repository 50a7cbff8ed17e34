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

    static let configurationKeys =
        [
            ConfigurationKey(
                "file", "path", "An `alertmanager.yml`, in place of the keys below; read again with each reload."),
            ConfigurationKey(
                "external_url", "string",
                "Where people reach this agent, for links in notifications; by default that of `rules`."),
        ] + ForwardingConfiguration.configurationKeys + AlertingConfiguration.configurationKeys

    init() {}

    init(_ reader: MappingReader) {
        externalURL = reader.string("external_url") ?? ""
        let hasRoute = reader.has("file") || AlertingConfiguration.configurationKeys.contains { reader.has($0.name) }
        forwarding = ForwardingConfiguration(reader, hasRoute: hasRoute)
        guard let path = reader.path("file") else {
            if hasRoute || !reader.has("alertmanagers") { configuration = AlertingConfiguration(reader) }
            reader.finish()
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
        reader.finish()
    }
}
