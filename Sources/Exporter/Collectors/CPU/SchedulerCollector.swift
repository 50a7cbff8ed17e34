import Bytes
import Telemetry

/// `/proc/schedstat` (Documentation/scheduler/sched-stats.rst): the last three of a CPU's numbers.
struct SchedulerCollector: Collector {
    static let description = CollectorDescription("schedstat", "Time that tasks ran on and waited for each CPU.") {
        SchedulerCollector($0)
    }

    private let file: HostFile

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("schedstat")) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let running = batch.family(
            "node_schedstat_running_seconds_total", .counter, "Seconds that tasks ran on a CPU.")
        let waiting = batch.family(
            "node_schedstat_waiting_seconds_total", .counter, "Seconds that tasks waited for a CPU.")
        let slices = batch.family("node_schedstat_timeslices_total", .counter, "Time slices that ran on a CPU.")
        var unreadable = 0
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next(), fields.field.hasPrefix("cpu" as StaticString) else { continue }
            let cpu = fields.field.slice(3, fields.field.byteCount)
            guard cpu.unsigned != nil, fields.skip(6), let ran = fields.nextNumber(), let waited = fields.nextNumber(),
                let count = fields.nextNumber()
            else {
                unreadable += 1
                continue
            }
            let labels = batch.labels("cpu", cpu)
            batch.sample(running, labels, ran / 1e9)
            batch.sample(waiting, labels, waited / 1e9)
            batch.sample(slices, labels, count)
        }
        if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
    }
}
