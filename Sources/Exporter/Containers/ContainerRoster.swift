import Telemetry

/// Which containers there are and who they are: brings the cgroups that were found together with what the runtimes say,
/// and keeps what is remembered of each.
final class ContainerRoster {
    private let options: ContainerOptions
    private let hierarchies: CgroupHierarchies
    private let tree: CgroupTree
    let names: ContainerNames
    /// In the order of their cgroups, a pod before its containers.
    private(set) var containers: [MonitoredContainer] = []
    /// docker's containers that the filter lets through, running or not, with the labels of what is told of both.
    private(set) var dockerContainers: [(container: DockerContainer, labels: ContainerLabels)] = []
    private var leftOut = 0

    /// Collections in which a container that nobody knows is asked for: its runtime may write its files a moment later.
    private static let mostAttempts = 5

    /// Nil where there are no cgroups.
    init?(_ hierarchies: CgroupHierarchies, options: ContainerOptions, paths: HostPaths) {
        guard let root = hierarchies.containerTree else { return nil }
        self.hierarchies = hierarchies
        self.options = options
        tree = CgroupTree(root)
        names = ContainerNames(dockerRoots: options.dockerRoots, podmanRoots: options.podmanRoots, paths: paths)
    }

    /// Looks again. Throws where the tree of cgroups cannot be read.
    func refresh(_ reader: inout HostReader) throws(HostFileError) {
        let haveNamesChanged = names.refresh(&reader)
        let hasTreeChanged = try tree.refresh()
        let isSomeoneUnknown = containers.contains { $0.identity == nil && $0.attempts < Self.mostAttempts }
        if haveNamesChanged || hasTreeChanged || isSomeoneUnknown { adopt(&reader) }
        if haveNamesChanged { adoptDocker() }
        if tree.leftOut > 0 { reader.odd("\(tree.leftOut) cgroups below \(tree.root) are beyond the cap") }
        if leftOut > 0 { reader.odd("\(leftOut) containers are beyond the limit of \(options.limit)") }
    }

    private func adopt(_ reader: inout HostReader) {
        var known: [String: MonitoredContainer] = [:]
        for container in containers { known[container.cgroup.id] = container }
        var fresh: [MonitoredContainer] = []
        leftOut = 0
        var pod: (path: String, uid: String)?
        for cgroup in tree.found {
            if case .pod(let uid) = cgroup.kind { pod = (cgroup.id + "/", uid) }
            let podUID = pod.flatMap { cgroup.id.hasPrefix($0.path) ? $0.uid : nil }
            guard fresh.count < options.limit else {
                leftOut += 1
                continue
            }
            var container = known[cgroup.id]
            if container?.cgroup != cgroup { container = nil }
            let identity = names.identity(of: cgroup, known: container?.identity, podUID: podUID, &reader)
            let made = container ?? make(cgroup)
            if identity == nil { made.attempts += 1 }
            if container == nil || made.identity != identity {
                made.identity = identity
                made.labels = labels(cgroup.id, identity)
                made.limitsReadAt = nil
            }
            fresh.append(made)
        }
        namePods(fresh)
        assignNetworks(fresh)
        containers = fresh.filter {
            $0.identity.map { options.names.allows($0.filterName) } ?? options.names.allows("")
        }
    }

    private func make(_ cgroup: CgroupTree.Found) -> MonitoredContainer {
        let path = tree.root + cgroup.id
        return MonitoredContainer(
            cgroup, paths: hierarchies.paths(of: cgroup.id), memberPath: path, labels: labels(cgroup.id, nil))
    }

    private func labels(_ id: String, _ identity: ContainerIdentity?) -> ContainerLabels {
        // A container of Kubernetes has another id after each restart, which must not make other series.
        ContainerLabels(
            id: id, containerID: "", identity: identity, labels: options.labels, environment: options.environment)
    }

    /// Gives pods whose directory of logs is not there the name that their containers say.
    private func namePods(_ containers: [MonitoredContainer]) {
        var pod: MonitoredContainer?
        for container in containers {
            if case .pod = container.cgroup.kind {
                pod = container
            } else if let pod, pod.identity == nil, container.cgroup.id.hasPrefix(pod.cgroup.id + "/"),
                let known = container.identity, !known.pod.isEmpty
            {
                var identity = ContainerIdentity(.unknown)
                identity.namespace = known.namespace
                identity.pod = known.pod
                pod.identity = identity
                pod.labels = labels(pod.cgroup.id, identity)
            }
        }
    }

    /// The containers of a pod share one network: it is told with the sandbox, as Kubernetes' cAdvisor does, and where
    /// that is not known with the pod.
    private func assignNetworks(_ containers: [MonitoredContainer]) {
        var start = 0
        while start < containers.count {
            let first = containers[start]
            guard case .pod = first.cgroup.kind else {
                first.network = first.identity?.hasForeignNetwork == true ? .none : .own
                start += 1
                continue
            }
            var end = start + 1
            while end < containers.count, containers[end].cgroup.id.hasPrefix(first.cgroup.id + "/") { end += 1 }
            let members = containers[(start + 1)..<end]
            let sandbox = members.first { $0.identity?.isSandbox == true }
            for member in members { member.network = .none }
            if let sandbox {
                sandbox.network = sandbox.identity?.hasForeignNetwork == true ? .none : .own
                first.network = .none
            } else {
                first.network = members.first.map { .other($0) } ?? .none
            }
            start = end
        }
    }

    private func adoptDocker() {
        dockerContainers.removeAll(keepingCapacity: true)
        for container in names.docker.flatMap({ $0.containers.values }).sorted(by: { $0.id < $1.id }) {
            let identity = ContainerIdentity(container)
            guard dockerContainers.count < options.limit, options.names.allows(identity.filterName) else { continue }
            let labels = ContainerLabels(
                id: "", containerID: identity.pod.isEmpty ? container.id : "", identity: identity,
                labels: options.labels, environment: options.environment)
            dockerContainers.append((container, labels))
        }
    }
}
