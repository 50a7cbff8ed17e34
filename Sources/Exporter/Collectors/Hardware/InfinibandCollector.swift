import Bytes
import Telemetry

/// `/sys/class/infiniband` (kernel, ABI/stable/sysfs-class-infiniband).
struct InfinibandCollector: Collector {
    static let description = CollectorDescription(
        "infiniband", "InfiniBand and RDMA devices.",
        options: [
            CollectorOption("device_include", .pattern, "Devices to show."),
            CollectorOption("device_exclude", .pattern, "Devices to leave out."),
        ]
    ) { try InfinibandCollector($0) }

    /// Of the sample that names a device, in the order of labels; `device` stands second.
    private static let texts: [(label: StaticString, file: StaticString)] = [
        ("board_id", "board_id"), ("firmware_version", "fw_ver"), ("hca_type", "hca_type"),
    ]

    private final class Device {
        let name: String
        let texts: [String]
        let ports: DeviceList<Port>

        init(name: String, path: String, _ table: AttributeTable) {
            self.name = name
            texts = InfinibandCollector.texts.map { "\(path)/\($0.file)" }
            ports = DeviceList("\(path)/ports") { port, path in
                Port(
                    attributes: table.device([("device", name), ("port", port)], at: path), number: port,
                    state: "\(path)/state", physicalState: "\(path)/phys_state", rate: "\(path)/rate")
            }
        }
    }

    private struct Port {
        let attributes: AttributedDevice
        let number: String
        let state, physicalState, rate: String
    }

    private let devices: DeviceList<Device>
    private var table: AttributeTable

    init(_ context: CollectorContext) throws {
        let filter = try context.options.filter("device")
        let table = AttributeTable(Self.attributes)
        self.table = table
        devices = DeviceList(context.paths.sys("class/infiniband")) { name, path in
            filter.allows(name) ? Device(name: name, path: path, table) : nil
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try devices.refresh()
        let info = batch.family("node_infiniband_info", .gauge, "What a device is; always 1.")
        let state = batch.family(
            "node_infiniband_state_id", .gauge, "State of a port: 1 down, 2 initialising, 3 armed, 4 active.")
        let physicalState = batch.family(
            "node_infiniband_physical_state_id", .gauge,
            "Physical state of a port: 1 asleep, 2 polling, 3 disabled, 4 training, 5 up, 6 recovering.")
        let rate = batch.family("node_infiniband_rate_bytes_per_second", .gauge, "Bytes a second that a port can do.")
        for device in devices.devices {
            batch.startLabels()
            for (place, path) in device.texts.enumerated() {
                if place == 1 { batch.label("device", device.name) }
                if reader.loadAttribute(path) {
                    batch.label(Self.texts[place].label, repairing: reader.text)
                } else {
                    batch.label(Self.texts[place].label, "" as StaticString)
                }
            }
            batch.sample(info, batch.endLabels(), 1)
            guard try device.ports.refreshIfPresent() else { continue }
            for port in device.ports.devices {
                batch.startLabels()
                batch.label("device", device.name)
                batch.label("port", port.number)
                let labels = batch.endLabels()
                if let value = Self.leading(port.state, &reader) { batch.sample(state, labels, value) }
                if let value = Self.leading(port.physicalState, &reader) { batch.sample(physicalState, labels, value) }
                if let gigabits = Self.leading(port.rate, &reader) { batch.sample(rate, labels, gigabits * 125e6) }
            }
            table.write(device.ports.devices.map(\.attributes), into: &batch, &reader)
        }
    }

    /// The number at the beginning, as in `4: ACTIVE` and `2.5 Gb/sec (1X SDR)`.
    private static func leading(_ path: String, _ reader: inout HostReader) -> Double? {
        guard reader.loadAttribute(path) else { return nil }
        var fields = FieldCursor(reader.text)
        guard fields.next() else { return nil }
        let colon = fields.field.firstIndex(of: 0x3a) ?? fields.field.byteCount
        return fields.field.extracting(0..<colon).number
    }
}
