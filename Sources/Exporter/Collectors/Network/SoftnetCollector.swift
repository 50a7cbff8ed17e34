import Bytes
import Telemetry

/// `/proc/net/softnet_stat`: a line of hexadecimal numbers for each CPU (net/core/net-procfs.c, softnet_seq_show).
struct SoftnetCollector: Collector {
    static let description = CollectorDescription("softnet", "Packets that the CPUs took from the network cards.") {
        SoftnetCollector($0)
    }

    private static let columns: [(column: Int, family: StaticString, type: MetricType, help: StaticString)] = [
        (0, "node_softnet_processed_total", .counter, "Packets taken."),
        (1, "node_softnet_dropped_total", .counter, "Packets dropped as the CPU's queue was full."),
        (2, "node_softnet_times_squeezed_total", .counter, "How often a CPU had to stop with packets left."),
        (8, "node_softnet_cpu_collision_total", .counter, "How often two CPUs wanted to send on one device."),
        (9, "node_softnet_received_rps_total", .counter, "How often another CPU woke this one for packets."),
        (10, "node_softnet_flow_limit_count_total", .counter, "Packets over the limit of their flow."),
        (11, "node_softnet_backlog_len", .gauge, "Packets that wait in a CPU's queue."),
    ]

    private let file: HostFile

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("net/softnet_stat"), .lines) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let families = Self.columns.map { batch.family($0.family, $0.type, $0.help) }
        var unreadable = 0
        var place = 0
        var lines = LineCursor(reader.text)
        while lines.next() {
            var values = InlineArray<13, UInt64>(repeating: 0)
            var count = 0
            var fields = FieldCursor(lines.line)
            while count < 13, fields.next(), let value = fields.field.hexadecimal {
                values[count] = value
                count += 1
            }
            // Since Linux 5.10 a line says which CPU it is about; before, offline ones have none.
            let cpu = count > 12 ? Int(clamping: values[12]) : place
            place += 1
            // Columns were added over time; the oldest kernels have nine.
            guard count >= 9 else {
                unreadable += 1
                continue
            }
            let labels = batch.labels("cpu", cpu)
            for (index, column) in Self.columns.enumerated() {
                batch.sample(families[index], labels, Double(values[column.column]))
            }
        }
        if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
    }
}
