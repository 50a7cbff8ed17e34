import Bytes
import Telemetry

/// `/proc/swaps` (proc_swaps(5)); sizes are in KiB.
struct SwapCollector: Collector {
    static let description = CollectorDescription("swap", "Areas of swap.", isEnabledByDefault: false) {
        SwapCollector($0)
    }

    private let file: HostFile

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("swaps")) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let size = batch.family("node_swap_size_bytes", .gauge, "Bytes that an area holds.")
        let used = batch.family("node_swap_used_bytes", .gauge, "Bytes of an area that are used.")
        let priority = batch.family("node_swap_priority", .gauge, "An area's priority; higher ones are used first.")
        var unreadable = 0
        var lines = LineCursor(reader.text)
        _ = lines.next()
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            let device = fields.field
            guard fields.next() else {
                unreadable += 1
                continue
            }
            let kind = fields.field
            guard let total = fields.nextNumber(), let taken = fields.nextNumber(), let rank = fields.nextNumber()
            else {
                unreadable += 1
                continue
            }
            batch.startLabels()
            batch.label("device", device)
            batch.label("swap_type", kind)
            let labels = batch.endLabels()
            batch.sample(size, labels, total * 1024)
            batch.sample(used, labels, taken * 1024)
            batch.sample(priority, labels, rank)
        }
        if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
    }
}
