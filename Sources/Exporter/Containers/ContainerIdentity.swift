import Bytes
import Telemetry

/// What a container is called: what its runtime's files say, apart from what its cgroup says.
struct ContainerIdentity: Equatable {
    var runtime: ContainerRuntime
    /// Without docker's leading slash; the id where Kubernetes is the runtime's user, as Kubernetes' cAdvisor has it.
    var name = ""
    var image = ""
    /// All labels the container has; which are exported is decided elsewhere.
    var labels: [Label] = []
    /// `NAME=value`
    var environment: [String] = []
    var namespace = ""
    var pod = ""
    var container = ""
    /// Whether it is the one that holds its pod's namespaces.
    var isSandbox = false
    /// Whether its network is the host's or another container's.
    var hasForeignNetwork = false
    /// Seconds since 1970.
    var startedAt: Double?
    /// 0 where it is not known.
    var pid = 0
    /// How often it has been started anew; nil where nobody says.
    var restarts: Int?
    /// `starting`, `healthy` or `unhealthy`; empty without a health check.
    var health = ""

    init(_ runtime: ContainerRuntime) { self.runtime = runtime }

    /// What is included and excluded by.
    var filterName: String {
        if pod.isEmpty { return name }
        return container.isEmpty ? "\(namespace)/\(pod)" : "\(namespace)/\(pod)/\(container)"
    }

    /// Labels under which Kubernetes's runtimes keep what a container is part of (kubelet `types`).
    mutating func takeKubernetesLabels() {
        for label in labels {
            switch label.name {
            case "io.kubernetes.pod.namespace": namespace = label.value
            case "io.kubernetes.pod.name": pod = label.value
            case "io.kubernetes.container.name": container = label.value
            case "io.kubernetes.docker.type", "io.cri-containerd.kind":
                isSandbox = label.value == "podsandbox" || label.value == "sandbox"
            default: break
            }
        }
        if container == "POD" {
            container = ""
            isSandbox = true
        }
    }
}

extension ContainerIdentity {
    /// As dockerd describes it.
    init(_ docker: DockerContainer) {
        self.init(.docker)
        name = docker.name.hasPrefix("/") ? String(docker.name.dropFirst()) : docker.name
        image = docker.image
        labels = docker.labels
        environment = docker.environment
        hasForeignNetwork = docker.networkMode == "host" || docker.networkMode.hasPrefix("container:")
        if let nanoseconds = RFC3339.nanoseconds(docker.startedAt), nanoseconds > 0 {
            startedAt = Double(nanoseconds) / 1e9
        }
        pid = docker.pid
        restarts = docker.restartCount
        health = docker.health
        takeKubernetesLabels()
        // Its pod's sandbox has the network; "container:" of an application container must not hide it.
        if isSandbox { hasForeignNetwork = docker.networkMode == "host" }
    }

    init(_ podman: PodmanContainer) {
        self.init(.podman)
        name = podman.name
        image = podman.image
    }
}

extension RFC3339 {
    /// Nanoseconds since 1970 of a time in text; nil where it is none.
    static func nanoseconds(_ text: String) -> Int64? {
        var buffer = ByteBuffer()
        buffer.append(text)
        return parse(buffer.bytes)
    }
}
