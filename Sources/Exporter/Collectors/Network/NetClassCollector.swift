import Bytes
import Telemetry

/// What each network device is: one dump over rtnetlink with a few files of sysfs, or all from `/sys/class/net`
/// (Documentation/ABI/testing/sysfs-class-net). Both lead to the same samples.
struct NetClassCollector: Collector {
    static let description = CollectorDescription(
        "netclass", "State and properties of the network devices.",
        options: [
            CollectorOption(
                "ignored_devices", .pattern, default: "^(veth[0-9a-f]{7,8}|cali[0-9a-f]{11})$", "Devices to leave out."),
            CollectorOption(
                "ignore_invalid_speed", .bool, default: "false", "Leave out the speed of devices that do not know it."),
            CollectorOption(
                "netlink", .bool, default: "true",
                "Ask the kernel over netlink instead of reading twenty files a device."),
        ]
    ) { try NetClassCollector($0) }

    static let attributes: [(file: StaticString, family: StaticString, type: MetricType, help: StaticString)] = [
        ("addr_assign_type", "node_network_address_assign_type", .gauge, "How the device got its address."),
        ("carrier", "node_network_carrier", .gauge, "Whether there is a link."),
        ("carrier_changes", "node_network_carrier_changes_total", .counter, "How often the link came or went."),
        ("carrier_up_count", "node_network_carrier_up_changes_total", .counter, "How often the link came."),
        ("carrier_down_count", "node_network_carrier_down_changes_total", .counter, "How often the link went."),
        ("dev_id", "node_network_device_id", .gauge, "Tells devices apart that share an address."),
        ("dormant", "node_network_dormant", .gauge, "Whether the device waits for something else to become usable."),
        ("flags", "node_network_flags", .gauge, "The device's flags, as in netdevice(7)."),
        ("ifindex", "node_network_iface_id", .gauge, "The device's number."),
        ("iflink", "node_network_iface_link", .gauge, "The number of the device that this one is on."),
        ("link_mode", "node_network_iface_link_mode", .gauge, "Whether the device can be dormant."),
        ("mtu", "node_network_mtu_bytes", .gauge, "Bytes that a packet can have."),
        ("name_assign_type", "node_network_name_assign_type", .gauge, "How the device got its name."),
        ("netdev_group", "node_network_net_dev_group", .gauge, "The device's group."),
        ("tx_queue_len", "node_network_transmit_queue_length", .gauge, "Packets that can wait to be sent."),
        ("type", "node_network_protocol_type", .gauge, "The device's kind, as ARP numbers it."),
    ]
    private static let flagsIndex = 7

    private let directory: HostDirectory
    let ignored: NameFilter
    let ignoresInvalidSpeed: Bool
    private var links: NetClassLinks?

    init(_ context: CollectorContext) throws {
        directory = HostDirectory(context.paths.sys("class/net"))
        ignored = NameFilter(include: nil, exclude: try context.options.pattern("ignored_devices"))
        ignoresInvalidSpeed = context.options.bool("ignore_invalid_speed")
        links =
            context.asksNetlink(insteadOf: context.paths.sys, usually: HostPaths().sys)
            ? NetClassLinks(directory.path) : nil
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        if let links {
            if try links.isOfSysfs(&reader) { return try collect(from: links, into: &batch, reader: &reader) }
            self.links = nil
        }
        try collectFiles(into: &batch, reader: &reader)
    }

    private func collectFiles(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try directory.refresh()
        guard let root = OpenDirectory(directory.path) else { throw CollectorError.absent(directory.path) }
        let families = Families(&batch)
        let numbers = Self.attributes.map { batch.family($0.family, $0.type, $0.help) }
        for name in directory.names where ignored.allows(name) {
            // Twenty files for each of ten thousand devices take seconds, for samples that nobody gets: they are counted.
            if batch.isFull {
                for _ in numbers { batch.sample(families.up, .none, 0) }
                continue
            }
            // Not every entry is a device: bonding_masters is a file.
            guard let device = OpenDirectory(name, in: root) else { continue }
            let labels = batch.labels("device", name)
            var flags: UInt64?
            for (index, attribute) in Self.attributes.enumerated() {
                guard reader.loadAttribute(attribute.file, in: device), let value = reader.text.attribute else {
                    continue
                }
                if index == Self.flagsIndex { flags = UInt64(exactly: value) }
                batch.sample(numbers[index], labels, value)
            }
            if reader.loadAttribute("speed", in: device), let megabits = reader.text.attribute,
                megabits >= 0 || !ignoresInvalidSpeed
            {
                batch.sample(families.speed, labels, megabits * 1e6 / 8)
            }
            Self.writeInfo(of: name, device, flags, families, into: &batch, reader: &reader)
        }
    }

    struct Families {
        let up: SampleBatch.FamilyID
        let info: SampleBatch.FamilyID
        let speed: SampleBatch.FamilyID

        init(_ batch: inout SampleBatch) {
            up = batch.family("node_network_up", .gauge, "Whether a device can be used.")
            info = batch.family("node_network_info", .gauge, "What a device is; always 1.")
            speed = batch.family("node_network_speed_bytes", .gauge, "Bytes per second that the link can carry.")
        }
    }

    private static func writeInfo(
        of name: String, _ device: borrowing OpenDirectory, _ flags: UInt64?, _ families: Families,
        into batch: inout SampleBatch, reader: inout HostReader
    ) {
        func label(_ label: StaticString, _ file: StaticString) {
            // Empty where the device does not have it.
            _ = reader.loadAttribute(file, in: device)
            batch.label(label, reader.text)
        }
        batch.startLabels()
        label("address", "address")
        batch.label("adminstate", flags.map { $0 & 1 == 1 ? "up" as StaticString : "down" } ?? "unknown")
        label("broadcast", "broadcast")
        batch.label("device", name)
        label("duplex", "duplex")
        label("ifalias", "ifalias")
        label("operstate", "operstate")
        // The text is still that of operstate.
        let isUp = reader.text.equals("up" as StaticString)
        batch.sample(families.info, batch.endLabels(), 1)
        batch.sample(families.up, batch.labels("device", name), isUp ? 1 : 0)
    }
}

extension RawSpan {
    /// The number in an attribute of sysfs, hexadecimal behind `0x`.
    var attribute: Double? {
        hasPrefix("0x" as StaticString) ? hexadecimal.map { Double($0) } : number
    }
}
