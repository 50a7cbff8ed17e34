import Glibc

/// The same containers in a tree of cgroup v1, of v2, or of v1 with an empty v2 beside it (hybrid), as the kernel writes
/// their files.
struct CgroupFixture {
    enum Layout: CaseIterable { case v1, v2, hybrid }

    let layout: Layout
    let tree = HostTree()

    init(_ layout: Layout) {
        self.layout = layout
        tree.write("proc/1/mountinfo", Self.mountInfo(layout))
        tree.write("proc/1/net/dev", Self.interfaces(["lo": 5, "eth0": 900, "veth12ab": 7, "docker0": 9]))
        tree.link("proc/1/ns/net", to: "net:[4026531840]")
        tree.write("proc/stat", "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\nbtime 1700000000\n")
        tree.write(
            "proc/meminfo", "MemTotal: 8000 kB\nMemFree: 3000 kB\nSwapTotal: 200 kB\nSwapFree: 150 kB\n")
        tree.link("sys/dev/block/8:0", to: "../../devices/pci0/block/sda")
        tree.directory("sys/devices/pci0/block/sda")
        write("/", Usage(memory: 5000 * 1024, swap: 50 * 1024))
    }

    /// Numbers of a container; the files of both versions say the same.
    struct Usage {
        var cpuSeconds = 12.5
        var memory = 10_000_000
        var inactiveFile = 2_000_000
        var swap = 4096
        var memoryLimit: Int? = 64 << 20
        var quota: Int? = 50_000
        var threadsMax: Int? = 50
        var oomKills = 2
        var processes = [100]
        var reads = (bytes: 8192, count: 2)
    }

    /// A container's or, with `/`, the root's files.
    func write(_ id: String, _ usage: Usage) {
        if layout != .v2 { writeV1(id, usage) }
        switch layout {
        case .v1: break
        case .v2:
            writeV2("sys/fs/cgroup\(id)", usage, isRoot: id == "/")
            writePressure("sys/fs/cgroup\(id)")
        case .hybrid:
            writePressure("sys/fs/cgroup/unified\(id)")
            tree.write("sys/fs/cgroup/unified\(id)/cpu.stat", "usage_usec 77\nuser_usec 70\nsystem_usec 7\n")
            tree.write("sys/fs/cgroup/unified\(id)/cgroup.procs", "")
        }
        if id == "/" { return }
        for process in usage.processes { self.process(process, namespace: process) }
    }

    /// Takes a container away, as the kernel does.
    func remove(_ id: String) {
        for directory in ["", "/memory", "/cpu,cpuacct", "/blkio", "/pids", "/unified"] {
            tree.remove("sys/fs/cgroup\(directory)\(id)")
        }
    }

    func process(_ pid: Int, namespace: Int) {
        tree.remove("proc/\(pid)")
        tree.write("proc/\(pid)/net/dev", Self.interfaces(["lo": 1, "eth0": namespace * 10]))
        tree.link("proc/\(pid)/ns/net", to: "net:[\(namespace)]")
        let fields = (3...52).map { $0 == 3 ? "S" : $0 == 22 ? "12345" : "1" }.joined(separator: " ")
        tree.write("proc/\(pid)/stat", "\(pid) (a) b) \(fields)\n")
    }

