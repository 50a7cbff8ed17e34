import Bytes
import CLinux
import Glibc
import Synchronization
import Telemetry

/// The process's own use of the machine, under the names that every Prometheus client gives it.
package final class ProcessMetrics: Sendable {
    private struct State: ~Copyable {
        var buffer = ByteBuffer(capacity: 4096)
        var reading = ProcessReading()
        /// Seconds since 1970 at which the machine was started; read once.
        var bootTime: Double?
        var openDescriptors = 0.0

        // A span of the buffer borrows all of the state, hence the copies of the reading.
        mutating func takeStat(ticksPerSecond: Double) {
            var next = reading
            if next.takeStat(buffer.bytes, ticksPerSecond: ticksPerSecond) { reading = next }
        }

        mutating func takeStatus() {
            var next = reading
            if next.takeStatus(buffer.bytes) { reading = next }
        }
    }

    private let root: String
    private let ticksPerSecond = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
    private let state = Mutex(State())

    /// `root` is where procfs is mounted.
    package init(root: String = "/proc") { self.root = root }

    /// Adds the process's series to `registry`; they are read anew for each scrape.
    package func register(in registry: MetricRegistry) {
        registry.onCollect { _ in self.update() }
        add(registry, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", .counter) {
            $0.reading.cpuSeconds
        }
        add(registry, "process_virtual_memory_bytes", "Virtual memory size in bytes.") { $0.reading.virtualBytes }
        add(registry, "process_resident_memory_bytes", "Resident memory size in bytes.") { $0.reading.residentBytes }
        add(registry, "process_open_fds", "Number of open file descriptors.") { $0.openDescriptors }
        let ticks = ticksPerSecond
        add(
            registry, "process_start_time_seconds", "Start time of the process since unix epoch in seconds."
        ) { ($0.bootTime ?? 0) + $0.reading.startTicks / ticks }
        registry.computed("process_max_fds", help: "Maximum number of open file descriptors.") {
            Self.limit(RLIMIT_NOFILE)
        }
        registry.computed("process_virtual_memory_max_bytes", help: "Virtual memory that it may have, in bytes.") {
            Self.limit(RLIMIT_AS)
        }
        let resident = "tocsin_memory_resident_bytes"
        let help = "Resident memory by what it holds: anonymous, file (mapped files and code) or shared."
        add(registry, resident, help, labels: ["part": "anonymous"]) { $0.reading.anonymousBytes }
        add(registry, resident, help, labels: ["part": "file"]) { $0.reading.fileBytes }
        add(registry, resident, help, labels: ["part": "shared"]) { $0.reading.sharedBytes }
        registry.computed("tocsin_memory_heap_bytes", help: "Bytes that malloc has handed out and not got back.") {
            Double(clinux_heap_bytes_in_use())
        }
    }

    private func add(
        _ registry: MetricRegistry, _ name: String, _ help: String, _ type: MetricType = .gauge,
        labels: LabelSet = [:], _ read: @escaping @Sendable (borrowing State) -> Double
    ) {
        registry.computed(name, help: help, type: type, labels) { self.state.withLock { read($0) } }
    }

    /// Reads `/proc` again. What cannot be read keeps its last value.
    package func update() {
        state.withLock { state in
            if Self.read(root + "/self/stat", into: &state.buffer) {
                state.takeStat(ticksPerSecond: ticksPerSecond)
            }
            if Self.read(root + "/self/status", into: &state.buffer) {
                state.takeStatus()
            }
            if state.bootTime == nil, Self.read(root + "/stat", into: &state.buffer) {
                state.bootTime = ProcessReading.bootTime(state.buffer.bytes)
                // /proc/stat grows with the machine's processors and is not wanted again.
                state.buffer.removeAll()
                state.buffer.release(downTo: 4096)
            }
            if let count = Self.entryCount(of: root + "/self/fd") { state.openDescriptors = Double(count) }
        }
    }

    /// A limit of getrlimit(2); without one, the largest number there is, as Prometheus's own clients have it.
    private static func limit(_ resource: __rlimit_resource) -> Double {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return 0 }
        return Double(UInt64(limit.rlim_cur))
    }

    /// The whole file, at most 4 MiB of it; false if it cannot be read.
    private static func read(_ path: String, into buffer: inout ByteBuffer) -> Bool {
        buffer.removeAll()
        let descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        while buffer.count < 4 << 20 {
            var result = 0
            _ = buffer.appendUninitialized(atLeast: 4096) { room in
                result = Glibc.read(descriptor, room.baseAddress, room.count)
                return max(result, 0)
            }
            if result == 0 { return buffer.count > 0 }
            if result < 0, errno != EINTR { return false }
        }
        return true
    }

    /// How many entries a directory has, without the descriptor that counting takes.
    private static func entryCount(of path: String) -> Int? {
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // `.`, `..` and the one just opened.
        return max(count - 3, 0)
    }
}
