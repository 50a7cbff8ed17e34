import Bytes
import Telemetry

/// Software RAID: `/proc/mdstat` and `/sys/block/md*/md` (kernel, admin-guide/md).
struct MDCollector: Collector {
    static let description = CollectorDescription("mdadm", "Arrays of software RAID.") { MDCollector($0) }

    private final class Device {
        let name: String
        let level, disks, degraded: String

        init(name: String, path: String) {
            self.name = name
            level = "\(path)/md/level"
            disks = "\(path)/md/raid_disks"
            degraded = "\(path)/md/degraded"
        }
    }

    private let file: HostFile
    private let devices: DeviceList<Device>

    init(_ context: CollectorContext) {
        file = HostFile(context.paths.proc("mdstat"))
        devices = DeviceList(context.paths.sys("block")) { name, path in
            name.hasPrefix("md") ? Device(name: name, path: path) : nil
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let families = Families(into: &batch)
        var unreadable = 0
        var lines = LineCursor(reader.text)
        var hasLine = lines.next()
        while hasLine {
            let header = lines.line
            guard var array = MDArray(header) else {
                hasLine = lines.next()
                continue
            }
            hasLine = lines.next()
            while hasLine, lines.line.byteCount > 0, lines.line.byte(at: 0) <= 0x20 {
                array.take(lines.line)
                hasLine = lines.next()
            }
            var name = FieldCursor(header)
            _ = name.next()
            guard families.write(array, named: name.field, into: &batch) else {
                unreadable += 1
                continue
            }
        }
        if unreadable > 0 { reader.odd("\(file.path): \(unreadable) arrays without a size") }
        try collectDevices(into: &batch, &reader)
    }

    private func collectDevices(into batch: inout SampleBatch, _ reader: inout HostReader) throws {
        guard try devices.refreshIfPresent() else { return }
        let disks = batch.family("node_md_raid_disks", .gauge, "Disks of an array when it is whole.")
        let degraded = batch.family("node_md_degraded", .gauge, "Disks that an array lacks.")
        for device in devices.devices {
            guard reader.loadAttribute(device.level) else { continue }
            let labels = batch.labels("device", device.name)
            let isContainer = Self.isContainer(reader.text)
            // While it grows: `11 (10)`.
            if !isContainer, reader.loadAttribute(device.disks) {
                var fields = FieldCursor(reader.text)
                if let count = fields.nextNumber() { batch.sample(disks, labels, count) }
            }
            // Arrays that cannot do without a disk have no such file.
            batch.sample(degraded, labels, reader.number(device.degraded) ?? 0)
        }
    }

    /// Whether a level is one of those that hold arrays and have no disks of their own.
    private static func isContainer(_ level: RawSpan) -> Bool {
        level.isEmpty || level.equals("container" as StaticString) || level.equals("imsm" as StaticString)
            || level.equals("ddf" as StaticString)
    }

    private struct Families {
        let state, disks, required, blocks, synced: SampleBatch.FamilyID

        init(into batch: inout SampleBatch) {
            state = batch.family("node_md_state", .gauge, "Whether an array is in a state.")
            disks = batch.family("node_md_disks", .gauge, "Disks of an array by what they are.")
            required = batch.family("node_md_disks_required", .gauge, "Disks that an array needs to be whole.")
            blocks = batch.family("node_md_blocks", .gauge, "Blocks of an array.")
            synced = batch.family("node_md_blocks_synced", .gauge, "Blocks of an array that are in sync.")
        }

        /// False for an array whose size is unknown.
        func write(_ array: borrowing MDArray, named name: RawSpan, into batch: inout SampleBatch) -> Bool {
            guard let size = array.blocks else { return false }
            let labels = batch.labels("device", name)
            batch.sample(required, labels, Double(array.required))
            batch.sample(blocks, labels, size)
            batch.sample(synced, labels, array.syncedBlocks)
            func sample(_ family: SampleBatch.FamilyID, _ word: StaticString, _ value: Double) {
                batch.startLabels()
                batch.label("device", name)
                batch.label("state", word)
                batch.sample(family, batch.endLabels(), value)
            }
            sample(disks, "active", Double(array.active))
            sample(disks, "failed", Double(array.failed))
            sample(disks, "spare", Double(array.spare))
            sample(state, "active", array.activity == .active ? 1 : 0)
            sample(state, "inactive", array.activity == .inactive ? 1 : 0)
            sample(state, "recovering", array.activity == .recovering ? 1 : 0)
            sample(state, "resync", array.activity == .resyncing ? 1 : 0)
            sample(state, "check", array.activity == .checking ? 1 : 0)
            return true
        }
    }
}
