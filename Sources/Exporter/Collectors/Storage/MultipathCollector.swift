import Bytes
import Telemetry

/// `/sys/block/dm-*`: devices that are reached on several paths.
struct MultipathCollector: Collector {
    static let description = CollectorDescription("dmmultipath", "Devices that are reached on several paths.") {
        MultipathCollector($0)
    }

    private final class Device {
        let node: String
        let uuid, name, suspended, size: String
        let paths: DeviceList<(name: String, state: String)>

        init(node: String, path: String, block: String) {
            self.node = node
            uuid = "\(path)/dm/uuid"
            name = "\(path)/dm/name"
            suspended = "\(path)/dm/suspended"
            size = "\(path)/size"
            paths = DeviceList("\(path)/slaves") { name, _ in (name, "\(block)/\(name)/device/state") }
        }
    }

    private let devices: DeviceList<Device>

    init(_ context: CollectorContext) {
        let block = context.paths.sys("block")
        devices = DeviceList(block) { name, path in
            name.hasPrefix("dm-") ? Device(node: name, path: path, block: block) : nil
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try devices.refresh()
        for device in devices.devices {
            guard reader.loadAttribute(device.uuid), reader.text.hasPrefix("mpath-" as StaticString) else { continue }
            let uuid = String(lossy: reader.text)
            guard let name = reader.string(device.name) else { continue }
            try write(device, name, uuid, into: &batch, &reader)
        }
    }

    private func write(
        _ device: Device, _ name: String, _ uuid: String, into batch: inout SampleBatch, _ reader: inout HostReader
    ) throws {
        let info = batch.family("node_dmmultipath_device_info", .gauge, "Names of a multipath device; always 1.")
        batch.startLabels()
        batch.label("device", name)
        batch.label("sysfs_name", device.node)
        batch.label("uuid", uuid)
        batch.sample(info, batch.endLabels(), 1)

        batch.startLabels()
        batch.label("device", name)
        batch.label("sysfs_name", device.node)
        let labels = batch.endLabels()
        func sample(_ family: StaticString, _ help: StaticString, _ value: Double) {
            batch.sample(batch.family(family, .gauge, help), labels, value)
        }
        if let suspended = reader.number(device.suspended) {
            sample(
                "node_dmmultipath_device_active", "Whether a multipath device is not suspended.", suspended == 1 ? 0 : 1
            )
        }
        if let sectors = reader.number(device.size) {
            sample("node_dmmultipath_device_size_bytes", "Bytes of a multipath device.", sectors * 512)
        }
        var up = 0
        var all = 0
        if try device.paths.refreshIfPresent() {
            let states = batch.family("node_dmmultipath_path_state", .gauge, "State of a path's device; always 1.")
            for path in device.paths.devices {
                guard reader.loadAttribute(path.state) else { continue }
                all += 1
                // The word of SCSI and the word of NVMe.
                if reader.text.equals("running" as StaticString) || reader.text.equals("live" as StaticString) {
                    up += 1
                }
                batch.startLabels()
                batch.label("device", name)
                batch.label("path", path.name)
                batch.label("state", repairing: reader.text)
                batch.sample(states, batch.endLabels(), 1)
            }
        }
        sample("node_dmmultipath_device_paths", "Paths of a multipath device.", Double(all))
        sample("node_dmmultipath_device_paths_active", "Paths of a multipath device that work.", Double(up))
        sample(
            "node_dmmultipath_device_paths_failed", "Paths of a multipath device that do not work.", Double(all - up))
    }
}
