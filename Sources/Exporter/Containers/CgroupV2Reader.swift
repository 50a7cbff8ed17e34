import Bytes

/// Reads the files of a cgroup of version 2 (kernel `Documentation/admin-guide/cgroup-v2.rst`). Parsing is apart from
/// reading: each `take…` is a pure function of a file's text.
enum CgroupV2Reader {
    /// All but limits and pressure. What version 1 has given already is kept.
    static func readUsage(
        _ directory: borrowing OpenDirectory, legacy: CgroupPaths, into usage: inout CgroupUsage,
        _ reader: inout HostReader
    ) {
        if legacy.cpuacct == nil || legacy.cpu == nil, reader.load("cpu.stat", in: directory) {
            usage.takeV2CPU(reader.text, hasUsage: legacy.cpuacct == nil, hasQuota: legacy.cpu == nil)
        }
        if legacy.memory == nil {
            if reader.load("memory.current", in: directory) { usage[.memory] = reader.text.trimmed.number }
            if reader.load("memory.peak", in: directory) { usage[.peak] = reader.text.trimmed.number }
            if reader.load("memory.swap.current", in: directory) { usage[.swap] = reader.text.trimmed.number }
            if reader.load("memory.stat", in: directory) { usage.takeV2Memory(reader.text) }
            if reader.load("memory.events", in: directory) { usage.takeV2MemoryEvents(reader.text) }
        }
        if legacy.blkio == nil, reader.load("io.stat", in: directory, isPiecewise: true) {
            usage.takeV2IO(reader.text)
        }
        if legacy.pids == nil, reader.load("pids.current", in: directory) {
            usage[.threads] = reader.text.trimmed.number
        }
    }

    /// Pressure, which version 1 does not have: in a hybrid layout it comes from here too.
    static func readPressure(
        _ directory: borrowing OpenDirectory, into usage: inout CgroupUsage, _ reader: inout HostReader
    ) {
        if reader.load("cpu.pressure", in: directory) {
            usage.takePressure(reader.text, waiting: .cpuWaiting, stalled: .cpuStalled)
        }
        if reader.load("memory.pressure", in: directory) {
            usage.takePressure(reader.text, waiting: .memoryWaiting, stalled: .memoryStalled)
        }
        if reader.load("io.pressure", in: directory) {
            usage.takePressure(reader.text, waiting: .ioWaiting, stalled: .ioStalled)
        }
    }

    static func readLimits(
        _ directory: borrowing OpenDirectory, legacy: CgroupPaths, into usage: inout CgroupUsage,
        _ reader: inout HostReader
    ) {
        if legacy.cpu == nil {
            if reader.load("cpu.max", in: directory) { usage.takeV2CPULimit(reader.text) }
            if reader.load("cpu.weight", in: directory) { usage.takeV2Weight(reader.text) }
        }
        if legacy.memory == nil {
            if reader.load("memory.max", in: directory) { usage[.memoryLimit] = CgroupUsage.limit(reader.text) }
            if reader.load("memory.swap.max", in: directory) { usage[.swapLimit] = CgroupUsage.limit(reader.text) }
            if reader.load("memory.low", in: directory) { usage[.reservation] = CgroupUsage.limit(reader.text) }
        }
        if legacy.pids == nil, reader.load("pids.max", in: directory) {
            usage[.threadsMax] = CgroupUsage.limit(reader.text)
        }
    }
}

extension CgroupUsage {
    /// `cpu.stat`
    mutating func takeV2CPU(_ text: RawSpan, hasUsage: Bool = true, hasQuota: Bool = true) {
        var lines = FlatCursor(text)
        while lines.next() {
            let value = lines.value
            if hasUsage {
                if lines.name.equals("usage_usec" as StaticString) {
                    self[.cpuTotal] = value / 1e6
                } else if lines.name.equals("user_usec" as StaticString) {
                    self[.cpuUser] = value / 1e6
                } else if lines.name.equals("system_usec" as StaticString) {
                    self[.cpuSystem] = value / 1e6
                }
            }
            if hasQuota {
                if lines.name.equals("nr_periods" as StaticString) {
                    self[.periods] = value
                } else if lines.name.equals("nr_throttled" as StaticString) {
                    self[.throttledPeriods] = value
                } else if lines.name.equals("throttled_usec" as StaticString) {
                    self[.throttledSeconds] = value / 1e6
                }
            }
        }
    }

