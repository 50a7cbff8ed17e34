import Bytes

/// Reads the files of a cgroup of version 1, which has a directory for each controller (kernel
/// `Documentation/admin-guide/cgroup-v1/`).
enum CgroupV1Reader {
    /// All but limits.
    static func readUsage(_ paths: CgroupPaths, into usage: inout CgroupUsage, _ reader: inout HostReader) {
        if let path = paths.cpuacct, let directory = OpenDirectory(path) {
            readTimes(directory, into: &usage, &reader)
        }
        if let path = paths.cpu, let directory = OpenDirectory(path), reader.load("cpu.stat", in: directory) {
            usage.takeV1Throttling(reader.text)
        }
        if let path = paths.memory, let directory = OpenDirectory(path) {
            readMemory(directory, into: &usage, &reader)
        }
        if let path = paths.blkio, let directory = OpenDirectory(path) {
            readIO(directory, into: &usage, &reader)
        }
        if let path = paths.pids, let directory = OpenDirectory(path), reader.load("pids.current", in: directory) {
            usage[.threads] = reader.text.trimmed.number
        }
    }

    private static func readTimes(
        _ directory: borrowing OpenDirectory, into usage: inout CgroupUsage, _ reader: inout HostReader
    ) {
        func seconds(_ name: StaticString) -> Double? {
            reader.load(name, in: directory) ? reader.text.trimmed.number.map { $0 / 1e9 } : nil
        }
        usage[.cpuTotal] = seconds("cpuacct.usage")
        usage[.cpuUser] = seconds("cpuacct.usage_user")
        usage[.cpuSystem] = seconds("cpuacct.usage_sys")
        // Before Linux 4.6 only in clock ticks.
        if usage[.cpuUser] == nil, reader.load("cpuacct.stat", in: directory) { usage.takeV1Times(reader.text) }
    }

    private static func readMemory(
        _ directory: borrowing OpenDirectory, into usage: inout CgroupUsage, _ reader: inout HostReader
    ) {
        func number(_ name: StaticString) -> Double? {
            reader.load(name, in: directory) ? reader.text.trimmed.number : nil
        }
        usage[.memory] = number("memory.usage_in_bytes")
        usage[.peak] = number("memory.max_usage_in_bytes")
        usage[.failures] = number("memory.failcnt")
        if reader.load("memory.stat", in: directory) { usage.takeV1Memory(reader.text) }
        if reader.load("memory.oom_control", in: directory) { usage.takeV1OOM(reader.text) }
    }

    /// The throttling layer counts whatever scheduler a device has; where it has nothing, BFQ may.
    private static func readIO(
        _ directory: borrowing OpenDirectory, into usage: inout CgroupUsage, _ reader: inout HostReader
    ) {
        if reader.load("blkio.throttle.io_service_bytes_recursive", in: directory, isPiecewise: true) {
            usage.takeV1IO(reader.text, areBytes: true)
        }
        if !usage.devices.isEmpty {
            if reader.load("blkio.throttle.io_serviced_recursive", in: directory, isPiecewise: true) {
                usage.takeV1IO(reader.text, areBytes: false)
            }
            return
        }
        if reader.load("blkio.bfq.io_service_bytes_recursive", in: directory, isPiecewise: true) {
            usage.takeV1IO(reader.text, areBytes: true)
        }
        if reader.load("blkio.bfq.io_serviced_recursive", in: directory, isPiecewise: true) {
            usage.takeV1IO(reader.text, areBytes: false)
        }
    }

