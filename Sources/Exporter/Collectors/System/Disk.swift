import Bytes
import Telemetry

/// A disk of `/proc/diskstats` and where to look for what it is.
struct Disk {
    private let name: String
    private let major: UInt64
    private let minor: UInt64
    private let rotational: String
    private let udev: String

    init(name: String, major: UInt64, minor: UInt64, paths: HostPaths) {
        self.name = name
        self.major = major
        self.minor = minor
        // In names that have a slash, as cciss/c0d0, sysfs has a bang.
        rotational = paths.sys("block/\(name.replacing("/", with: "!"))/queue/rotational")
        udev = paths.udev("b\(major):\(minor)")
    }

    func isSame(_ name: RawSpan, _ major: UInt64, _ minor: UInt64) -> Bool {
        self.major == major && self.minor == minor && name.equals(self.name)
    }

    /// Properties of udev's database that are reported (udev(7)).
    private enum Property: Int, CaseIterable {
        case path, wwn, model, revision, scsiSerial, shortSerial, serial
        case fileSystem, usage, uuid, version
        case mapperName, mapperUUID, volumeGroup, volume, volumeLayer
        case isATA, writeCache, writeCacheEnabled, rotationRate

        /// Kept: `allCases` would be made anew for each line.
        static let all = allCases

        var key: StaticString {
            switch self {
            case .path: "ID_PATH"
            case .wwn: "ID_WWN"
            case .model: "ID_MODEL"
            case .revision: "ID_REVISION"
            case .scsiSerial: "SCSI_IDENT_SERIAL"
            case .shortSerial: "ID_SERIAL_SHORT"
            case .serial: "ID_SERIAL"
            case .fileSystem: "ID_FS_TYPE"
            case .usage: "ID_FS_USAGE"
            case .uuid: "ID_FS_UUID"
            case .version: "ID_FS_VERSION"
            case .mapperName: "DM_NAME"
            case .mapperUUID: "DM_UUID"
            case .volumeGroup: "DM_VG_NAME"
            case .volume: "DM_LV_NAME"
            case .volumeLayer: "DM_LV_LAYER"
            case .isATA: "ID_ATA"
            case .writeCache: "ID_ATA_WRITE_CACHE"
            case .writeCacheEnabled: "ID_ATA_WRITE_CACHE_ENABLED"
            case .rotationRate: "ID_ATA_ROTATION_RATE_RPM"
            }
        }
    }

    /// Where the values of the properties lie in udev's text; empty where there is none.
    private struct Properties {
        private var ranges = InlineArray<20, Range<Int>>(repeating: 0..<0)

        /// Of the lines `E:KEY=value`.
        init(_ text: RawSpan) {
            var start = 0
            while start < text.byteCount {
                let end = text.firstIndex(of: 0x0a, from: start) ?? text.byteCount
                let line = text.slice(start, end)
                if line.hasPrefix("E:" as StaticString), let equals = line.firstIndex(of: 0x3d) {
                    let key = line.slice(2, equals)
                    for property in Property.all where key.equals(property.key) {
                        ranges[property.rawValue] = start + equals + 1..<end
                    }
                }
                start = end + 1
            }
        }

        subscript(property: Property) -> Range<Int> { ranges[property.rawValue] }
    }

    func write(_ families: DiskFamilies, into batch: inout SampleBatch, reader: inout HostReader) {
        let isRotational = reader.number(rotational) == 1
        // Where udev has nothing the text is empty, and so are the labels.
        _ = reader.loadAttribute(udev)
        let text = reader.text
        let properties = Properties(text)
        writeInfo(families.info, text, properties, isRotational, into: &batch)
        if !properties[.fileSystem].isEmpty {
            batch.startLabels()
            batch.label("device", name)
            batch.label("type", text.extracting(properties[.fileSystem]))
            batch.label("usage", text.extracting(properties[.usage]))
            batch.label("uuid", text.extracting(properties[.uuid]))
            batch.label("version", text.extracting(properties[.version]))
            batch.sample(families.fileSystem, batch.endLabels(), 1)
        }
        if !properties[.mapperName].isEmpty {
            batch.startLabels()
            batch.label("device", name)
            batch.label("lv_layer", text.extracting(properties[.volumeLayer]))
            batch.label("lv_name", text.extracting(properties[.volume]))
            batch.label("name", text.extracting(properties[.mapperName]))
            batch.label("uuid", text.extracting(properties[.mapperUUID]))
            batch.label("vg_name", text.extracting(properties[.volumeGroup]))
            batch.sample(families.mapper, batch.endLabels(), 1)
        }
        guard !properties[.isATA].isEmpty else { return }
        let labels = batch.labels("device", name)
        if let value = text.extracting(properties[.writeCache]).number {
            batch.sample(families.writeCache, labels, value)
        }
        if let value = text.extracting(properties[.writeCacheEnabled]).number {
            batch.sample(families.writeCacheEnabled, labels, value)
        }
        if let value = text.extracting(properties[.rotationRate]).number {
            batch.sample(families.rotationRate, labels, value)
        }
    }

    private func writeInfo(
        _ family: SampleBatch.FamilyID, _ text: RawSpan, _ properties: Properties, _ isRotational: Bool,
        into batch: inout SampleBatch
    ) {
        // The first is what the disk's label says; virtio devices have only the last.
        var serial = properties[.scsiSerial]
        if serial.isEmpty { serial = properties[.shortSerial] }
        if serial.isEmpty { serial = properties[.serial] }
        batch.startLabels()
        batch.label("device", name)
        batch.label("major", Int(clamping: major))
        batch.label("minor", Int(clamping: minor))
        batch.label("model", text.extracting(properties[.model]))
        batch.label("path", text.extracting(properties[.path]))
        batch.label("revision", text.extracting(properties[.revision]))
        batch.label("rotational", isRotational ? "1" as StaticString : "0")
        batch.label("serial", text.extracting(serial))
        batch.label("wwn", text.extracting(properties[.wwn]))
        batch.sample(family, batch.endLabels(), 1)
    }
}

/// The families that say what a disk is.
struct DiskFamilies {
    let info: SampleBatch.FamilyID
    let fileSystem: SampleBatch.FamilyID
    let mapper: SampleBatch.FamilyID
    let writeCache: SampleBatch.FamilyID
    let writeCacheEnabled: SampleBatch.FamilyID
    let rotationRate: SampleBatch.FamilyID

    init(_ batch: inout SampleBatch) {
        info = batch.family("node_disk_info", .gauge, "What a disk is; always 1.")
        fileSystem = batch.family("node_disk_filesystem_info", .gauge, "The file system on a disk; always 1.")
        mapper = batch.family("node_disk_device_mapper_info", .gauge, "What device-mapper says of a disk; always 1.")
        writeCache = batch.family("node_disk_ata_write_cache", .gauge, "Whether an ATA disk has a write cache.")
        writeCacheEnabled = batch.family(
            "node_disk_ata_write_cache_enabled", .gauge, "Whether an ATA disk's write cache is on.")
        rotationRate = batch.family(
            "node_disk_ata_rotation_rate_rpm", .gauge, "Turns per minute of an ATA disk; 0 where nothing turns.")
    }
}
