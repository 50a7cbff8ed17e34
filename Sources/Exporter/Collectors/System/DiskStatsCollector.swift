import Bytes
import Telemetry

/// `/proc/diskstats` (Documentation/admin-guide/iostats.rst) and what udev knows of each disk.
struct DiskStatsCollector: Collector {
    static let description = CollectorDescription(
        "diskstats", "Input and output of the disks, and what they are.",
        options: [
            CollectorOption("device_include", .pattern, "Disks to report."),
            CollectorOption(
                "device_exclude", .pattern,
                default: #"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"#, "Disks to leave out."),
        ]
    ) { try DiskStatsCollector($0) }

    private struct Column {
        var family: StaticString
        var type = MetricType.counter
        var scale = 1.0
        var help: StaticString
    }

    /// Sectors are of 512 bytes whatever the device's are; times are in milliseconds.
    private static let columns = [
        Column(family: "node_disk_reads_completed_total", help: "Reads that succeeded."),
        Column(family: "node_disk_reads_merged_total", help: "Reads that were merged with a neighbour."),
        Column(family: "node_disk_read_bytes_total", scale: 512, help: "Bytes read."),
        Column(family: "node_disk_read_time_seconds_total", scale: 0.001, help: "Seconds that all reads took."),
        Column(family: "node_disk_writes_completed_total", help: "Writes that succeeded."),
        Column(family: "node_disk_writes_merged_total", help: "Writes that were merged with a neighbour."),
        Column(family: "node_disk_written_bytes_total", scale: 512, help: "Bytes written."),
        Column(family: "node_disk_write_time_seconds_total", scale: 0.001, help: "Seconds that all writes took."),
        Column(family: "node_disk_io_now", type: .gauge, help: "Requests being served."),
        Column(family: "node_disk_io_time_seconds_total", scale: 0.001, help: "Seconds in which a disk had requests."),
        Column(
            family: "node_disk_io_time_weighted_seconds_total", scale: 0.001,
            help: "Seconds in which a disk had requests, times how many there were."),
        Column(family: "node_disk_discards_completed_total", help: "Discards that succeeded."),
        Column(family: "node_disk_discards_merged_total", help: "Discards that were merged with a neighbour."),
        Column(family: "node_disk_discarded_sectors_total", help: "Sectors discarded."),
        Column(family: "node_disk_discard_time_seconds_total", scale: 0.001, help: "Seconds that all discards took."),
        Column(family: "node_disk_flush_requests_total", help: "Flushes that succeeded."),
        Column(
            family: "node_disk_flush_requests_time_seconds_total", scale: 0.001, help: "Seconds that all flushes took."),
    ]
    /// Where the four numbers of a partition go that kernels before 2.6.25 write.
    private static let oldColumns = [0, 2, 4, 6]

    private let file: HostFile
    private let paths: HostPaths
    private let filter: NameFilter
    /// Those of the last collection, in the kernel's order.
    private var disks: [Disk] = []

    init(_ context: CollectorContext) throws {
        file = HostFile(context.paths.proc("diskstats"), .lines)
        paths = context.paths
        filter = try context.options.filter("device")
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let (count, unreadable) = writeCounters(of: reader.text, into: &batch)
        disks.removeLast(disks.count - count)
        if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
        let families = DiskFamilies(&batch)
        for disk in disks { disk.write(families, into: &batch, reader: &reader) }
    }

    /// Writes the counters of each wanted disk and brings `disks` up to date. Returns how many disks there are and how
    /// many lines could not be read.
    private mutating func writeCounters(
        of text: RawSpan, into batch: inout SampleBatch
    ) -> (disks: Int, unreadable: Int) {
        let families = Self.columns.map { batch.family($0.family, $0.type, $0.help) }
        var count = 0
        var unreadable = 0
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard let major = fields.nextInteger(), let minor = fields.nextInteger(), fields.next() else {
                unreadable += 1
                continue
            }
            let name = fields.field
            guard filter.allows(name) else { continue }
            var values = InlineArray<17, Double>(repeating: 0)
            var read = 0
            while read < 17, let value = fields.nextNumber() {
                values[read] = value
                read += 1
            }
            guard read >= 4, read == 4 || read >= 11 else {
                unreadable += 1
                continue
            }
            let labels = batch.labels("device", name)
            for index in 0..<read {
                let column = read == 4 ? Self.oldColumns[index] : index
                batch.sample(families[column], labels, values[index] * Self.columns[column].scale)
            }
            if count == disks.count || !disks[count].isSame(name, major, minor) {
                let disk = Disk(name: String(lossy: name), major: major, minor: minor, paths: paths)
                if count == disks.count { disks.append(disk) } else { disks[count] = disk }
            }
            count += 1
        }
        return (count, unreadable)
    }
}
