import Bytes

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
    /// Of its first process in dockerd's PID namespace; 0 while it does not run.
    package var pid: Int
    /// How often the restart policy has started it anew.
    package var restartCount: Int
    /// Whether its last run ended by the kernel's OOM killer.
    package var isOOMKilled: Bool
    /// Of its last run that ended.
    package var exitCode: Int
    /// `starting`, `healthy` or `unhealthy`; empty without a health check.
    package var health: String
    /// `NAME=value` each.
    package var environment: [String]

    package enum Status: String, Sendable, CaseIterable {
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
        let state = config["State"]
        startedAt = state?["StartedAt"]?.string ?? ""
        pid = Self.whole(state?["Pid"])
        exitCode = Self.whole(state?["ExitCode"])
        restartCount = Self.whole(config["RestartCount"])
        isOOMKilled = state?["OOMKilled"]?.bool ?? false
        let health = state?["Health"]?["Status"]?.string ?? ""
        self.health = health == "none" ? "" : health
        environment = (settings?["Env"]?.elements ?? []).compactMap(\.string)
    }

    private static func whole(_ value: JSONValue?) -> Int {
        value?.number.flatMap { Int(exactly: $0) } ?? 0
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
}
