import Bytes
import Glibc
import Telemetry
import Transport

/// Containers as targets: Prometheus's `docker_sd_configs`, by the Engine API's lists of containers and networks.
final class DockerDiscovery: TargetDiscoverer {
    let period: Double
    private let configuration: DockerDiscoveryConfiguration
    private let userAgent: String
    private let stop: StopToken
    private var last: [TargetGroup]?
    private static let timeout = 10.0
    private static let longestAnswer = 32 << 20

    init(_ configuration: DockerDiscoveryConfiguration, userAgent: String, stop: StopToken) {
        self.configuration = configuration
        self.userAgent = userAgent
        self.stop = stop
        period = configuration.refreshInterval
    }

    func look() throws -> [TargetGroup]? {
        if configuration.isOptional, isAbsent {
            defer { last = [] }
            return last == [] ? nil : []
        }
        let containers = try get("/containers/json\(filters)")
        let networks = try get("/networks")
        let groups = [TargetGroup(targets: DockerTargets(configuration).targets(containers, networks: networks))]
        if groups == last { return nil }
        last = groups
        return groups
    }

    /// Whether there is no such socket.
    private var isAbsent: Bool {
        guard configuration.host.hasPrefix("unix://") else { return false }
        return access(String(configuration.host.dropFirst("unix://".count)), F_OK) != 0 && errno == ENOENT
    }

    private var filters: String {
        guard !configuration.filters.isEmpty else { return "" }
        var json = JSONWriter()
        json.beginObject()
        for (name, values) in configuration.filters.sorted(by: { $0.key < $1.key }) {
            json.key(name)
            json.beginArray()
            for value in values { json.string(value) }
            json.endArray()
        }
        json.endObject()
        return "?filters=" + TargetLabels.escaped(String(decoding: json.written(), as: UTF8.self))
    }

    private func get(_ path: String) throws -> JSONValue {
        let url: String
        if configuration.host.hasPrefix("unix://") {
            url = "unix:\(configuration.host.dropFirst("unix://".count)):\(path)"
        } else if configuration.host.hasPrefix("tcp://") {
            url = "http://\(configuration.host.dropFirst("tcp://".count))\(path)"
        } else {
            url = configuration.host + path
        }
        var client = try HTTPClient(
            HTTPTarget(parsing: url), configuration: configuration.http, userAgent: userAgent)
        var body = ByteBuffer()
        let document = try client.get(
            headers: [HTTPHeader("Accept", "application/json")], timeout: Self.timeout,
            bodyLimit: Self.longestAnswer, stop: stop, into: &body)
        guard document.status == 200, !document.isTooLong else {
            throw DiscoveryError("\(configuration.host): Docker answered \(document.status) for \(path)")
        }
        return try JSONValue(parsing: body.bytes, limit: Self.longestAnswer)
    }
}

