import Bytes
import Telemetry

/// `/sys/fs/btrfs` (fs/btrfs/sysfs.c), and by ioctl(2) the devices of what is mounted (linux/btrfs.h).
struct BtrfsCollector: Collector {
    static let description = CollectorDescription("btrfs", "Btrfs file systems.") { BtrfsCollector($0) }

    private final class FileSystem {
        let name: String
        let label, uuid, reserve, commits: String
        let devices: DeviceList<(name: String, size: String)>
        /// Of data, metadata and system.
        let groups: [Group]

        init(name: String, path: String) {
            self.name = name
            label = "\(path)/label"
            uuid = "\(path)/metadata_uuid"
            reserve = "\(path)/allocation/global_rsv_size"
            commits = "\(path)/commit_stats"
            devices = DeviceList("\(path)/devices") { ($0, "\($1)/size") }
            groups = ["data", "metadata", "system"].map { Group(name: $0, path: "\(path)/allocation/\($0)") }
        }
    }

    /// What is kept for one kind of content.
    private final class Group {
        let name: String
        let reserved: String
        let profiles: DeviceList<(name: String, used: String, total: String)>

        init(name: String, path: String) {
            self.name = name
            reserved = "\(path)/bytes_reserved"
            // Files stand between the directories of the profiles; they have no file below them.
            profiles = DeviceList(path) { ($0, "\($1)/used_bytes", "\($1)/total_bytes") }
        }
    }

    private let fileSystems: DeviceList<FileSystem>
    private let mounts: BtrfsMounts

    init(_ context: CollectorContext) {
        mounts = BtrfsMounts(context.paths)
        fileSystems = DeviceList(context.paths.sys("fs/btrfs")) { name, path in
            // Beside them there is `features`.
            name.contains("-") ? FileSystem(name: name, path: path) : nil
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        // A host without such file systems is no failure.
        guard try fileSystems.refreshIfPresent() else { return }
        if !fileSystems.devices.isEmpty { mounts.refresh(&reader) }
        for fileSystem in fileSystems.devices {
            let found = reader.string(fileSystem.uuid) ?? ""
            let uuid = found.isEmpty ? fileSystem.name : found
            let info = batch.family("node_btrfs_info", .gauge, "What a file system is called; always 1.")
            batch.startLabels()
            if reader.loadAttribute(fileSystem.label) {
                batch.label("label", repairing: reader.text)
            } else {
                batch.label("label", "" as StaticString)
            }
            batch.label("uuid", uuid)
            batch.sample(info, batch.endLabels(), 1)
            let labels = batch.labels("uuid", uuid)
            if let size = reader.number(fileSystem.reserve) {
                let family = batch.family("node_btrfs_global_rsv_size_bytes", .gauge, "Bytes of the global reserve.")
                batch.sample(family, labels, size)
            }
            writeCommits(of: fileSystem, labels, into: &batch, &reader)
            let count = try writeDevices(of: fileSystem, uuid, into: &batch, &reader)
            for group in fileSystem.groups {
                try write(group, uuid, deviceCount: count, into: &batch, &reader)
            }
        }
    }

    /// Kernels before 6.0 do not count commits: all is 0 then.
    private func writeCommits(
        of fileSystem: FileSystem, _ labels: SampleBatch.Labels, into batch: inout SampleBatch,
        _ reader: inout HostReader
    ) {
        var (commits, last, longest, all) = (0.0, 0.0, 0.0, 0.0)
        if reader.loadAttribute(fileSystem.commits) {
            var lines = LineCursor(reader.text)
            while lines.next() {
                var fields = FieldCursor(lines.line)
                guard fields.next() else { continue }
                let name = fields.field
                guard let value = fields.nextNumber() else { continue }
                if name.equals("commits" as StaticString) { commits = value }
                if name.equals("last_commit_ms" as StaticString) { last = value / 1000 }
                if name.equals("max_commit_ms" as StaticString) { longest = value / 1000 }
                if name.equals("total_commit_ms" as StaticString) { all = value / 1000 }
            }
        }
        func sample(_ name: StaticString, _ type: MetricType, _ help: StaticString, _ value: Double) {
            batch.sample(batch.family(name, type, help), labels, value)
        }
        sample("node_btrfs_commits_total", .counter, "Commits made.", commits)
        sample("node_btrfs_last_commit_seconds", .gauge, "Seconds that the last commit took.", last)
        sample("node_btrfs_max_commit_seconds", .gauge, "Seconds that the longest commit took.", longest)
        sample("node_btrfs_commit_seconds_total", .counter, "Seconds that all commits took.", all)
    }

    /// Returns how many there are. Without an answer by ioctl there is what sysfs has, the size, as node_exporter does.
    private func writeDevices(
        of fileSystem: FileSystem, _ uuid: String, into batch: inout SampleBatch, _ reader: inout HostReader
    ) throws -> Int {
        if let count = mounts.write(fileSystem.name, uuid: uuid, into: &batch) { return count }
        guard try fileSystem.devices.refreshIfPresent() else { return 0 }
        let family = batch.family("node_btrfs_device_size_bytes", .gauge, "Bytes of a device of a file system.")
        for device in fileSystem.devices.devices {
            guard let sectors = reader.number(device.size) else { continue }
            batch.startLabels()
            batch.label("device", device.name)
            batch.label("uuid", uuid)
            batch.sample(family, batch.endLabels(), sectors * 512)
        }
        return fileSystem.devices.devices.count
    }

    private func write(
        _ group: Group, _ uuid: String, deviceCount: Int, into batch: inout SampleBatch, _ reader: inout HostReader
    ) throws {
        if let reserved = reader.number(group.reserved) {
            let family = batch.family("node_btrfs_reserved_bytes", .gauge, "Bytes reserved for a kind of content.")
            batch.startLabels()
            batch.label("block_group_type", group.name)
            batch.label("uuid", uuid)
            batch.sample(family, batch.endLabels(), reserved)
        }
        guard try group.profiles.refreshIfPresent() else { return }
        for profile in group.profiles.devices {
            guard let used = reader.number(profile.used), let total = reader.number(profile.total) else { continue }
            batch.startLabels()
            batch.label("block_group_type", group.name)
            batch.label("mode", profile.name)
            batch.label("uuid", uuid)
            let labels = batch.endLabels()
            func sample(_ name: StaticString, _ help: StaticString, _ value: Double) {
                batch.sample(batch.family(name, .gauge, help), labels, value)
            }
            sample("node_btrfs_used_bytes", "Bytes that a kind of content takes.", used)
            sample("node_btrfs_size_bytes", "Bytes set apart for a kind of content.", total)
            sample(
                "node_btrfs_allocation_ratio", "Bytes on devices for each byte of a kind of content.",
                Self.ratio(profile.name, devices: Double(deviceCount)))
        }
    }

    /// Bytes on devices for each byte kept; 0 for a profile that we do not know.
    private static func ratio(_ profile: String, devices: Double) -> Double {
        switch profile {
        case "single", "raid0": 1
        case "dup", "raid1", "raid10": 2
        case "raid1c3": 3
        case "raid1c4": 4
        case "raid5": devices > 1 ? devices / (devices - 1) : 0
        case "raid6": devices > 2 ? devices / (devices - 2) : 0
        default: 0
        }
    }
}
