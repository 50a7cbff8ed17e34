import Bytes
import Telemetry

/// `/proc/spl/kstat/zfs`: what OpenZFS counts, under the names it gives.
struct ZFSCollector: Collector {
    static let description = CollectorDescription("zfs", "ZFS: caches, pools and datasets.") { ZFSCollector($0) }

    /// Files of the whole module and what their families' names begin with.
    private static let subjects: [(prefix: StaticString, file: String)] = [
        ("node_zfs_abd_", "abdstats"), ("node_zfs_arc_", "arcstats"), ("node_zfs_dbuf_", "dbufstats"),
        ("node_zfs_dmu_tx_", "dmu_tx"), ("node_zfs_dnode_", "dnodestats"), ("node_zfs_fm_", "fm"),
        ("node_zfs_vdev_cache_", "vdev_cache_stats"), ("node_zfs_vdev_mirror_", "vdev_mirror_stats"),
        ("node_zfs_xuio_", "xuio_stats"), ("node_zfs_zfetch_", "zfetchstats"), ("node_zfs_zil_", "zil"),
    ]

    private static let states: [StaticString] = [
        "degraded", "faulted", "offline", "online", "removed", "suspended", "unavail",
    ]

    private final class Pool {
        let name: String
        let io: HostFile
        let state: HostFile
        let datasets: DeviceList<HostFile>

        init(name: String, path: String) {
            self.name = name
            io = HostFile("\(path)/io")
            state = HostFile("\(path)/state")
            // A host may have thousands: these are not kept open.
            datasets = DeviceList(path) { name, path in
                name.hasPrefix("objset-") ? HostFile(path, staysOpen: false) : nil
            }
        }
    }

    private let subjects: [(prefix: StaticString, file: HostFile)]
    private let pools: DeviceList<Pool>

    init(_ context: CollectorContext) {
        let directory = context.paths.proc("spl/kstat/zfs")
        subjects = Self.subjects.map { ($0.prefix, HostFile("\(directory)/\($0.file)")) }
        let files = Set(Self.subjects.map(\.file))
        pools = DeviceList(directory) { name, path in files.contains(name) ? nil : Pool(name: name, path: path) }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try pools.refresh()
        for (prefix, file) in subjects {
            guard try reader.loadIfPresent(file) else { continue }
            Self.write(reader.text, prefix, labels: .none, into: &batch)
        }
        for pool in pools.devices {
            // What stands beside the pools and is none of ours is a file.
            guard try pool.datasets.refreshIfPresent() else { continue }
            let labels = batch.labels("zpool", pool.name)
            if try reader.loadIfPresent(pool.io) { Self.writeTable(reader.text, labels, into: &batch) }
            if try reader.loadIfPresent(pool.state) { Self.writeState(reader.text, pool.name, into: &batch) }
            for file in pool.datasets.devices {
                guard try reader.loadIfPresent(file) else { continue }
                Self.writeDataset(reader.text, pool.name, into: &batch)
            }
        }
    }

    /// Lines of name, type and number; types 3 and 4 are whole numbers.
    private static func write(
        _ text: RawSpan, _ prefix: StaticString, labels: SampleBatch.Labels, into batch: inout SampleBatch
    ) {
        var lines = LineCursor(text)
        var isBelowHeading = false
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            if !isBelowHeading {
                isBelowHeading = fields.field.equals("name" as StaticString)
                continue
            }
            let name = fields.field
            guard fields.next(), fields.field.byteCount == 1,
                fields.field.byte(at: 0) == 0x33 || fields.field.byte(at: 0) == 0x34,
                let value = fields.nextNumber()
            else { continue }
            batch.sample(family(prefix, name, into: &batch), labels, value)
        }
    }

    /// A line of names, a line of numbers.
    private static func writeTable(_ text: RawSpan, _ labels: SampleBatch.Labels, into batch: inout SampleBatch) {
        var lines = LineCursor(text)
        while lines.next() {
            guard lines.line.hasPrefix("nread" as StaticString) else { continue }
            var names = FieldCursor(lines.line)
            guard lines.next() else { return }
            var values = FieldCursor(lines.line)
            while names.next(), let value = values.nextNumber() {
                batch.sample(family("node_zfs_zpool_", names.field, into: &batch), labels, value)
            }
            return
        }
    }

    private static func writeState(_ text: RawSpan, _ pool: String, into batch: inout SampleBatch) {
        let family = batch.family("node_zfs_zpool_state", .gauge, "Whether a pool is in a state.")
        for state in states {
            batch.startLabels()
            batch.label("state", state)
            batch.label("zpool", pool)
            batch.sample(family, batch.endLabels(), text.trimmed.equalsIgnoringCase(state) ? 1 : 0)
        }
    }

    private static func writeDataset(_ text: RawSpan, _ pool: String, into batch: inout SampleBatch) {
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next(), fields.field.equals("dataset_name" as StaticString), fields.skip(1) else { continue }
            batch.startLabels()
            // A name may have blanks.
            batch.label("dataset", repairing: fields.rest.trimmed)
            batch.label("zpool", pool)
            return write(text, "node_zfs_zpool_dataset_", labels: batch.endLabels(), into: &batch)
        }
    }

    /// Hyphens, and whatever else a family's name cannot have, become `_`.
    private static func family(
        _ prefix: StaticString, _ name: RawSpan, into batch: inout SampleBatch
    ) -> SampleBatch.FamilyID {
        batch.family(.untyped, help: "A number of OpenZFS, as it has it.") { text in
            text.append(prefix)
            for offset in 0..<name.byteCount {
                switch name.byte(at: offset) {
                case let byte where (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20):
                    text.append(byte)
                default: text.append(0x5f)
                }
            }
        }
    }
}
