import Telemetry

/// A container or pod that is measured: its files, its labels and what is remembered from one collection to the next.
final class MonitoredContainer {
    /// Whose network is told with it.
    enum NetworkSource {
        /// Nobody's: it belongs to another container's series, or is the host's.
        case none
        case own
        /// Of the first of a pod's containers, where the pod's sandbox is not known.
        case other(MonitoredContainer)
    }

    let cgroup: CgroupTree.Found
    let paths: CgroupPaths
    var identity: ContainerIdentity?
    var labels: ContainerLabels
    var members: CgroupMembers
    var network = NetworkSource.own
    /// What changes only when somebody changes it, read now and then.
    var limits = CgroupUsage()
    /// When `limits` were read, on the monotonic clock.
    var limitsReadAt: Timestamp?
    /// How often its identity has been asked for in vain.
    var attempts = 0
    /// `/proc/PID`, and when that process was started.
    private(set) var processPath = ""
    private var pid: UInt64 = 0
    var processStart: Double?

    init(_ cgroup: CgroupTree.Found, paths: CgroupPaths, memberPath: String, labels: ContainerLabels) {
        self.cgroup = cgroup
        self.paths = paths
        self.labels = labels
        members = CgroupMembers(memberPath)
    }

    /// Takes the process that stands for the container; whether it is another than before.
    func follow(_ pid: UInt64, _ host: HostPaths) -> Bool {
        guard pid != self.pid else { return false }
        self.pid = pid
        processPath = pid == 0 ? "" : host.proc("\(pid)")
        processStart = nil
        return true
    }
}