/// The targets that a list of containers makes.
package struct DockerTargets {
    private let configuration: DockerDiscoveryConfiguration

    package init(_ configuration: DockerDiscoveryConfiguration) { self.configuration = configuration }

    /// A target per network and TCP port of each container, or one at the fallback port where it has none, with Prometheus's
    /// `__meta_docker_…` labels. `containers` is the answer of `/containers/json`, `networks` that of `/networks`.
    package func targets(_ containers: JSONValue, networks: JSONValue) -> [LabelSet] {
        var byID: [String: JSONValue] = [:]
        for container in containers.elements { byID[container["Id"]?.string ?? ""] = container }
        var networkLabels: [String: LabelSet] = [:]
        for network in networks.elements { networkLabels[network["Id"]?.string ?? ""] = labels(ofNetwork: network) }
        return containers.elements.flatMap { container -> [LabelSet] in
            guard container["Names"]?.elements.first?.string != nil else { return [] }
            if configuration.labelled { return labelled(container, byID, networkLabels) }
            return targets(of: container, byID, networkLabels)
        }
    }

    private func targets(
        of container: JSONValue, _ byID: [String: JSONValue], _ networkLabels: [String: LabelSet]
    ) -> [LabelSet] {
        let common = labels(of: container)
        let mode = container["HostConfig"]?["NetworkMode"]?.string ?? ""
        var result: [LabelSet] = []
        for network in networks(of: container, byID) {
            let ip = address(in: network)
            var base = common.overridden(by: networkLabels[network["NetworkID"]?.string ?? ""] ?? [:])
            base["__meta_docker_network_ip"] = ip
            let host = ip.contains(":") ? "[\(ip)]" : ip
            var hasPort = false
            for port in container["Ports"]?.elements ?? [] where port["Type"]?.string == "tcp" {
                var labels = base
                let number = port["PrivatePort"]?.number.map { Int($0) } ?? 0
                labels["__meta_docker_port_private"] = "\(number)"
                if let open = port["PublicPort"]?.number, open > 0 {
                    labels["__meta_docker_port_public"] = "\(Int(open))"
                    labels["__meta_docker_port_public_ip"] = port["IP"]?.string
                }
                labels["__address__"] = "\(host):\(number)"
                hasPort = true
                // The same port is listed once per address family it is published at.
                if !result.contains(labels) { result.append(labels) }
            }
            if !hasPort {
                base["__address__"] =
                    mode == "host" ? configuration.hostNetworkingHost : "\(host):\(configuration.port)"
                result.append(base)
            }
        }
        return result
    }

    /// The one target of a container that asks for it by its labels.
    private func labelled(
        _ container: JSONValue, _ byID: [String: JSONValue], _ networkLabels: [String: LabelSet]
    ) -> [LabelSet] {
        let wanted = container["Labels"]
        let port = wanted?["prometheus.io/port"]?.string.flatMap { Int($0) }.flatMap {
            (1...65535).contains($0) ? $0 : nil
        }
        let scrape = wanted?["prometheus.io/scrape"]?.string
        guard scrape == "true" || (scrape == nil && port != nil),
            var target = targets(of: container, byID, networkLabels).first, let address = target["__address__"]
        else { return [] }
        if let port {
            let host = address.lastIndex(of: ":").map { address[..<$0] } ?? address[...]
            target["__address__"] = "\(host):\(port)"
            target["__meta_docker_port_private"] = "\(port)"
        }
        if let path = wanted?["prometheus.io/path"]?.string, path.hasPrefix("/") { target["__metrics_path__"] = path }
        if let scheme = wanted?["prometheus.io/scheme"]?.string, scheme == "https" { target["__scheme__"] = scheme }
        let name = container["Names"]?.elements.first?.string ?? ""
        target["container"] = name.hasPrefix("/") ? String(name.dropFirst()) : name
        return [target]
    }

    private func labels(of container: JSONValue) -> LabelSet {
        let prefix = "__meta_docker_container_"
        var labels = LabelSet()
        labels[prefix + "id"] = container["Id"]?.string
        labels[prefix + "name"] = container["Names"]?.elements.first?.string
        labels[prefix + "image"] = container["Image"]?.string
        labels[prefix + "image_id"] = container["ImageID"]?.string
        labels[prefix + "network_mode"] = container["HostConfig"]?["NetworkMode"]?.string
        for member in container["Labels"]?.members ?? [] {
            labels[prefix + "label_" + Self.sanitized(member.name)] = member.value.string
        }
        return labels
    }

    private func labels(ofNetwork network: JSONValue) -> LabelSet {
        let prefix = "__meta_docker_network_"
        var labels = LabelSet()
        labels[prefix + "id"] = network["Id"]?.string
        labels[prefix + "name"] = network["Name"]?.string
        labels[prefix + "scope"] = network["Scope"]?.string
        labels[prefix + "internal"] = network["Internal"]?.bool == true ? "true" : "false"
        labels[prefix + "ingress"] = network["Ingress"]?.bool == true ? "true" : "false"
        for member in network["Labels"]?.members ?? [] {
            labels[prefix + "label_" + Self.sanitized(member.name)] = member.value.string
        }
        return labels
    }

    /// Those of the container whose network it shares, where it has none of its own.
    private func networks(of container: JSONValue, _ byID: [String: JSONValue]) -> [JSONValue] {
        var current = container
        var members = current["NetworkSettings"]?["Networks"]?.members ?? []
        var steps = 0
        while members.isEmpty, steps < 8, let mode = current["HostConfig"]?["NetworkMode"]?.string,
            mode.hasPrefix("container:"), let next = byID[String(mode.dropFirst("container:".count))]
        {
            current = next
            members = next["NetworkSettings"]?["Networks"]?.members ?? []
            steps += 1
        }
        let sorted = members.filter { $0.value != .null }.sorted { $0.name < $1.name }
        return (configuration.matchFirstNetwork ? sorted.prefix(1) : sorted[...]).map(\.value)
    }

    private func address(in network: JSONValue) -> String {
        let four = network["IPAddress"]?.string ?? ""
        return four.isEmpty ? network["GlobalIPv6Address"]?.string ?? "" : four
    }

    /// `com.docker.x` as `com_docker_x`.
    private static func sanitized(_ name: String) -> String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") ? $0 : "_" })
    }
}
