import Bytes
import Telemetry

/// `/sys/fs/bcachefs/UUID` (bcachefs, fs/sysfs.c).
struct BcachefsCollector: Collector {
    static let description = CollectorDescription("bcachefs", "Bcachefs file systems.") { BcachefsCollector($0) }

    private final class FileSystem {
        let uuid: String
        let cacheSize, compression, errors, writes: String
        let counters: DeviceList<(family: String, path: String)>
        let devices: DeviceList<Device>

        init(uuid: String, path: String) {
            self.uuid = uuid
            cacheSize = "\(path)/btree_cache_size"
            compression = "\(path)/compression_stats"
            errors = "\(path)/errors"
            writes = "\(path)/btree_write_stats"
            counters = DeviceList("\(path)/counters") { name, path in
                let isName = name.utf8.allSatisfy {
                    (0x61...0x7a).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x5f
                }
                return isName ? ("node_bcachefs_\(name)_total", path) : nil
            }
            devices = DeviceList(path) { name, path in name.number(after: "dev-").map { Device(number: $0, path: path) }
            }
        }
    }

    private struct Device {
        let number: String
        let label, state, bucketSize, buckets, durability, done, errors: String

        init(number: String, path: String) {
            self.number = number
            label = "\(path)/label"
            state = "\(path)/state"
            bucketSize = "\(path)/bucket_size"
            buckets = "\(path)/nbuckets"
            durability = "\(path)/durability"
            done = "\(path)/io_done"
            errors = "\(path)/io_errors"
        }
    }

    private let directory: String
    private let fileSystems: DeviceList<FileSystem>

    init(_ context: CollectorContext) {
        directory = context.paths.sys("fs/bcachefs")
        fileSystems = DeviceList(directory) { name, path in
            name.contains("-") ? FileSystem(uuid: name, path: path) : nil
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try fileSystems.refresh()
        if fileSystems.devices.isEmpty { throw CollectorError.absent("no file system in \(directory)") }
        for fileSystem in fileSystems.devices {
            let labels = batch.labels("uuid", fileSystem.uuid)
            batch.sample(
                batch.family("node_bcachefs_info", .gauge, "That there is a file system; always 1."), labels, 1)
            if reader.loadAttribute(fileSystem.cacheSize), let size = Self.number(reader.text) {
                let family = batch.family(
                    "node_bcachefs_btree_cache_size_bytes", .gauge, "Bytes of memory for the tree.")
                batch.sample(family, labels, size)
            }
            writeCompression(of: fileSystem, into: &batch, &reader)
            writeErrors(of: fileSystem, into: &batch, &reader)
            writeTreeWrites(of: fileSystem, into: &batch, &reader)
            if try fileSystem.counters.refreshIfPresent() {
                for (family, path) in fileSystem.counters.devices where reader.loadAttribute(path) {
                    guard let value = Self.sinceCreation(reader.text) else { continue }
                    batch.sample(
                        batch.family(family, .counter, "A counter of bcachefs, since the file system was made."),
                        labels, value)
                }
            }
            guard try fileSystem.devices.refreshIfPresent() else { continue }
            for device in fileSystem.devices.devices {
                write(device, of: fileSystem.uuid, into: &batch, &reader)
            }
        }
    }

    /// A heading, then algorithm, bytes compressed and bytes not compressed.
    private func writeCompression(
        of fileSystem: FileSystem, into batch: inout SampleBatch, _ reader: inout HostReader
    ) {
        guard reader.loadAttribute(fileSystem.compression) else { return }
        let compressed = batch.family(
            "node_bcachefs_compression_compressed_bytes", .gauge, "Bytes that compressed data takes.")
        let uncompressed = batch.family(
            "node_bcachefs_compression_uncompressed_bytes", .gauge, "Bytes that compressed data stands for.")
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            let algorithm = fields.field
            guard fields.next(), let small = Self.number(fields.field), fields.next(),
                let large = Self.number(fields.field)
            else { continue }
            batch.startLabels()
            batch.label("algorithm", repairing: algorithm)
            batch.label("uuid", fileSystem.uuid)
            let labels = batch.endLabels()
            batch.sample(compressed, labels, small)
            batch.sample(uncompressed, labels, large)
        }
    }

