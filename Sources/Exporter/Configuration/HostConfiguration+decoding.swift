import Configuration

extension HostConfiguration {
    /// The keys of `metrics:` that are the host's.
    package static let configurationKeys = [
        ConfigurationKey(
            "collectors", "mapping",
            "By collector (see [metrics](metrics.md)) `enabled` and its options: "
                + "`{systemd: {enabled: true}, filesystem: {mount_points_exclude: \"^/snap\"}}`."),
        ConfigurationKey(
            "disable_default_collectors", "boolean", default: "false",
            "Run only collectors that have `enabled: true`."),
        ConfigurationKey("paths", "mapping", "Where the host's files are: see [paths](#paths)."),
        ConfigurationKey(
            "collector_sample_limit", "integer", default: "500000",
            "Samples that one collector may have on a page; further ones are left out and counted."),
    ]

    /// Reads the host's keys; the caller has them in its table and reads the rest.
    package init(_ reader: MappingReader) {
        disablesDefaults = reader.bool("disable_default_collectors") ?? disablesDefaults
        sampleLimit = reader.int("collector_sample_limit", in: 1...2_000_000) ?? sampleLimit
        paths = reader.section("paths", PathsSection.self)?.paths ?? paths
        guard let value = reader.value("collectors") else { return }
        let keys = Collectors.all.map { ConfigurationKey($0.name, "mapping", $0.summary) }
        guard let collectors = value.mapping(keys) else { return }
        for collector in Collectors.all { read(collector, in: collectors) }
        collectors.finish()
    }

    private mutating func read(_ collector: CollectorDescription, in reader: MappingReader) {
        guard let value = reader.valueOrNull(collector.name), let section = value.mapping(collector.configurationKeys)
        else { return }
        enabled[collector.name] = section.bool("enabled")
        for option in collector.options {
            for text in option.texts(in: section) {
                do throws(HostConfigurationError) {
                    try set(option, of: collector, to: text)
                } catch {
                    section.report(error.description, at: option.name)
                }
            }
        }
        section.finish()
    }
}

extension CollectorDescription {
    /// The keys of `metrics.collectors.NAME`.
    package var configurationKeys: [ConfigurationKey] {
        [ConfigurationKey("enabled", "boolean", default: "\(isEnabledByDefault)", "Whether it runs.")]
            + options.map { ConfigurationKey($0.name, $0.kind.rawValue, default: $0.defaultValue, $0.doc) }
    }
}

extension CollectorOption {
    /// What the file has for it, as texts that `HostConfiguration.set` takes; empty where it has nothing.
    fileprivate func texts(in reader: MappingReader) -> [String] {
        switch kind {
        case .bool: reader.bool(name).map { ["\($0)"] } ?? []
        case .integer: reader.int(name).map { ["\($0)"] } ?? []
        case .duration: reader.duration(name).map { ["\($0)"] } ?? []
        case .text, .pattern: reader.string(name).map { [$0] } ?? []
        case .texts:
            // One may stand by itself.
            if let value = reader.value(name), case .scalar = value.node.content {
                value.string().map { [$0] } ?? []
            } else {
                reader.strings(name) ?? []
            }
        }
    }
}

/// `metrics.paths:` of the configuration file.
package struct PathsSection: Sendable, ConfigurationSection {
    package var paths = HostPaths()

    package static let configurationKeys = [
        ConfigurationKey("procfs", "path", default: "/proc", "The host's procfs."),
        ConfigurationKey("sysfs", "path", default: "/sys", "The host's sysfs."),
        ConfigurationKey("rootfs", "path", default: "/", "Where the host's file systems are mounted."),
        ConfigurationKey("udev_data", "path", default: "/run/udev/data", "udev's database."),
    ]

    package init(_ reader: MappingReader) {
        paths = HostPaths(
            proc: reader.path("procfs") ?? paths.proc, sys: reader.path("sysfs") ?? paths.sys,
            root: reader.path("rootfs") ?? paths.root, udev: reader.path("udev_data") ?? paths.udev)
        reader.finish()
    }
}
