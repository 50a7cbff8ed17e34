import Telemetry

/// Who a container is: asks what each runtime leaves on disk, and no socket.
final class ContainerNames {
    let docker: [DockerNames]
    private let podman: PodmanNames
    private let tasks: TaskNames
    private let pods: PodNames

    init(dockerRoots: [String], podmanRoots: [String], paths: HostPaths) {
        docker = dockerRoots.map { DockerNames(dataRoot: paths.root($0)) }
        podman = PodmanNames(roots: podmanRoots, paths: paths)
        tasks = TaskNames(paths: paths)
        pods = PodNames(paths: paths)
    }

    /// Looks again; whether a container may have another identity now.
    func refresh(_ reader: inout HostReader) -> Bool {
        var hasChanged = false
        for names in docker where names.refresh(&reader) { hasChanged = true }
        if podman.refresh(&reader) { hasChanged = true }
        if pods.refresh(&reader) { hasChanged = true }
        return hasChanged
    }

    /// Nil where nobody knows it (yet).
    ///
    /// - Parameters:
    ///   - known: what was found for it before, so that files that never change are read once.
    ///   - podUID: of the pod it is in.
    func identity(
        of cgroup: CgroupTree.Found, known: ContainerIdentity?, podUID: String?, _ reader: inout HostReader
    ) -> ContainerIdentity? {
        switch cgroup.kind {
        case .plain, .ignored, .unit: return nil
        case .pod(let uid):
            guard let pod = pods.pods[uid] else { return known }
            var identity = ContainerIdentity(.unknown)
            identity.namespace = pod.namespace
            identity.pod = pod.name
            return identity
        case .container(let runtime, let id):
            return container(id, runtime, cgroup.id, known, podUID, &reader)
        }
    }

    private func container(
        _ id: String, _ runtime: ContainerRuntime, _ path: String, _ known: ContainerIdentity?, _ podUID: String?,
        _ reader: inout HostReader
    ) -> ContainerIdentity? {
        if runtime == .lxc || runtime == .nspawn {
            var identity = ContainerIdentity(runtime)
            identity.name = id
            return identity
        }
        if runtime == .docker || runtime == .unknown {
            for names in docker {
                if let container = names.containers[id] { return ContainerIdentity(container) }
            }
        }
        if runtime == .podman || runtime == .unknown {
            podman.noticeUser(of: path, &reader)
            if podman.containers[id] == nil { _ = podman.refresh(&reader) }
            if let container = podman.containers[id] { return ContainerIdentity(container) }
        }
        // docker and podman keep what they know where it was looked for just now.
        var identity = known?.runtime == .docker || known?.runtime == .podman ? nil : known
        // Without an image nobody but the kubelet's directories has been heard yet.
        if runtime != .podman, identity?.image.isEmpty ?? true {
            identity = tasks.identity(id, runtime, &reader) ?? identity
        }
        guard identity != nil || podUID != nil else { return nil }
        return completed(identity, id, runtime, podUID)
    }

    /// What the kubelet's log directories add to what a runtime said, or say in its place.
    private func completed(
        _ identity: ContainerIdentity?, _ id: String, _ runtime: ContainerRuntime, _ podUID: String?
    ) -> ContainerIdentity? {
        let log = pods.containers[id]
        let pod = log?.pod ?? podUID.flatMap { pods.pods[$0] }
        guard identity != nil || pod != nil else { return nil }
        var identity = identity ?? ContainerIdentity(runtime)
        if identity.name.isEmpty { identity.name = id }
        if identity.pod.isEmpty, let pod {
            identity.pod = pod.name
            identity.namespace = pod.namespace
        }
        if let log {
            if identity.container.isEmpty, !identity.isSandbox { identity.container = log.name }
            identity.restarts = identity.restarts ?? log.restarts
        }
        return identity
    }
}
