import Bytes
import Telemetry

/// `/proc/buddyinfo` (proc_buddyinfo(5)): `Node 0, zone DMA` and free blocks of 1, 2, 4 … pages.
struct BuddyInfoCollector: Collector {
    static let description = CollectorDescription(
        "buddyinfo", "Free blocks of memory by size.", isEnabledByDefault: false
    ) { BuddyInfoCollector($0) }

    private let file: HostFile
    /// Sizes that a kernel can have.
    private static let most = 64

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("buddyinfo")) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let family = batch.family(
            "node_buddyinfo_blocks", .gauge, "Free blocks of memory; each size is twice the one before.")
        var unreadable = 0
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next(), fields.next() else { continue }
            let node = fields.field
            guard node.byteCount > 1, node.byte(at: node.byteCount - 1) == 0x2c, fields.skip(2) else {
                unreadable += 1
                continue
            }
            let zone = fields.field
            var size = 0
            while size < Self.most, fields.next() {
                guard let blocks = fields.field.number else {
                    unreadable += 1
                    break
                }
                batch.startLabels()
                batch.label("node", node.slice(0, node.byteCount - 1))
                batch.label("size", size)
                batch.label("zone", zone)
                batch.sample(family, batch.endLabels(), blocks)
                size += 1
            }
        }
        if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
    }
}