    static func readLimits(_ paths: CgroupPaths, into usage: inout CgroupUsage, _ reader: inout HostReader) {
        if let path = paths.cpu, let directory = OpenDirectory(path) {
            if reader.load("cpu.cfs_quota_us", in: directory) {
                // -1 for no quota.
                usage[.cpuQuota] = reader.text.trimmed.unsigned.map { Double($0) }
            }
            if reader.load("cpu.cfs_period_us", in: directory) { usage[.cpuPeriod] = reader.text.trimmed.number }
            if reader.load("cpu.shares", in: directory) { usage[.cpuShares] = reader.text.trimmed.number }
        }
        if let path = paths.memory, let directory = OpenDirectory(path) {
            func limit(_ name: StaticString) -> Double? {
                reader.load(name, in: directory) ? CgroupUsage.limit(reader.text) : nil
            }
            usage[.memoryLimit] = limit("memory.limit_in_bytes")
            usage[.swapLimit] = limit("memory.memsw.limit_in_bytes")
            usage[.reservation] = limit("memory.soft_limit_in_bytes")
        }
        if let path = paths.pids, let directory = OpenDirectory(path), reader.load("pids.max", in: directory) {
            usage[.threadsMax] = CgroupUsage.limit(reader.text)
        }
    }
}

extension CgroupUsage {
    /// `cpuacct.stat`, in clock ticks of which there are 100 a second on every architecture we know.
    mutating func takeV1Times(_ text: RawSpan) {
        var lines = FlatCursor(text)
        while lines.next() {
            if lines.name.equals("user" as StaticString) {
                self[.cpuUser] = lines.value / 100
            } else if lines.name.equals("system" as StaticString) {
                self[.cpuSystem] = lines.value / 100
            }
        }
    }

    /// `cpu.stat`
    mutating func takeV1Throttling(_ text: RawSpan) {
        var lines = FlatCursor(text)
        while lines.next() {
            if lines.name.equals("nr_periods" as StaticString) {
                self[.periods] = lines.value
            } else if lines.name.equals("nr_throttled" as StaticString) {
                self[.throttledPeriods] = lines.value
            } else if lines.name.equals("throttled_time" as StaticString) {
                self[.throttledSeconds] = lines.value / 1e9
            }
        }
    }

    /// `memory.stat`
    mutating func takeV1Memory(_ text: RawSpan) {
        var lines = FlatCursor(text)
        while lines.next() {
            let value = lines.value
            if lines.name.equals("pgfault" as StaticString) {
                self[.faults] = value
            } else if lines.name.equals("pgmajfault" as StaticString) {
                self[.majorFaults] = value
            }
            guard lines.name.hasPrefix("total_" as StaticString) else { continue }
            let name = lines.name.extracting(6..<lines.name.byteCount)
            if name.equals("rss" as StaticString) {
                self[.rss] = value
            } else if name.equals("cache" as StaticString) {
                self[.cache] = value
            } else if name.equals("swap" as StaticString) {
                self[.swap] = value
            } else if name.equals("mapped_file" as StaticString) {
                self[.mappedFile] = value
            } else if name.equals("inactive_file" as StaticString) {
                self[.inactiveFile] = value
            } else if name.equals("active_file" as StaticString) {
                self[.activeFile] = value
            } else if name.equals("pgfault" as StaticString) {
                self[.allFaults] = value
            } else if name.equals("pgmajfault" as StaticString) {
                self[.allMajorFaults] = value
            }
        }
    }

    /// `memory.oom_control`; `oom_kill` since Linux 4.13.
    mutating func takeV1OOM(_ text: RawSpan) {
        var lines = FlatCursor(text)
        while lines.next() {
            if lines.name.equals("oom_kill" as StaticString) { self[.oomKills] = lines.value }
        }
    }

    /// `blkio.*.io_service_bytes_recursive` and `io_serviced_recursive`: `8:0 Read 4096`, and a line `Total`.
    mutating func takeV1IO(_ text: RawSpan, areBytes: Bool) {
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next(), !fields.field.equals("Total" as StaticString) else { continue }
            guard let number = Self.deviceNumber(fields.field), fields.next() else {
                oddLines += 1
                continue
            }
            let isRead = fields.field.equals("Read" as StaticString)
            guard isRead || fields.field.equals("Write" as StaticString) else { continue }
            guard let value = fields.nextNumber(), let device = device(number.major, number.minor) else {
                oddLines += 1
                continue
            }
            change(device) { usage in
                switch (areBytes, isRead) {
                case (true, true): usage.readBytes = value
                case (true, false): usage.writtenBytes = value
                case (false, true): usage.reads = value
                case (false, false): usage.writes = value
                }
            }
        }
    }
}
