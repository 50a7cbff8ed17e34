import Bytes
import Telemetry

/// `/proc/softirqs`.
struct SoftInterruptsCollector: Collector {
    static let description = CollectorDescription(
        "softirqs", "Soft interrupts by CPU and kind.", isEnabledByDefault: false
    ) { SoftInterruptsCollector($0) }

    private let file: HostFile

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("softirqs")) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let family = batch.family("node_softirqs_functions_total", .counter, "Soft interrupts by CPU and kind.")
        let table = CPUTable(reader.text)
        var unreadable = 0
        var lines = LineCursor(reader.text)
        _ = lines.next()
        while lines.next() {
            guard let row = table.row(lines.line) else {
                unreadable += 1
                continue
            }
            var values = FieldCursor(lines.line.extracting(row.values))
            for cpu in table.cpus {
                guard let value = values.nextNumber() else { break }
                batch.startLabels()
                batch.label("cpu", cpu)
                batch.label("type", lines.line.extracting(row.name))
                batch.sample(family, batch.endLabels(), value)
            }
        }
        if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
    }
}