    /// Error, how often, when last.
    private func writeErrors(of fileSystem: FileSystem, into batch: inout SampleBatch, _ reader: inout HostReader) {
        guard reader.loadAttribute(fileSystem.errors) else { return }
        let family = batch.family("node_bcachefs_errors_total", .counter, "Errors found, by kind.")
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            let kind = fields.field
            guard let count = fields.nextNumber() else { continue }
            batch.startLabels()
            batch.label("error_type", repairing: kind)
            batch.label("uuid", fileSystem.uuid)
            batch.sample(family, batch.endLabels(), count)
        }
    }

    /// A heading, then `initial:`, how many and how large on average.
    private func writeTreeWrites(
        of fileSystem: FileSystem, into batch: inout SampleBatch, _ reader: inout HostReader
    ) {
        guard reader.loadAttribute(fileSystem.writes) else { return }
        let writes = batch.family("node_bcachefs_btree_writes_total", .counter, "Writes of the tree, by kind.")
        let sizes = batch.family(
            "node_bcachefs_btree_write_average_size_bytes", .gauge, "Bytes of a write of the tree, by kind.")
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next(), fields.field.byteCount > 1,
                fields.field.byte(at: fields.field.byteCount - 1) == 0x3a
            else { continue }
            let kind = fields.field.extracting(0..<(fields.field.byteCount - 1))
            guard fields.next(), let count = Self.number(fields.field), fields.next(),
                let size = Self.number(fields.field)
            else { continue }
            batch.startLabels()
            batch.label("type", repairing: kind)
            batch.label("uuid", fileSystem.uuid)
            let labels = batch.endLabels()
            batch.sample(writes, labels, count)
            batch.sample(sizes, labels, size)
        }
    }

    private func write(
        _ device: Device, of uuid: String, into batch: inout SampleBatch, _ reader: inout HostReader
    ) {
        let info = batch.family("node_bcachefs_device_info", .gauge, "What a device is called and its state; always 1.")
        let name = reader.string(device.label) ?? ""
        let state = reader.string(device.state) ?? ""
        batch.startLabels()
        batch.label("device", device.number)
        batch.label("label", name)
        batch.label("state", state)
        batch.label("uuid", uuid)
        batch.sample(info, batch.endLabels(), 1)

        batch.startLabels()
        batch.label("device", device.number)
        batch.label("uuid", uuid)
        let labels = batch.endLabels()
        func sample(_ path: String, _ family: StaticString, _ help: StaticString) {
            guard reader.loadAttribute(path), let value = Self.number(reader.text) else { return }
            batch.sample(batch.family(family, .gauge, help), labels, value)
        }
        sample(device.bucketSize, "node_bcachefs_device_bucket_size_bytes", "Bytes of a bucket of a device.")
        sample(device.buckets, "node_bcachefs_device_buckets", "Buckets of a device.")
        sample(device.durability, "node_bcachefs_device_durability", "Copies that one on a device counts for.")
        writeDone(by: device, of: uuid, into: &batch, &reader)
        writeErrors(of: device, of: uuid, into: &batch, &reader)
    }

    /// `read:` or `write:`, then `user    :   610019098624`.
    private func writeDone(
        by device: Device, of uuid: String, into batch: inout SampleBatch, _ reader: inout HostReader
    ) {
        guard reader.loadAttribute(device.done) else { return }
        let family = batch.family(
            "node_bcachefs_device_io_done_bytes_total", .counter, "Bytes read and written, by what they hold.")
        var operation: StaticString = ""
        var lines = LineCursor(reader.text)
        while lines.next() {
            let line = lines.line.trimmed
            if line.equals("read:" as StaticString) { operation = "read" }
            if line.equals("write:" as StaticString) { operation = "write" }
            guard operation.utf8CodeUnitCount > 0, let colon = line.firstIndex(of: 0x3a),
                let value = Self.number(line.extracting((colon + 1)..<line.byteCount).trimmed)
            else { continue }
            batch.startLabels()
            batch.label("data_type", repairing: line.extracting(0..<colon).trimmed)
            batch.label("device", device.number)
            batch.label("operation", operation)
            batch.label("uuid", uuid)
            batch.sample(family, batch.endLabels(), value)
        }
    }

    /// Errors since the file system was made; what follows is since a moment that can be set.
    private func writeErrors(
        of device: Device, of uuid: String, into batch: inout SampleBatch, _ reader: inout HostReader
    ) {
        guard reader.loadAttribute(device.errors) else { return }
        let family = batch.family("node_bcachefs_device_io_errors_total", .counter, "Errors of a device, by kind.")
        var headings = 0
        var lines = LineCursor(reader.text)
        while lines.next() {
            if lines.line.hasPrefix("IO errors" as StaticString) { headings += 1 }
            let line = lines.line.trimmed
            guard headings == 1, let colon = line.firstIndex(of: 0x3a),
                let value = Self.number(line.extracting((colon + 1)..<line.byteCount).trimmed)
            else { continue }
            batch.startLabels()
            batch.label("device", device.number)
            batch.label("type", repairing: line.extracting(0..<colon))
            batch.label("uuid", uuid)
            batch.sample(family, batch.endLabels(), value)
        }
    }

    /// `since filesystem creation:     37363674`
    private static func sinceCreation(_ text: RawSpan) -> Double? {
        var lines = LineCursor(text)
        while lines.next() {
            guard lines.line.hasPrefix("since filesystem creation:" as StaticString) else { continue }
            var fields = FieldCursor(lines.line)
            guard fields.skip(4) else { return nil }
            return number(fields.field)
        }
        return nil
    }

    /// `720`, `28.2k`, `10.8T`, in powers of 1024; what is left behind the point then is cut.
    static func number(_ text: RawSpan) -> Double? {
        guard text.byteCount > 0 else { return nil }
        guard let power = [UInt8]("kMGTPEZY".utf8).firstIndex(of: text.byte(at: text.byteCount - 1)) else {
            return text.number
        }
        var unit = 1.0
        for _ in 0...power { unit *= 1024 }
        return text.extracting(0..<(text.byteCount - 1)).number.map { ($0 * unit).rounded(.towardZero) }
    }
}
