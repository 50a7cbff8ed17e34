import Configuration
import Telemetry

extension DockerConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey(
            "host", "URL", default: "unix:///var/run/docker.sock", "dockerd's API, asked only for what has no file."),
        ConfigurationKey("data_root", "path", default: "/var/lib/docker", "dockerd's data root, where the logs are."),
        ConfigurationKey("events", "bool", default: "false", "Listen to the API's event stream too."),
        ConfigurationKey(
            "refresh_interval", "duration", default: "1m", "Time between two looks at the directory of containers."),
        ConfigurationKey("filters", "list", "Which containers; see [filters](#filters)."),
        ConfigurationKey(
            "host_networking_host", "string", default: "localhost", "Address of containers on the host's network."),
        ConfigurationKey("match_first_network", "bool", default: "true", "Labels of the first network only."),
        ConfigurationKey("labels", "mapping of strings", "Labels of every line."),
        .ignored("port", "logs are read from files, no port of a container is asked"),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        host = reader.string("host") ?? host
        dataRoot = reader.path("data_root") ?? dataRoot
        useEvents = reader.bool("events") ?? useEvents
        refreshInterval = reader.duration("refresh_interval", in: 1...86400) ?? refreshInterval
        filters = reader.sections("filters") ?? filters
        hostNetworkingHost = reader.string("host_networking_host") ?? hostNetworkingHost
        matchFirstNetwork = reader.bool("match_first_network") ?? matchFirstNetwork
        labels = reader.labels("labels") ?? labels
        let schemes = ["unix:///", "tcp://", "http://"]
        if !schemes.contains(where: host.hasPrefix) {
            reader.report(
                "host: expected unix:///PATH, tcp://HOST:PORT or http://HOST:PORT, found \"\(host)\"", at: "host")
        }
    }
}

extension DockerConfiguration.Filter: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("name", "`name`, `id`, `label`, `network` or `status`", "What is compared."),
        ConfigurationKey("values", "list of strings", "Accepted values, any of them; a label as `key` or `key=value`."),
    ]

    private enum Name: String, CaseIterable { case name, id, label, network, status }

    package init(_ reader: MappingReader) {
        let name = reader.requiredValue("name")?.choice(Name.self)
        self.init(name: name?.rawValue ?? "", values: reader.requiredValue("values")?.strings() ?? [])
    }
}

extension PodLogsConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("path", "path", default: "/var/log/pods", "Where the kubelet keeps the pods' logs."),
        ConfigurationKey("labels", "mapping of strings", "Labels of every line."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        path = reader.path("path") ?? path
        labels = reader.labels("labels") ?? labels
    }
}

extension PodmanConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey(
            "paths", "list of paths", default: "[/var/lib/containers/storage/overlay-containers]",
            "Container directories of containers/storage."),
        ConfigurationKey("labels", "mapping of strings", "Labels of every line."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        paths = reader.strings("paths") ?? paths
        labels = reader.labels("labels") ?? labels
        for path in paths where !path.hasPrefix("/") {
            reader.report("paths: expected an absolute path, found \"\(path)\"", at: "paths")
        }
    }
}
