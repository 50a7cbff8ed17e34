import Configuration
import Exporter

/// `metrics:` of the configuration file.
struct MetricsSection: Sendable, Equatable, ConfigurationSection {
    var host = HostConfiguration()
    var probes: [ProbeConfiguration] = []

    static let configurationKeys =
        HostConfiguration.configurationKeys + [
            ConfigurationKey(
                "probes", "list of probes", default: "[]", "What is asked from outside: see [probes](#probes).")
        ]

    init() {}

    init(_ reader: MappingReader) {
        host = HostConfiguration(reader)
        probes = reader.sections("probes") ?? probes
        for (index, probe) in probes.enumerated()
        where probes[..<index].contains(where: { $0.name == probe.name && $0.job == probe.job }) {
            reader.report("two probes are named \(probe.name): give each its own `name`", at: "probes")
        }
        reader.finish()
    }
}
