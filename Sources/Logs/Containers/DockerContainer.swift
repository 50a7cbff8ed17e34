import Bytes
import Telemetry

/// A container as dockerd describes it, in `config.v2.json` and `hostconfig.json` or through its API.
package struct DockerContainer: Sendable, Equatable {
    package var id: String
    /// With its leading slash.
    package var name: String
    package var image: String
    package var labels: [Label]
    /// The log driver: `json-file`, `local`, `journald`, …
    package var logDriver: String
    package var networkMode: String
    package var networks: [Network]
    package var ports: [Port]
    package var status: Status
    /// When its last run began, as dockerd writes it: another value is another run.
    package var startedAt: String
    package var isTerminal: Bool
    /// As dockerd sees it; empty for drivers without file.
    package var logPath: String

    package enum Status: String, Sendable {
        case created, restarting, running, removing, paused, exited, dead
    }

    package struct Network: Sendable, Equatable {
        package var name: String
        package var id: String
        package var address: String
    }

    package struct Port: Sendable, Equatable {
        package var number: Int
        package var publicNumber: String
        package var publicAddress: String
    }

    /// Whether it may still write: also between two attempts of a restart policy.
    package var isLive: Bool { status == .running || status == .paused || status == .restarting }

    /// `config` is `config.v2.json` or an API answer to `/containers/<id>/json`, which have the same shape but for
    /// `HostConfig`, which is a file of its own on disk.
    package init?(config: JSONValue, hostConfig: JSONValue?) {
        guard let id = config["ID"]?.string ?? config["Id"]?.string, !id.isEmpty else { return nil }
        self.id = id
        name = config["Name"]?.string ?? ""
        let settings = config["Config"]
        image = settings?["Image"]?.string ?? ""
        isTerminal = settings?["Tty"]?.bool ?? false
        labels = (settings?["Labels"]?.members ?? []).compactMap { member in
            member.value.string.map { Label(member.name, $0) }
        }
        logPath = config["LogPath"]?.string ?? ""
        let host = hostConfig ?? config["HostConfig"]
        let driver = host?["LogConfig"]?["Type"]?.string ?? ""
        logDriver = driver.isEmpty && logPath.hasSuffix("-json.log") ? "json-file" : driver
        networkMode = host?["NetworkMode"]?.string ?? ""
        networks = (config["NetworkSettings"]?["Networks"]?.members ?? []).map {
            Network(
                name: $0.name, id: $0.value["NetworkID"]?.string ?? "", address: $0.value["IPAddress"]?.string ?? "")
        }.sorted { $0.name < $1.name }
        ports = (config["NetworkSettings"]?["Ports"]?.members ?? []).compactMap(Self.port).sorted {
            $0.number < $1.number
        }
        status = Self.status(config["State"])
        startedAt = config["State"]?["StartedAt"]?.string ?? ""
    }

    /// `"80/tcp": [{"HostIp": …, "HostPort": …}]`; promtail names TCP ports only.
    private static func port(_ member: JSONValue.Member) -> Port? {
        let parts = member.name.split(separator: "/")
        guard parts.count == 2, parts[1] == "tcp", let number = Int(parts[0]) else { return nil }
        let binding = member.value.elements.first
        return Port(
            number: number, publicNumber: binding?["HostPort"]?.string ?? "",
            publicAddress: binding?["HostIp"]?.string ?? "")
    }

    private static func status(_ state: JSONValue?) -> Status {
        func flag(_ name: String) -> Bool { state?[name]?.bool ?? false }
        if flag("Restarting") { return .restarting }
        if flag("Running") { return flag("Paused") ? .paused : .running }
        if flag("RemovalInProgress") { return .removing }
        if flag("Dead") { return .dead }
        let started = state?["StartedAt"]?.string ?? ""
        return started.isEmpty || started.hasPrefix("0001-") ? .created : .exited
    }

    /// `__meta_docker_*` as promtail's service discovery names them, with the first network and port; and
    /// `__meta_docker_container_image`, which it lacks.
    package func metaLabels(hostNetworkingHost: String) -> LabelSet {
        var result = LabelSet()
        result["__meta_docker_container_id"] = id
        result["__meta_docker_container_name"] = name
        result["__meta_docker_container_image"] = image
        result["__meta_docker_container_network_mode"] = networkMode
        for label in labels {
            result["__meta_docker_container_label_" + LabelName.sanitised(label.name)] = label.value
        }
        let network = networks.first
        result["__meta_docker_network_id"] = network?.id
        result["__meta_docker_network_name"] = network?.name
        result["__meta_docker_network_ip"] = network?.address
        let port = ports.first
        result["__meta_docker_port_private"] = port.map { "\($0.number)" }
        result["__meta_docker_port_public"] = port?.publicNumber
        result["__meta_docker_port_public_ip"] = port?.publicAddress
        let host = networkMode == "host" ? hostNetworkingHost : network?.address ?? ""
        if !host.isEmpty { result["__address__"] = port.map { "\(host):\($0.number)" } ?? host }
        return result
    }
}
