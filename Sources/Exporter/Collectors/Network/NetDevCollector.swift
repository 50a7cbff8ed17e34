import Bytes
import Glibc
import Telemetry

/// Counters of the network devices: one dump over rtnetlink (rtnetlink(7), `struct rtnl_link_stats64`), or
/// `/proc/net/dev`.
///
/// `/proc` has some of the kernel's counters added up; those from netlink are added up likewise, so that both ways give
/// the same numbers under the same names.
///
/// Left out by default are devices that container engines make and name at random: `veth` and seven or eight hexadecimal
/// digits (docker, podman, CNI), `cali` and eleven (Calico). A container that is started anew would leave thirty series
/// behind each time; its traffic is told under its name by the collector `containers`. What has a name that somebody
/// chose stays.
struct NetDevCollector: Collector {
    static let description = CollectorDescription(
        "netdev", "Traffic and errors of the network devices.",
        options: [
            CollectorOption("netlink", .bool, default: "true", "Ask the kernel over netlink instead of reading /proc."),
            CollectorOption("device_include", .pattern, "Devices to report."),
            CollectorOption(
                "device_exclude", .pattern, default: "^(veth[0-9a-f]{7,8}|cali[0-9a-f]{11})$",
                "Devices to leave out; none by default where `device_include` is given."),
        ]
    ) { try NetDevCollector($0) }

    private let source: NetworkSource
    private let filter: NameFilter

    init(_ context: CollectorContext) throws {
        source = NetworkSource(context, file: "net/dev")
        filter = try context.options.filter("device")
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        let families = Self.families.map { batch.family($0.0, .counter, $0.1) }
        switch source {
        case .netlink(let socket): try collect(from: socket, families, into: &batch, reader: &reader)
        case .file(let file):
            try reader.load(file)
            let unreadable = writeLines(of: reader.text, families, into: &batch)
            if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
        }
    }

    /// In the order of the columns of `/proc/net/dev`; the last has none there.
    private static let families: [(StaticString, StaticString)] = [
        ("node_network_receive_bytes_total", "Bytes received."),
        ("node_network_receive_packets_total", "Packets received."),
        ("node_network_receive_errs_total", "Packets received with errors."),
        ("node_network_receive_drop_total", "Packets received and dropped."),
        ("node_network_receive_fifo_total", "Packets lost as a queue for receiving was full."),
        ("node_network_receive_frame_total", "Packets received of a wrong length or checksum."),
        ("node_network_receive_compressed_total", "Compressed packets received."),
        ("node_network_receive_multicast_total", "Multicast packets received."),
        ("node_network_transmit_bytes_total", "Bytes sent."),
        ("node_network_transmit_packets_total", "Packets sent."),
        ("node_network_transmit_errs_total", "Packets that could not be sent."),
        ("node_network_transmit_drop_total", "Packets dropped instead of sent."),
        ("node_network_transmit_fifo_total", "Packets lost as a queue for sending was full."),
        ("node_network_transmit_colls_total", "Collisions."),
        ("node_network_transmit_carrier_total", "Packets not sent as the carrier was lost or the sending aborted."),
        ("node_network_transmit_compressed_total", "Compressed packets sent."),
        ("node_network_receive_nohandler_total", "Packets received that nothing on the host took."),
    ]

    private static let ifName: UInt16 = 3
    private static let stats64: UInt16 = 23

    private func collect(
        from socket: NetlinkSocket, _ families: [SampleBatch.FamilyID], into batch: inout SampleBatch,
        reader: inout HostReader
    ) throws {
        // struct ifinfomsg, all devices.
        var body = ByteBuffer(capacity: 16)
        body.append(littleEndian: UInt64(0))
        body.append(littleEndian: UInt64(0))
        try socket.request(18, body)
        while try socket.receive(&reader) {
            var messages = NetlinkCursor(reader.text, sequence: socket.sequence)
            while messages.next() {
                var name = RawSpan()
                var counters = RawSpan()
                var attributes = NetlinkAttributes(messages.payload, from: 16)
                while attributes.next() {
                    switch attributes.kind {
                    case Self.ifName: name = attributes.value.trimmed
                    case Self.stats64: counters = attributes.value
                    default: break
                    }
                }
                guard name.byteCount > 0, counters.byteCount >= 23 * 8, filter.allows(name) else { continue }
                Self.write(LinkCounters(counters), name, families, into: &batch)
            }
            try socket.end(isDone: messages.isDone, code: messages.code)
        }
    }

    private static func write(
        _ counters: LinkCounters, _ name: RawSpan, _ families: [SampleBatch.FamilyID], into batch: inout SampleBatch
    ) {
        let labels = batch.labels("device", name)
        for index in 0..<17 {
            guard index < 16 || counters.hasNoHandler else { break }
            batch.sample(families[index], labels, Double(counters.columns[index]))
        }
    }

    private func writeLines(
        of text: RawSpan, _ families: [SampleBatch.FamilyID], into batch: inout SampleBatch
    ) -> Int {
        var unreadable = 0
        var lines = LineCursor(text)
        while lines.next() {
            // The two lines of the head have no colon. A device's name may have one.
            guard let colon = lines.line.lastIndex(of: 0x3a) else { continue }
            let name = lines.line.slice(0, colon).trimmed
            var values = InlineArray<16, Double>(repeating: 0)
            var fields = FieldCursor(lines.line.slice(colon + 1, lines.line.byteCount))
            var read = 0
            while read < 16, let value = fields.nextNumber() {
                values[read] = value
                read += 1
            }
            guard read == 16, name.byteCount > 0 else {
                unreadable += 1
                continue
            }
            guard filter.allows(name) else { continue }
            let labels = batch.labels("device", name)
            for index in 0..<16 { batch.sample(families[index], labels, values[index]) }
        }
        return unreadable
    }
}

/// `struct rtnl_link_stats64` (linux/if_link.h) as the columns of `/proc/net/dev` (net/core/net-procfs.c).
struct LinkCounters {
    private(set) var columns = InlineArray<17, UInt64>(repeating: 0)
    /// Kernels before 4.6 do not have the last column.
    let hasNoHandler: Bool

    init(_ bytes: RawSpan) {
        func counter(_ place: Int) -> UInt64 { bytes.load(littleEndian: place * 8, as: UInt64.self) ?? 0 }
        hasNoHandler = bytes.byteCount >= 24 * 8
        columns[0] = counter(2)
        columns[1] = counter(0)
        columns[2] = counter(4)
        // dropped, missed
        columns[3] = counter(6) &+ counter(15)
        columns[4] = counter(14)
        // frame, length, over, crc
        columns[5] = counter(13) &+ counter(10) &+ counter(11) &+ counter(12)
        columns[6] = counter(21)
        columns[7] = counter(8)
        columns[8] = counter(3)
        columns[9] = counter(1)
        columns[10] = counter(5)
        columns[11] = counter(7)
        columns[12] = counter(18)
        columns[13] = counter(9)
        // carrier, aborted, heartbeat, window
        columns[14] = counter(17) &+ counter(16) &+ counter(19) &+ counter(20)
        columns[15] = counter(22)
        columns[16] = counter(23)
    }
}
