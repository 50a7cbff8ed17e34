import Bytes
import Telemetry

/// `sys/devices/system/cpu`: throttling by core and package, which CPUs are online, which are isolated.
///
/// Which files there are is looked up when CPUs come or go; a collection then reads only the counters.
struct CPUTopology {
    private struct Counter {
        var package: Int
        /// Nil for the package's own.
        var core: Int?
        var path: String
    }

    private let root: String
    private let directory: HostDirectory
    private let onlinePath: String
    /// `online` as it was when the lists below were made.
    private var onlineHash: UInt64?
    private var counters: [Counter] = []
    /// CPUs and their file `online`; empty where the kernel cannot take CPUs offline.
    private var switches: [(cpu: Int, path: String)] = []
    private var isolated: [Int] = []
    /// CPUs that Linux can have.
    private static let most = 8192

    init(_ paths: HostPaths) {
        root = paths.sys("devices/system/cpu")
        directory = HostDirectory(root)
        onlinePath = root + "/online"
    }

    mutating func write(into batch: inout SampleBatch, reader: inout HostReader) {
        refresh(&reader)
        let cores = batch.family(
            "node_cpu_core_throttles_total", .counter, "How often heat made the kernel slow down a core.")
        let packages = batch.family(
            "node_cpu_package_throttles_total", .counter, "How often heat made the kernel slow down a package.")
        for counter in counters {
            guard let value = reader.number(counter.path) else { continue }
            batch.startLabels()
            if let core = counter.core { batch.label("core", core) }
            batch.label("package", counter.package)
            batch.sample(counter.core == nil ? packages : cores, batch.endLabels(), value)
        }
        if !switches.isEmpty {
            let online = batch.family("node_cpu_online", .gauge, "Whether a CPU is online.")
            for (cpu, path) in switches {
                batch.sample(online, batch.labels("cpu", cpu), reader.number(path) == 1 ? 1 : 0)
            }
        }
        if !isolated.isEmpty {
            let family = batch.family("node_cpu_isolated", .gauge, "CPUs that the scheduler leaves alone (isolcpus).")
            for cpu in isolated { batch.sample(family, batch.labels("cpu", cpu), 1) }
        }
    }

    private mutating func refresh(_ reader: inout HostReader) {
        let isChanged = (try? directory.refresh()) ?? false
        let hash = reader.loadAttribute(onlinePath) ? reader.text.fnv1a : 0
        guard isChanged || hash != onlineHash else { return }
        onlineHash = hash
        isolated = reader.loadAttribute(root + "/isolated") ? Self.numbers(in: reader.text) : []
        let cpus = directory.names.compactMap { name in
            name.hasPrefix("cpu") ? Int(name.dropFirst(3)).flatMap { $0 >= 0 ? $0 : nil } : nil
        }
        switches =
            cpus.first.map { reader.loadAttribute("\(root)/cpu\($0)/online") } == true
            ? cpus.map { ($0, "\(root)/cpu\($0)/online") } : []
        counters = []
        for cpu in cpus {
            let path = "\(root)/cpu\(cpu)"
            guard let package = reader.number(path + "/topology/physical_package_id").flatMap({ Int(exactly: $0) }),
                let core = reader.number(path + "/topology/core_id").flatMap({ Int(exactly: $0) })
            else { continue }
            // CPUs of a core share its counter, cores of a package the package's.
            add(Counter(package: package, core: core, path: path + "/thermal_throttle/core_throttle_count"), &reader)
            add(Counter(package: package, path: path + "/thermal_throttle/package_throttle_count"), &reader)
        }
    }

    private mutating func add(_ counter: Counter, _ reader: inout HostReader) {
        let isKnown = counters.contains { $0.package == counter.package && $0.core == counter.core }
        if !isKnown, reader.number(counter.path) != nil { counters.append(counter) }
    }

    /// `1,3-5,9` as the kernel writes sets of CPUs.
    static func numbers(in text: RawSpan) -> [Int] {
        var numbers: [Int] = []
        var start = 0
        while start < text.byteCount {
            let end = text.firstIndex(of: 0x2c, from: start) ?? text.byteCount
            let part = text.slice(start, end)
            start = end + 1
            let dash = part.firstIndex(of: 0x2d)
            let first = part.slice(0, dash ?? part.byteCount).unsigned
            let last = dash.map { part.slice($0 + 1, part.byteCount).unsigned } ?? first
            guard let first, let last, first <= last, last < UInt64(most) else { continue }
            numbers.append(contentsOf: Int(first)...Int(last))
            if numbers.count > most { break }
        }
        return numbers
    }
}