    /// A container in dockerd's data root.
    func docker(
        _ id: String, name: String, image: String = "nginx:1", labels: String = "{}", network: String = "bridge",
        state: String =
            #""Running":true,"Pid":100,"StartedAt":"2026-01-02T03:04:05.5Z","OOMKilled":false,"ExitCode":0"#,
        restarts: Int = 0
    ) {
        let directory = "root/var/lib/docker/containers/\(id)"
        tree.write(
            "\(directory)/config.v2.json",
            #"{"ID":"\#(id)","Name":"/\#(name)","State":{\#(state)},"RestartCount":\#(restarts),"#
                + #""Config":{"Image":"\#(image)","Labels":\#(labels),"Env":["A=1","TOKEN=x"]}}"#)
        tree.write("\(directory)/hostconfig.json", #"{"NetworkMode":"\#(network)"}"#)
    }

    private func writeV1(_ id: String, _ usage: Usage) {
        func file(_ controller: String, _ name: String, _ text: String) {
            tree.write("sys/fs/cgroup/\(controller)\(id)/\(name)", text + "\n")
        }
        let total = Int(usage.cpuSeconds * 1e9)
        file("cpu,cpuacct", "cpuacct.usage", "\(total)")
        file("cpu,cpuacct", "cpuacct.usage_user", "\(total / 5 * 4)")
        file("cpu,cpuacct", "cpuacct.usage_sys", "\(total / 5)")
        file("cpu,cpuacct", "cpu.stat", "nr_periods 30\nnr_throttled 4\nthrottled_time 1500000000")
        file("cpu,cpuacct", "cpu.cfs_quota_us", "\(usage.quota ?? -1)")
        file("cpu,cpuacct", "cpu.cfs_period_us", "100000")
        file("cpu,cpuacct", "cpu.shares", "1024")
        file("memory", "memory.usage_in_bytes", "\(usage.memory)")
        file("memory", "memory.max_usage_in_bytes", "20000000")
        file("memory", "memory.failcnt", "3")
        file("memory", "memory.limit_in_bytes", "\(usage.memoryLimit ?? 9_223_372_036_854_771_712)")
        file("memory", "memory.memsw.limit_in_bytes", "9223372036854771712")
        file("memory", "memory.soft_limit_in_bytes", "9223372036854771712")
        file("memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill \(usage.oomKills)")
        file(
            "memory", "memory.stat",
            "cache 1\nrss 1\npgfault 70\npgmajfault 6\ntotal_cache 3000000\ntotal_rss 5000000\ntotal_swap \(usage.swap)\n"
                + "total_mapped_file 400\ntotal_inactive_file \(usage.inactiveFile)\ntotal_active_file 500\n"
                + "total_pgfault 70\ntotal_pgmajfault 6")
        file(
            "blkio", "blkio.throttle.io_service_bytes_recursive",
            "8:0 Read \(usage.reads.bytes)\n8:0 Write 0\n8:0 Sync 1\n8:0 Total \(usage.reads.bytes)\nTotal 8192")
        file(
            "blkio", "blkio.throttle.io_serviced_recursive",
            "8:0 Read \(usage.reads.count)\n8:0 Write 0\n8:0 Total \(usage.reads.count)\nTotal 2")
        file("pids", "pids.current", "7")
        file("pids", "pids.max", usage.threadsMax.map { "\($0)" } ?? "max")
        for controller in ["cpu,cpuacct", "memory", "blkio", "pids"] {
            file(controller, "cgroup.procs", usage.processes.map { "\($0)\n" }.joined())
        }
    }

    private func writeV2(_ directory: String, _ usage: Usage, isRoot: Bool) {
        func file(_ name: String, _ text: String) { tree.write("\(directory)/\(name)", text + "\n") }
        let total = Int(usage.cpuSeconds * 1e6)
        file(
            "cpu.stat",
            "usage_usec \(total)\nuser_usec \(total / 5 * 4)\nsystem_usec \(total / 5)\nnr_periods 30\nnr_throttled 4\n"
                + "throttled_usec 1500000\nnr_bursts 0")
        file(
            "memory.stat",
            "anon 5000000\nfile 3000000\nkernel 9\nfile_mapped 400\ninactive_file \(usage.inactiveFile)\nactive_file 500\n"
                + "pgfault 70\npgmajfault 6")
        file("io.stat", "8:0 rbytes=\(usage.reads.bytes) wbytes=0 rios=\(usage.reads.count) wios=0 dbytes=0 dios=0")
        file("cgroup.procs", usage.processes.map { "\($0)\n" }.joined())
        if isRoot { return }
        file("memory.current", "\(usage.memory)")
        file("memory.peak", "20000000")
        file("memory.swap.current", "\(usage.swap)")
        file("memory.max", usage.memoryLimit.map { "\($0)" } ?? "max")
        file("memory.swap.max", "max")
        file("memory.low", "0")
        file("memory.events", "low 0\nhigh 0\nmax 3\noom 2\noom_kill \(usage.oomKills)\noom_group_kill 0")
        file("cpu.max", "\(usage.quota.map { "\($0)" } ?? "max") 100000")
        file("cpu.weight", "39")
        file("pids.current", "7")
        file("pids.max", usage.threadsMax.map { "\($0)" } ?? "max")
    }

    private func writePressure(_ directory: String) {
        for (subject, total) in [("cpu", 1_000_000), ("memory", 2_000_000), ("io", 3_000_000)] {
            tree.write(
                "\(directory)/\(subject).pressure",
                "some avg10=0.00 avg60=0.00 avg300=0.00 total=\(total)\n"
                    + "full avg10=0.00 avg60=0.00 avg300=0.00 total=\(total / 2)\n")
        }
    }

    static func interfaces(_ received: [String: Int]) -> String {
        let head = "Inter-|   Receive                 |  Transmit\n face |bytes    packets errs drop fifo|bytes\n"
        return head
            + received.sorted { $0.key < $1.key }.map { name, bytes in
                "  \(name): \(bytes) 10 1 2 0 0 0 0 \(bytes * 2) 20 3 4 0 0 0 0\n"
            }.joined()
    }

    static func mountInfo(_ layout: Layout) -> String {
        var lines = ["22 1 0:20 / / rw - ext4 /dev/sda1 rw", "23 22 0:21 / /proc rw - proc proc rw"]
        if layout == .v2 {
            lines.append("32 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate")
            return lines.joined(separator: "\n") + "\n"
        }
        lines.append("31 23 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755")
        if layout == .hybrid { lines.append("32 31 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw") }
        for (index, controller) in ["memory", "cpu,cpuacct", "blkio", "pids"].enumerated() {
            lines.append(
                "4\(index) 31 0:3\(index) / /sys/fs/cgroup/\(controller) rw shared:7 - cgroup cgroup rw,\(controller)")
        }
        lines.append("50 31 0:50 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd")
        return lines.joined(separator: "\n") + "\n"
    }
}

/// 64 hexadecimal digits.
func identifier(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 64 - digits.utf8.count) + digits
}
