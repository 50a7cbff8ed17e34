import Bytes
import CLinux
import Glibc
import Telemetry

/// Entries of the ARP table by device: the IPv4 neighbours over rtnetlink, or `/proc/net/arp`.
struct ARPCollector: Collector {
    static let description = CollectorDescription(
        "arp", "Entries of the ARP table by device.",
        options: [
            CollectorOption("netlink", .bool, default: "true", "Ask the kernel over netlink instead of reading /proc."),
            CollectorOption("device_include", .pattern, "Devices to report."),
            CollectorOption("device_exclude", .pattern, "Devices to leave out."),
        ]
    ) { try ARPCollector($0) }

    private let source: NetworkSource
    private let filter: NameFilter
    private var devices = NameCounts()
    /// Of netlink's answer: entries by the device's number.
    private var numbers: [Int32: Int] = [:]

    init(_ context: CollectorContext) throws {
        source = NetworkSource(context, file: "net/arp")
        filter = try context.options.filter("device")
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        devices.reset()
        switch source {
        case .netlink(let socket): try count(socket, reader: &reader)
        case .file(let file):
            try reader.load(file)
            let unreadable = count(reader.text)
            if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
        }
        let family = batch.family("node_arp_entries", .gauge, "Entries of the ARP table.")
        devices.forEach { name, count in
            guard filter.allows(name) else { return }
            batch.sample(family, batch.labels("device", name), Double(count))
        }
    }

    private mutating func count(_ socket: NetlinkSocket, reader: inout HostReader) throws {
        // struct ndmsg: the family, then zeros for all devices and states.
        var body = ByteBuffer(capacity: 12)
        body.append(littleEndian: UInt32(AF_INET))
        body.append(littleEndian: UInt64(0))
        try socket.request(30, body)
        numbers.removeAll(keepingCapacity: true)
        while try socket.receive(&reader) {
            var messages = NetlinkCursor(reader.text, sequence: socket.sequence)
            while messages.next() {
                let message = messages.payload
                guard message.byteCount >= 12, message.byte(at: 0) == UInt8(AF_INET),
                    let device = message.load(littleEndian: 4, as: Int32.self),
                    let state = message.load(littleEndian: 8, as: UInt16.self)
                else { continue }
                // /proc/net/arp does not list those that need no ARP either (NUD_NOARP).
                if state & 0x40 == 0 { numbers[device, default: 0] += 1 }
            }
            try socket.end(isDone: messages.isDone, code: messages.code)
        }
        for (device, count) in numbers {
            try? reader.load("if_indextoname", room: 64) { Int(clinux_device_name(device, $0.baseAddress, $0.count)) }
            // Gone since.
            if reader.text.byteCount > 0 { devices.add(count, to: reader.text) }
        }
    }

    /// The last of six columns is the device. Returns how many lines could not be read.
    private mutating func count(_ text: RawSpan) -> Int {
        var unreadable = 0
        var lines = LineCursor(text)
        guard lines.next() else { return 0 }
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.skip(6) else {
                unreadable += 1
                continue
            }
            devices.add(1, to: fields.field)
        }
        return unreadable
    }
}
