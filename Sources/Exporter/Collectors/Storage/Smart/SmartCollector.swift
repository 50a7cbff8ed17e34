import Bytes
import Telemetry

/// Health of disks, asked of themselves: SMART of ATA, the health log of NVMe, logs of SCSI.
///
/// An answer is kept for an hour, as asking costs a disk some milliseconds. Disks are asked by threads of their own, at most
/// `mostThreads`, and pages have what came last: a disk that hangs costs itself and its thread. One that sleeps is left
/// asleep.
struct SmartCollector: Collector {
    static let description = CollectorDescription(
        "smart", "Health of disks: SMART of ATA, NVMe and SCSI, asked of the disks themselves.",
        isEnabledByDefault: false,
        options: [
            CollectorOption("interval", .duration, default: "3600", "Seconds after which a disk is asked again."),
            CollectorOption("timeout", .duration, default: "10", "Seconds that a disk has for each command."),
            CollectorOption("device_include", .pattern, "Disks to ask."),
            CollectorOption("device_exclude", .pattern, "Disks to leave out."),
        ]
    ) { try SmartCollector($0) }

    private let directory: HostDirectory
    private let paths: HostPaths
    private let filter: NameFilter
    private let interval: Double
    private let open: @Sendable (_ path: String) throws -> any DiskCommands
    private let queue = Condition(Queue())
    private var disks: [SmartDisk] = []
    private var hasWaited = false

    private struct Queue {
        var waiting: [SmartDisk] = []
        var threads = 0
    }

    private static let mostThreads = 16
    /// Seconds that the first page waits for answers.
    private static let patience = 3.0

    /// - Parameter open: makes what a disk is asked with; tests give recorded answers.
    init(_ context: CollectorContext, open: (@Sendable (_ path: String) throws -> any DiskCommands)? = nil) throws {
        paths = context.paths
        directory = HostDirectory(paths.sys("block"))
        filter = try context.options.filter("device")
        interval = max(60, context.options.duration("interval") ?? 3600)
        let timeout = context.options.duration("timeout") ?? 10
        self.open = open ?? { try DeviceCommands($0, timeout: timeout) }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        if try directory.refresh() { list(&reader) }
        guard !disks.isEmpty else { throw CollectorError.absent("a disk of ATA, SCSI or NVMe in \(directory.path)") }
        askWhatIsDue()
        if !hasWaited {
            hasWaited = true
            let soon = Timestamp.monotonic.adding(seconds: Self.patience)
            for disk in disks { _ = disk.state.wait(until: soon) { $0.isBeingAsked ? nil : true } }
        }
        let families = SmartFamilies(&batch)
        for disk in disks {
            let state = disk.state.withLock { $0 }
            families.write(disk.name, state, into: &batch)
            if let problem = state.problem { reader.odd(problem) }
        }
    }

    /// A disk that was there before keeps what it said.
    private mutating func list(_ reader: inout HostReader) {
        let known = disks
        disks = directory.names.compactMap { name in
            guard filter.allows(name), let standard = standard(of: name, &reader) else { return nil }
            if let disk = known.first(where: { $0.name == name && $0.standard == standard }) { return disk }
            return SmartDisk(
                name: name, standard: standard, path: paths.root("/dev/\(name)"),
                runtimeStatus: "\(directory.path)/\(name)/device/power/runtime_status")
        }
    }

    /// Nil for what is no such disk. Disks behind USB are asked as what they pose as, as some of their bridges hang when they
    /// are sent commands of ATA.
    private func standard(of name: String, _ reader: inout HostReader) -> SmartReading.Standard? {
        let path = "\(directory.path)/\(name)/device"
        if name.hasPrefix("nvme") {
            // Paths of a multipath name space (nvme0c0n1) are no devices.
            return name.dropFirst(4).contains("c") ? nil : .nvme
        }
        guard name.hasPrefix("sd") else { return nil }
        // What libata, and adapters that translate, put in the place of the maker.
        return reader.loadAttribute("\(path)/vendor") && reader.text.equals("ATA" as StaticString) ? .ata : .scsi
    }

    private func askWhatIsDue() {
        let now = Timestamp.monotonic
        let due = disks.filter { disk in
            disk.state.withLock { state in
                guard !state.isBeingAsked, state.dueAt <= now else { return false }
                state.isBeingAsked = true
                return true
            }
        }
        if due.isEmpty { return }
        let more = queue.withLock { queue in
            queue.waiting += due
            let more = min(due.count, Self.mostThreads - queue.threads)
            queue.threads += more
            return more
        }
        for _ in 0..<more {
            WorkerThread(name: "smart") { [queue, open, interval] in
                while true {
                    let next: SmartDisk? = queue.withLock { queue in
                        if queue.waiting.isEmpty { queue.threads -= 1 }
                        return queue.waiting.isEmpty ? nil : queue.waiting.removeFirst()
                    }
                    guard let next else { return }
                    next.ask(again: interval, open)
                }
            }.detach()
        }
    }
}
