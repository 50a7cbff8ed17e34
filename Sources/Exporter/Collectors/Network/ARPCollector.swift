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

    private let source: Source
    private let filter: NameFilter

    private enum Source {
        case netlink(NetlinkSocket)
        case file(HostFile)
    }

    init(_ context: CollectorContext) throws {
        // Netlink speaks of the network that this process is in; a /proc mounted elsewhere may be of another, unless
        // netlink was asked for by name.
        let isAsked = context.options.values["netlink"] != nil
        let isNetlink = context.options.bool("netlink") && (isAsked || context.paths.proc == HostPaths().proc)
        source =
            isNetlink
            ? .netlink(NetlinkSocket(.route)) : .file(HostFile(context.paths.proc("net/arp")))
        filter = try context.options.filter("device")
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        let counts: [String: Int]
        switch source {
        case .netlink(let socket): counts = try Self.count(socket, reader: &reader)
        case .file(let file):
            try reader.load(file)
            let (found, unreadable) = Self.count(reader.text)
            if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
            counts = found
        }
        let family = batch.family("node_arp_entries", .gauge, "Entries of the ARP table.")
        for (device, count) in counts where filter.allows(device) {
            batch.sample(family, batch.labels("device", device), Double(count))
        }
    }

    private static func count(_ socket: NetlinkSocket, reader: inout HostReader) throws -> [String: Int] {
        // struct ndmsg: the family, then zeros for all devices and states.
        var body = ByteBuffer(capacity: 12)
        body.append(littleEndian: UInt32(AF_INET))
        body.append(littleEndian: UInt64(0))
        try socket.request(30, body)
        var counts: [Int32: Int] = [:]
        while try socket.receive(&reader) {
            var messages = NetlinkCursor(reader.text, sequence: socket.sequence)
            while messages.next() {
                let message = messages.payload
                guard message.byteCount >= 12, message.byte(at: 0) == UInt8(AF_INET),
                    let device = message.load(littleEndian: 4, as: Int32.self),
                    let state = message.load(littleEndian: 8, as: UInt16.self)
                else { continue }
                // /proc/net/arp does not list those that need no ARP either (NUD_NOARP).
                if state & 0x40 == 0 { counts[device, default: 0] += 1 }
            }
            try socket.end(isDone: messages.isDone, code: messages.code)
        }
        var named: [String: Int] = [:]
        for (device, count) in counts {
            try? reader.load("if_indextoname", room: 64) { Int(clinux_device_name(device, $0.baseAddress, $0.count)) }
            // Gone since.
            if reader.text.byteCount > 0 { named[String(lossy: reader.text), default: 0] += count }
        }
        return named
    }

    /// The last of six columns is the device.
    private static func count(_ text: RawSpan) -> (counts: [String: Int], unreadable: Int) {
        var counts: [String: Int] = [:]
        var unreadable = 0
        var lines = LineCursor(text)
        guard lines.next() else { return ([:], 0) }
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.skip(6) else {
                unreadable += 1
                continue
            }
            counts[String(lossy: fields.field), default: 0] += 1
        }
        return (counts, unreadable)
    }
}
