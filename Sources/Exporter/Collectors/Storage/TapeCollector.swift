import Telemetry

/// `/sys/class/scsi_tape/st*/stats` (kernel, scsi/st).
struct TapeCollector: Collector {
    static let description = CollectorDescription(
        "tapestats", "Tape drives.",
        options: [CollectorOption("ignored_devices", .pattern, default: "^$", "Drives to leave out.")]
    ) { try TapeCollector($0) }

    private static let attributes = [
        DeviceAttribute("stats/in_flight", "node_tape_io_now", "Requests to a drive that are under way."),
        DeviceAttribute(
            "stats/io_ns", "node_tape_io_time_seconds_total", "Seconds spent waiting for a drive.", type: .counter,
            divisor: 1e9),
        DeviceAttribute(
            "stats/other_cnt", "node_tape_io_others_total", "Requests other than reads and writes.", type: .counter),
        DeviceAttribute("stats/read_byte_cnt", "node_tape_read_bytes_total", "Bytes read.", type: .counter),
        DeviceAttribute("stats/read_cnt", "node_tape_reads_completed_total", "Reads done.", type: .counter),
        DeviceAttribute(
            "stats/read_ns", "node_tape_read_time_seconds_total", "Seconds spent reading.", type: .counter,
            divisor: 1e9),
        DeviceAttribute(
            "stats/resid_cnt", "node_tape_residual_total", "Reads and writes that moved less than was asked for.",
            type: .counter),
        DeviceAttribute("stats/write_byte_cnt", "node_tape_written_bytes_total", "Bytes written.", type: .counter),
        DeviceAttribute("stats/write_cnt", "node_tape_writes_completed_total", "Writes done.", type: .counter),
        DeviceAttribute(
            "stats/write_ns", "node_tape_write_time_seconds_total", "Seconds spent writing.", type: .counter,
            divisor: 1e9),
    ]

    private let drives: DeviceList<AttributedDevice>
    private var table: AttributeTable

    init(_ context: CollectorContext) throws {
        let filter = NameFilter(include: nil, exclude: try context.options.pattern("ignored_devices"))
        let table = AttributeTable(Self.attributes)
        self.table = table
        drives = DeviceList(context.paths.sys("class/scsi_tape")) { name, path in
            // Each drive has other nodes, `nst0` and `st0a`, with the same numbers.
            guard let number = name.number(after: "st"), Int(number) != nil, filter.allows(name) else { return nil }
            return table.device([("device", name)], at: path)
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try drives.refresh()
        table.write(drives.devices, into: &batch, &reader)
    }
}
