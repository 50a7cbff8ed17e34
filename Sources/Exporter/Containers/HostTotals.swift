import Bytes
import Telemetry

/// What the host as a whole has: the machine's size, and the memory of the root cgroup, which version 2 does not count.
final class HostTotals {
    private let paths: HostPaths
    private let memoryFile: HostFile
    private var cpus: Double?
    private var bootTime: Double?
    private(set) var totalMemory: Double?
    private var freeMemory: Double?
    private var swapUsed: Double?

    init(paths: HostPaths) {
        self.paths = paths
        memoryFile = HostFile(paths.proc("meminfo"))
    }

    /// Writes `machine_*`.
    func write(into batch: inout SampleBatch, _ reader: inout HostReader) {
        if cpus == nil { readOnce(&reader) }
        if let cpus { batch.sample("machine_cpu_cores", .gauge, "Logical CPUs of the host.", cpus) }
        do throws(HostFileError) {
            try reader.load(memoryFile)
            takeMemory(reader.text)
        } catch {
            reader.odd("\(error)")
        }
        if let totalMemory {
            batch.sample("machine_memory_bytes", .gauge, "Memory of the host, in bytes.", totalMemory)
        }
    }

    /// Adds to the root cgroup's usage what its files do not have.
    func complete(_ usage: inout CgroupUsage) {
        if usage[.memory] == nil, let totalMemory, let freeMemory { usage[.memory] = totalMemory - freeMemory }
        if usage[.swap] == nil { usage[.swap] = swapUsed }
        usage[.startTime] = bootTime
    }

    private func readOnce(_ reader: inout HostReader) {
        guard let proc = OpenDirectory(paths.proc) else { return }
        guard reader.load("stat", in: proc, isPiecewise: true) else { return }
        var count = 0.0
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            if fields.field.equals("btime" as StaticString) {
                bootTime = fields.nextNumber()
            } else if fields.field.byteCount > 3, fields.field.hasPrefix("cpu" as StaticString) {
                count += 1
            }
        }
        if count > 0 { cpus = count }
    }

    /// When a process was started, in seconds since 1970: field 22 of its `stat` (proc_pid_stat(5)), in ticks since
    /// the start of the system.
    func startTime(_ stat: RawSpan) -> Double? {
        // A program's name may have blanks and parentheses.
        guard let bootTime, let name = stat.lastIndex(of: 0x29) else { return nil }
        var fields = FieldCursor(stat.extracting((name + 1)..<stat.byteCount))
        guard fields.skip(19), let ticks = fields.nextNumber() else { return nil }
        return bootTime + ticks / 100
    }

    private func takeMemory(_ text: RawSpan) {
        var lines = FlatCursor(text)
        var swapTotal: Double?
        while lines.next() {
            let bytes = lines.value * 1024
            if lines.name.equals("MemTotal:" as StaticString) {
                totalMemory = bytes
            } else if lines.name.equals("MemFree:" as StaticString) {
                freeMemory = bytes
            } else if lines.name.equals("SwapTotal:" as StaticString) {
                swapTotal = bytes
            } else if lines.name.equals("SwapFree:" as StaticString) {
                swapUsed = swapTotal.map { $0 - bytes }
            }
        }
    }
}
