import Bytes
import Telemetry

/// What `/proc/stat` has beside the CPUs' times (proc_stat(5)).
struct StatCollector: Collector {
    static let description = CollectorDescription(
        "stat", "Boot time, forks, context switches, interrupts.",
        options: [CollectorOption("softirq", .bool, default: "false", "Report soft interrupts by vector.")]
    ) { StatCollector($0) }

    private static let lines: [(key: StaticString, family: StaticString, type: MetricType, help: StaticString)] = [
        ("intr", "node_intr_total", .counter, "Interrupts served."),
        ("ctxt", "node_context_switches_total", .counter, "Context switches."),
        ("processes", "node_forks_total", .counter, "Processes and threads created."),
        ("btime", "node_boot_time_seconds", .gauge, "When the host was booted, seconds since 1970."),
        ("procs_running", "node_procs_running", .gauge, "Processes that run or could."),
        ("procs_blocked", "node_procs_blocked", .gauge, "Processes that wait for input or output."),
    ]

    /// In the order of the kernel's columns.
    private static let vectors: [StaticString] = [
        "hi", "timer", "net_tx", "net_rx", "block", "block_iopoll", "tasklet", "sched", "hrtimer", "rcu",
    ]

    private let file: HostFile
    private let reportsVectors: Bool

    init(_ context: CollectorContext) {
        file = HostFile(context.paths.proc("stat"), .one)
        reportsVectors = context.options.bool("softirq")
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        var unreadable = 0
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            if reportsVectors, fields.field.equals("softirq" as StaticString) {
                writeVectors(&fields, into: &batch)
                continue
            }
            for line in Self.lines where fields.field.equals(line.key) {
                // Of the interrupts' thousands of columns the first is the sum.
                if let value = fields.nextNumber() {
                    batch.sample(line.family, line.type, line.help, value)
                } else {
                    unreadable += 1
                }
                break
            }
        }
        if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines without a number") }
    }

    private func writeVectors(_ fields: inout FieldCursor, into batch: inout SampleBatch) {
        let family = batch.family("node_softirqs_total", .counter, "Soft interrupts by vector.")
        // The first column is the sum.
        guard fields.next() else { return }
        for vector in Self.vectors {
            guard let value = fields.nextNumber() else { return }
            batch.sample(family, batch.labels("vector", vector), value)
        }
    }
}
