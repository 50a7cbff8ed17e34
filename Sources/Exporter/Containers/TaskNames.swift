import Bytes
import Telemetry

/// What containerd, nerdctl and CRI-O know about a container, from the runtime configuration (OCI `config.json`) that each keeps for a
/// running one: its annotations. Asked once for each container.
final class TaskNames {
    /// Namespaces of containerd's tasks: `k8s.io`, `default`, `moby`.
    private let tasks: HostDirectory
    private let crio: String

    init(paths: HostPaths) {
        tasks = HostDirectory(paths.root("/run/containerd/io.containerd.runtime.v2.task"), onlyDirectories: true)
        crio = paths.root("/run/containers/storage/overlay-containers")
    }

    /// Nil where none of them has it, or it may not be read.
    func identity(_ id: String, _ runtime: ContainerRuntime, _ reader: inout HostReader) -> ContainerIdentity? {
        if runtime != .crio {
            do throws(HostFileError) {
                try tasks.refresh()
            } catch {
                if !error.isAbsent { reader.odd("\(error): containerd's containers have no names") }
            }
            for namespace in tasks.names.prefix(64) {
                let path = "\(tasks.path)/\(namespace)/\(id)/config.json"
                if let configuration = RuntimeFile.read(path, &reader) {
                    return Self.containerd(configuration, id: id, namespace: namespace)
                }
            }
        }
        return RuntimeFile.read("\(crio)/\(id)/userdata/config.json", &reader).map { Self.crio($0, id: id) }
    }

    /// Annotations of containerd's CRI plugin (`pkg/cri/annotations`) and of nerdctl (`pkg/labels`).
    static func containerd(_ configuration: JSONValue, id: String, namespace: String) -> ContainerIdentity {
        var identity = ContainerIdentity(.containerd)
        identity.labels = annotations(configuration)
        identity.name = namespace == "k8s.io" ? id : ""
        for annotation in identity.labels {
            switch annotation.name {
            case "io.kubernetes.cri.container-name": identity.container = annotation.value
            case "io.kubernetes.cri.sandbox-name": identity.pod = annotation.value
            case "io.kubernetes.cri.sandbox-namespace": identity.namespace = annotation.value
            case "io.kubernetes.cri.image-name": identity.image = annotation.value
            case "io.kubernetes.cri.container-type": identity.isSandbox = annotation.value == "sandbox"
            case "nerdctl/name":
                identity.runtime = .nerdctl
                identity.name = annotation.value
            case "nerdctl/image-ref": identity.image = annotation.value
            default: break
            }
        }
        if identity.name.isEmpty { identity.name = id }
        if identity.isSandbox { identity.container = "" }
        return identity
    }

    /// Annotations of CRI-O (`pkg/annotations`).
    static func crio(_ configuration: JSONValue, id: String) -> ContainerIdentity {
        var identity = ContainerIdentity(.crio)
        identity.labels = annotations(configuration)
        identity.takeKubernetesLabels()
        identity.name = id
        for annotation in identity.labels {
            switch annotation.name {
            case "io.kubernetes.cri-o.ImageName": identity.image = annotation.value
            case "io.kubernetes.cri-o.ContainerType": identity.isSandbox = annotation.value == "sandbox"
            case "io.kubernetes.container.restartCount": identity.restarts = Int(annotation.value)
            default: break
            }
        }
        if identity.isSandbox { identity.container = "" }
        return identity
    }

    private static func annotations(_ configuration: JSONValue) -> [Label] {
        (configuration["annotations"]?.members ?? []).compactMap { member in
            member.value.string.map { Label(member.name, $0) }
        }
    }
}
