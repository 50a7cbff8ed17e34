import Bytes
import CLinux
import Glibc
import Telemetry

/// Where each btrfs file system is mounted, and what ioctl(2) tells there of its devices.
///
/// The mounts are looked through again when the list of mounts has changed.
final class BtrfsMounts {
    private let file: HostFile
    private let paths: HostPaths
    private var lastText: [UInt8] = []
    /// A mount point of each file system, by its id.
    private var points: [String: String] = [:]

    init(_ paths: HostPaths) {
        self.paths = paths
        file = HostFile(paths.proc("1/mountinfo"))
    }

    /// Where the mounts of all cannot be read there are none: sysfs has to do.
    func refresh(_ reader: inout HostReader) {
        guard (try? reader.loadIfPresent(file)) == true else { return points.removeAll() }
        let previous = lastText
        guard !previous.span.bytes.equals(reader.text) else { return }
        lastText = [UInt8](reader.text)
        points.removeAll()
        var unreadable = 0
        for mount in MountPoint.all(in: reader.text, odd: &unreadable) where mount.type == "btrfs" {
            let path = paths.root(String(decoding: mount.path, as: UTF8.self))
            guard let directory = OpenDirectory(path), let id = Self.id(directory) else { continue }
            if points[id] == nil { points[id] = path }
        }
    }

    /// Writes the devices of the file system; nil, with nothing written, where they cannot be asked for.
    func write(_ fileSystem: String, uuid: String, into batch: inout SampleBatch) -> Int? {
        guard let path = points[fileSystem], let directory = OpenDirectory(path) else { return nil }
        var found = clinux_btrfs_file_system()
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 36 + 256) { text -> Int? in
            guard let start = text.baseAddress,
                clinux_btrfs_file_system(directory.descriptor, &found, start) == 0,
                UnsafeBufferPointer(rebasing: text[0..<36]).span.bytes.equals(fileSystem)
            else { return nil }
            var count = 0
            // Numbers go up by one with each device that was ever added.
            for number in 0...min(found.most_device, 65_536) where count < found.device_count {
                var device = clinux_btrfs_device()
                guard clinux_btrfs_device(directory.descriptor, number, &device, start) == 0 else { continue }
                let words = UnsafeBufferPointer(text).span.bytes
                let name = words.extracting(36..<(36 + Int(device.name_length)))
                Self.write(device, id: words.extracting(0..<36), name: name, uuid: uuid, into: &batch)
                count += 1
            }
            return count
        }
    }

    private static func id(_ directory: borrowing OpenDirectory) -> String? {
        var found = clinux_btrfs_file_system()
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 36) { text -> String? in
            guard let start = text.baseAddress, clinux_btrfs_file_system(directory.descriptor, &found, start) == 0
            else { return nil }
            return String(lossy: UnsafeBufferPointer(text).span.bytes)
        }
    }

    private static func write(
        _ device: clinux_btrfs_device, id: RawSpan, name: RawSpan, uuid: String, into batch: inout SampleBatch
    ) {
        let size = batch.family("node_btrfs_device_size_bytes", .gauge, "Bytes of a device of a file system.")
        let unused = batch.family(
            "node_btrfs_device_unused_bytes", .gauge, "Bytes of a device that are set apart for nothing.")
        let errors = batch.family(
            "node_btrfs_device_errors_total", .counter, "Errors of a device, counted by the file system for ever.")
        let own = labels(id, name, uuid, into: &batch)
        batch.sample(size, own, Double(device.size))
        batch.sample(unused, own, Double(device.size &- min(device.used, device.size)))
        let corruption = labels(id, name, uuid, "corruption", into: &batch)
        batch.sample(errors, corruption, Double(device.corruption_errors))
        let flush = labels(id, name, uuid, "flush", into: &batch)
        batch.sample(errors, flush, Double(device.flush_errors))
        let generation = labels(id, name, uuid, "generation", into: &batch)
        batch.sample(errors, generation, Double(device.generation_errors))
        let read = labels(id, name, uuid, "read", into: &batch)
        batch.sample(errors, read, Double(device.read_errors))
        let write = labels(id, name, uuid, "write", into: &batch)
        batch.sample(errors, write, Double(device.write_errors))
    }

    private static func labels(
        _ id: RawSpan, _ name: RawSpan, _ uuid: String, _ type: StaticString? = nil, into batch: inout SampleBatch
    ) -> SampleBatch.Labels {
        batch.startLabels()
        batch.label("btrfs_dev_uuid", id)
        batch.label("device", repairing: name)
        if let type { batch.label("type", type) }
        batch.label("uuid", uuid)
        return batch.endLabels()
    }
}