    /// `memory.stat`. Version 2 counts the cgroups below always, so both scopes of page faults are the same.
    mutating func takeV2Memory(_ text: RawSpan) {
        var lines = FlatCursor(text)
        while lines.next() {
            let value = lines.value
            if lines.name.equals("anon" as StaticString) {
                self[.rss] = value
            } else if lines.name.equals("file" as StaticString) {
                self[.cache] = value
            } else if lines.name.equals("file_mapped" as StaticString) {
                self[.mappedFile] = value
            } else if lines.name.equals("inactive_file" as StaticString) {
                self[.inactiveFile] = value
            } else if lines.name.equals("active_file" as StaticString) {
                self[.activeFile] = value
            } else if lines.name.equals("pgfault" as StaticString) {
                self[.faults] = value
                self[.allFaults] = value
            } else if lines.name.equals("pgmajfault" as StaticString) {
                self[.majorFaults] = value
                self[.allMajorFaults] = value
            }
        }
    }

    /// `memory.events`
    mutating func takeV2MemoryEvents(_ text: RawSpan) {
        var lines = FlatCursor(text)
        while lines.next() {
            if lines.name.equals("max" as StaticString) {
                self[.failures] = lines.value
            } else if lines.name.equals("oom_kill" as StaticString) {
                self[.oomKills] = lines.value
            }
        }
    }

    /// `io.stat`: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`
    mutating func takeV2IO(_ text: RawSpan) {
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            guard let number = Self.deviceNumber(fields.field), let device = device(number.major, number.minor) else {
                oddLines += 1
                continue
            }
            while fields.next() {
                guard let equals = fields.field.firstIndex(of: 0x3d),
                    let value = fields.field.extracting((equals + 1)..<fields.field.byteCount).number
                else { continue }
                let name = fields.field.extracting(0..<equals)
                if name.equals("rbytes" as StaticString) {
                    change(device) { $0.readBytes = value }
                } else if name.equals("wbytes" as StaticString) {
                    change(device) { $0.writtenBytes = value }
                } else if name.equals("rios" as StaticString) {
                    change(device) { $0.reads = value }
                } else if name.equals("wios" as StaticString) {
                    change(device) { $0.writes = value }
                }
            }
        }
    }

    /// `*.pressure`: `some avg10=0.00 avg60=0.00 avg300=0.00 total=123`, in microseconds, and the same of `full`.
    mutating func takePressure(_ text: RawSpan, waiting: ContainerValue, stalled: ContainerValue) {
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            let isSome = fields.field.equals("some" as StaticString)
            guard isSome || fields.field.equals("full" as StaticString) else { continue }
            while fields.next() {
                guard fields.field.hasPrefix("total=" as StaticString),
                    let total = fields.field.extracting(6..<fields.field.byteCount).number
                else { continue }
                self[isSome ? waiting : stalled] = total / 1e6
            }
        }
    }

    /// `cpu.max`: `QUOTA PERIOD` in microseconds, `max` for no quota.
    mutating func takeV2CPULimit(_ text: RawSpan) {
        var fields = FieldCursor(text)
        guard fields.next() else { return }
        self[.cpuQuota] = fields.field.unsigned.map { Double($0) }
        self[.cpuPeriod] = fields.nextInteger().map { Double($0) }
    }

    /// `cpu.weight`, 1 to 10000, as shares: the way cAdvisor and older runc map them, which is linear.
    mutating func takeV2Weight(_ text: RawSpan) {
        guard let weight = text.trimmed.unsigned, (1...10_000).contains(weight) else { return }
        self[.cpuShares] = Double(2 + (weight - 1) * 262_142 / 9999)
    }
}
