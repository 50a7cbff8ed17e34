import Bytes
import Telemetry

extension DockerContainer {
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
