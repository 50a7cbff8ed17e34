import Configuration
import Exporter

/// `metrics:` of the configuration file.
struct MetricsSection: Sendable, Equatable, ConfigurationSection {
    var host = HostConfiguration()

    static let configurationKeys = HostConfiguration.configurationKeys

    init() {}

    init(_ reader: MappingReader) {
        host = HostConfiguration(reader)
        reader.finish()
    }
}
