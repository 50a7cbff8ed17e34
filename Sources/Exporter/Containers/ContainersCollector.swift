import Bytes
import Telemetry

/// Containers of docker, podman, containerd, CRI-O, LXC and systemd-nspawn and the pods of Kubernetes under cAdvisor's
/// names, on cgroup v1, v2 and both together; the host as `id="/"`, and `machine_*`.
///
/// Everything is read from files: no runtime is asked and no socket opened. Cgroups are measured by their own files, names come
/// from what the runtimes keep on disk. Limits are read again every half minute, all else at each collection.
struct ContainersCollector: Collector {
    static let description = CollectorDescription(
        "containers", "Containers and pods, as cAdvisor has them.", options: ContainerOptions.descriptions
    ) { try ContainersCollector($0) }

    private let paths: HostPaths
    private let options: ContainerOptions
    private let host: HostTotals
    private var hierarchies = CgroupHierarchies()
    private var roster: ContainerRoster?
    private var devices: DeviceNames
    private var network: ContainerNetwork
    private var usage = CgroupUsage()
    private let rootLabels = ContainerLabels(id: "/", containerID: "", identity: nil, labels: nil, environment: nil)

    /// Seconds between two readings of limits.
    private static let limitsAge = 30.0

    init(_ context: CollectorContext) throws {
        paths = context.paths
        options = try ContainerOptions(context.options)
        host = HostTotals(paths: paths)
        devices = DeviceNames(paths: paths)
        network = ContainerNetwork(paths: paths)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        host.write(into: &batch, &reader)
        if roster == nil {
            hierarchies = CgroupHierarchies.detect(paths, &reader)
            roster = ContainerRoster(hierarchies, options: options, paths: paths)
        }
        guard let roster else { throw CollectorError.absent("a cgroup file system") }
        do throws(HostFileError) {
            try roster.refresh(&reader)
        } catch {
            // Mounted elsewhere, or not any more.
            self.roster = nil
            throw error
        }
        let families = ContainerFamilies(in: &batch)
        network.begin(rootLabels, into: &batch, &reader)
        let now = Double(Timestamp.now.nanoseconds) / 1e9
        writeRoot(now, families, into: &batch, &reader)
        let monotonic = Timestamp.monotonic
        for container in roster.containers { write(container, families, now, monotonic, into: &batch, &reader) }
        // Which processes a pod's containers have is known only now.
        for pod in roster.containers {
            guard case .other(let member) = pod.network else { continue }
            writeNetwork(member.processPath, pod.labels, into: &batch, &reader)
        }
        for (container, labels) in roster.dockerContainers { families.write(container, labels, into: &batch) }
    }

    private mutating func writeRoot(
        _ now: Double, _ families: ContainerFamilies, into batch: inout SampleBatch, _ reader: inout HostReader
    ) {
        let paths = hierarchies.paths(of: "/")
        read(paths, &reader)
        host.complete(&usage)
        usage.deriveWorkingSet()
        usage[.lastSeen] = now
        families.write(usage, rootLabels, devices: &devices, into: &batch, isRoot: true)
    }

    private mutating func write(
        _ container: MonitoredContainer, _ families: ContainerFamilies, _ now: Double, _ monotonic: Timestamp,
        into batch: inout SampleBatch,
        _ reader: inout HostReader
    ) {
        read(container.paths, &reader)
        let isLimitDue = container.limitsReadAt.map { monotonic.seconds(since: $0) > Self.limitsAge } ?? true
        if isLimitDue {
            container.limits.removeAll()
            CgroupV1Reader.readLimits(container.paths, into: &container.limits, &reader)
            if let path = container.paths.unified, let directory = OpenDirectory(path) {
                CgroupV2Reader.readLimits(directory, legacy: container.paths, into: &container.limits, &reader)
            }
            container.limitsReadAt = monotonic
        }
        for value in ContainerValue.allCases where value.isLimit { usage[value] = container.limits[value] }
        container.members.read(looksBelow: isLimitDue || container.members.count == 0, &reader)
        usage[.processes] = Double(container.members.count)
        usage.deriveWorkingSet()
        usage[.lastSeen] = now
        writeProcess(container, into: &batch, &reader)
        usage[.startTime] = container.identity?.startedAt ?? container.processStart
        if usage.oddLines > 0 { reader.odd("\(container.cgroup.id): \(usage.oddLines) odd lines about devices") }
        families.write(usage, container.labels, devices: &devices, into: &batch)
        guard let identity = container.identity else { return }
        if identity.runtime == .docker {
            families.write(health: identity.health, container.labels, into: &batch)
        } else if let restarts = identity.restarts {
            families.write(restarts: restarts, container.labels, into: &batch)
        }
    }

    /// What the container's process is looked at for: its network and when it was started.
    private mutating func writeProcess(
        _ container: MonitoredContainer, into batch: inout SampleBatch, _ reader: inout HostReader
    ) {
        let isNew = container.follow(container.members.firstPID, paths)
        let needsStart = isNew && container.identity?.startedAt == nil
        if case .own = container.network {
            writeNetwork(container.processPath, container.labels, into: &batch, &reader)
        }
        if needsStart, !container.processPath.isEmpty, let process = OpenDirectory(container.processPath),
            reader.load("stat", in: process)
        {
            container.processStart = host.startTime(reader.text)
        }
    }

    private mutating func writeNetwork(
        _ process: String, _ labels: ContainerLabels, into batch: inout SampleBatch, _ reader: inout HostReader
    ) {
        guard !process.isEmpty, let directory = OpenDirectory(process) else { return }
        network.write(directory, labels, into: &batch, &reader)
    }

    /// Makes `usage` what a cgroup's files say, version 1 first.
    private mutating func read(_ paths: CgroupPaths, _ reader: inout HostReader) {
        usage.removeAll()
        CgroupV1Reader.readUsage(paths, into: &usage, &reader)
        guard let path = paths.unified, let directory = OpenDirectory(path) else { return }
        CgroupV2Reader.readUsage(directory, legacy: paths, into: &usage, &reader)
        CgroupV2Reader.readPressure(directory, into: &usage, &reader)
    }
}
