import Bytes
import Telemetry

/// Writes what is known of containers into a batch, under cAdvisor's names and, where it has none, under our own:
///
/// - `tocsin_container_running`: 1 while it runs; also of docker's containers that do not.
/// - `tocsin_container_restarts_total`: how often it was started anew by its restart policy (docker) or the kubelet.
/// - `tocsin_container_oom_killed`: whether its last run was ended by the OOM killer (docker).
/// - `tocsin_container_exit_code`: of its last run that ended (docker).
/// - `tocsin_container_health{state}`: 1 for the state its health check is in, 0 for the others (docker).
///
/// These have no label `id`, which is the cgroup's and goes with it, but `runtime` and docker's `container_id`, so that they
/// go on while a container is down.
struct ContainerFamilies {
    /// By `ContainerValue`.
    private let values: [SampleBatch.FamilyID]
    private let readBytes: SampleBatch.FamilyID
    private let writtenBytes: SampleBatch.FamilyID
    private let reads: SampleBatch.FamilyID
    private let writes: SampleBatch.FamilyID
    private let deviceUsage: SampleBatch.FamilyID
    private let healthState: SampleBatch.FamilyID
    private let running: SampleBatch.FamilyID
    private let restarts: SampleBatch.FamilyID
    private let oomKilled: SampleBatch.FamilyID
    private let exitCode: SampleBatch.FamilyID
    private let health: SampleBatch.FamilyID

    /// Begins all families in a batch; those without a sample are not rendered.
    init(in batch: inout SampleBatch) {
        // Values of one family follow one another.
        var values: [SampleBatch.FamilyID] = []
        values.reserveCapacity(ContainerValue.count)
        var last: ContainerValue?
        for value in ContainerValue.allCases {
            if let last, let id = values.last, last.isFault, value.isFault {
                values.append(id)
            } else {
                values.append(batch.family(value.name, value.type, value.help))
            }
            last = value
        }
        self.values = values
        readBytes = batch.family("container_fs_reads_bytes_total", .counter, "Bytes read from a device.")
        writtenBytes = batch.family("container_fs_writes_bytes_total", .counter, "Bytes written to a device.")
        reads = batch.family("container_fs_reads_total", .counter, "Reads from a device.")
        writes = batch.family("container_fs_writes_total", .counter, "Writes to a device.")
        deviceUsage = batch.family(
            "container_blkio_device_usage_total", .counter, "Bytes read from and written to a device.")
        healthState = batch.family(
            "container_health_state", .gauge, "1 if the health check is content, 0 if not, -1 without one.")
        running = batch.family("tocsin_container_running", .gauge, "Whether the container runs.")
        restarts = batch.family(
            "tocsin_container_restarts_total", .counter, "How often the container was started anew by itself.")
        oomKilled = batch.family(
            "tocsin_container_oom_killed", .gauge, "Whether the container's last run was ended for want of memory.")
        exitCode = batch.family(
            "tocsin_container_exit_code", .gauge, "Exit code of the container's last run that ended.")
        health = batch.family(
            "tocsin_container_health", .gauge, "1 for the state that the container's health check is in.")
    }

    /// Writes the values of `usage` with the container's labels.
    func write(
        _ usage: CgroupUsage, _ labels: ContainerLabels, devices: inout DeviceNames, into batch: inout SampleBatch,
        isRoot: Bool = false
    ) {
        let common = labels.labels(in: &batch)
        for value in ContainerValue.allCases {
            guard let number = usage[value], !isRoot || value.isOfRoot else { continue }
            let set: SampleBatch.Labels
            switch value {
            case .cpuTotal: set = labels.labels(in: &batch, early: { $0.label("cpu", "total" as StaticString) })
            case .faults: set = Self.failure("pgfault", "container", labels, &batch)
            case .majorFaults: set = Self.failure("pgmajfault", "container", labels, &batch)
            case .allFaults: set = Self.failure("pgfault", "hierarchy", labels, &batch)
            case .allMajorFaults: set = Self.failure("pgmajfault", "hierarchy", labels, &batch)
            default: set = common
            }
            batch.sample(values[value.rawValue], set, number)
        }
        for device in usage.devices { write(device, labels, devices: &devices, into: &batch) }
    }

    private func write(
        _ device: CgroupUsage.DeviceUsage, _ labels: ContainerLabels, devices: inout DeviceNames,
        into batch: inout SampleBatch
    ) {
        let name = devices.name(device.major, device.minor)
        let set = labels.labels(in: &batch, early: { $0.label("device", name.span.bytes) })
        batch.sample(readBytes, set, device.readBytes)
        batch.sample(writtenBytes, set, device.writtenBytes)
        batch.sample(reads, set, device.reads)
        batch.sample(writes, set, device.writes)
        func operation(_ operation: StaticString, _ value: Double) {
            let set = labels.labels(
                in: &batch, early: { $0.label("device", name.span.bytes) },
                middle: {
                    $0.label("major", Int(device.major))
                    $0.label("minor", Int(device.minor))
                }, late: { $0.label("operation", operation) })
            batch.sample(deviceUsage, set, value)
        }
        operation("Read", device.readBytes)
        operation("Write", device.writtenBytes)
    }

    private static func failure(
        _ type: StaticString, _ scope: StaticString, _ labels: ContainerLabels, _ batch: inout SampleBatch
    ) -> SampleBatch.Labels {
        labels.labels(in: &batch, early: { $0.label("failure_type", type) }, last: { $0.label("scope", scope) })
    }

    /// What docker says of a container that runs, beside its cgroup.
    func write(health: String, _ labels: ContainerLabels, into batch: inout SampleBatch) {
        let value = health == "healthy" ? 1.0 : health.isEmpty ? -1 : 0
        batch.sample(healthState, labels.labels(in: &batch), value)
    }

    func write(restarts count: Int, _ labels: ContainerLabels, into batch: inout SampleBatch) {
        batch.sample(restarts, labels.statusLabels(in: &batch), Double(count))
    }

    /// What docker says of a container, running or not.
    func write(_ container: DockerContainer, _ labels: ContainerLabels, into batch: inout SampleBatch) {
        let set = labels.statusLabels(in: &batch)
        batch.sample(running, set, container.status == .running || container.status == .paused ? 1 : 0)
        batch.sample(restarts, set, Double(container.restartCount))
        batch.sample(oomKilled, set, container.isOOMKilled ? 1 : 0)
        batch.sample(exitCode, set, Double(container.exitCode))
        if container.health.isEmpty { return }
        func state(_ name: StaticString, _ isCurrent: Bool) {
            batch.sample(health, labels.statusLabels(in: &batch, state: name), isCurrent ? 1 : 0)
        }
        state("healthy", container.health == "healthy")
        state("starting", container.health == "starting")
        state("unhealthy", container.health == "unhealthy")
    }
}

extension ContainerValue {
    var isFault: Bool { (Self.faults.rawValue...Self.allMajorFaults.rawValue).contains(rawValue) }
}
