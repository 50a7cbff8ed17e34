import Bytes
import Glibc
import Telemetry

/// `/proc/net/ip_vs` and `/proc/net/ip_vs_stats` (kernel, net/netfilter/ipvs/ip_vs_ctl.c).
struct IPVSCollector: Collector {
    static let description = CollectorDescription(
        "ipvs", "The kernel's load balancer.",
        options: [
            CollectorOption(
                "backend_labels", .text,
                default: "local_address,local_port,remote_address,remote_port,proto,local_mark",
                "Labels of backends; those that the rest cannot tell apart are added up.")
        ]
    ) { try IPVSCollector($0) }

    /// In the order of their names.
    private enum Label: String, CaseIterable {
        case localAddress = "local_address"
        case localMark = "local_mark"
        case localPort = "local_port"
        case proto
        case remoteAddress = "remote_address"
        case remotePort = "remote_port"
    }

    private struct Backend {
        var weight: Double
        var active: Double
        var inactive: Double
    }

    private let statistics: HostFile
    private let table: HostFile
    private let labels: [Label]

    init(_ context: CollectorContext) throws {
        statistics = HostFile(context.paths.proc("net/ip_vs_stats"))
        table = HostFile(context.paths.proc("net/ip_vs"))
        let wanted = (context.options.text("backend_labels") ?? "").split(separator: ",").map(String.init)
        for name in wanted where Label(rawValue: name) == nil {
            throw CollectorError.failed("backend_labels: there is no label \"\(name)\"")
        }
        labels = Label.allCases.filter { wanted.contains($0.rawValue) }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(statistics)
        writeStatistics(reader.text, into: &batch)
        try reader.load(table)
        var odd = 0
        let backends = read(reader.text, odd: &odd)
        let (path, lines) = (table.path, odd)
        if odd > 0 { reader.odd("\(path): \(lines) lines that are not as expected") }
        let active = batch.family("node_ipvs_backend_connections_active", .gauge, "Connections to a backend in use.")
        let inactive = batch.family(
            "node_ipvs_backend_connections_inactive", .gauge, "Connections to a backend at rest.")
        let weight = batch.family("node_ipvs_backend_weight", .gauge, "Weight of a backend.")
        for (values, backend) in backends {
            batch.startLabels()
            for (label, value) in zip(labels, values) { batch.label(label.rawValue, value) }
            let set = batch.endLabels()
            batch.sample(active, set, backend.active)
            batch.sample(inactive, set, backend.inactive)
            batch.sample(weight, set, backend.weight)
        }
    }

    /// Two lines of headings, then hexadecimal numbers.
    private func writeStatistics(_ text: RawSpan, into batch: inout SampleBatch) {
        var lines = LineCursor(text)
        guard lines.next(), lines.next(), lines.next() else { return }
        var fields = FieldCursor(lines.line)
        for (family, help) in Self.sums {
            guard fields.next(), let value = fields.field.hexadecimal else { return }
            batch.sample(family, .counter, help, Double(value))
        }
    }

    private static let sums: [(family: StaticString, help: StaticString)] = [
        ("node_ipvs_connections_total", "Connections made."),
        ("node_ipvs_incoming_packets_total", "Packets received."),
        ("node_ipvs_outgoing_packets_total", "Packets sent."),
        ("node_ipvs_incoming_bytes_total", "Bytes received."),
        ("node_ipvs_outgoing_bytes_total", "Bytes sent."),
    ]

    /// A line for each service, below it a line for each backend.
    private func read(_ text: RawSpan, odd: inout Int) -> [[String]: Backend] {
        var backends: [[String]: Backend] = [:]
        var service: [Label: String] = [:]
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            let first = String(lossy: fields.field)
            switch first {
            case "TCP", "UDP", "SCTP":
                guard fields.next(), let place = Self.place(fields.field) else {
                    service = [:]
                    odd += 1
                    continue
                }
                service = [.proto: first, .localAddress: place.address, .localPort: place.port]
            case "FWM":
                guard fields.next() else { continue }
                service = [.proto: first, .localMark: String(lossy: fields.field), .localPort: "0"]
            case "->":
                guard fields.next(), !fields.field.equals("RemoteAddress:Port" as StaticString) else { continue }
                guard !service.isEmpty, let place = Self.place(fields.field), fields.skip(1),
                    let weight = fields.nextNumber(), let active = fields.nextNumber(),
                    let inactive = fields.nextNumber()
                else {
                    odd += 1
                    continue
                }
                var values = service
                values[.remoteAddress] = place.address
                values[.remotePort] = place.port
                let key = labels.map { values[$0] ?? "" }
                backends[key, default: Backend(weight: 0, active: 0, inactive: 0)].weight += weight
                backends[key]?.active += active
                backends[key]?.inactive += inactive
            default: break
            }
        }
        return backends
    }

    /// `C0A80016:0CEA` or `[2620:0000:…:0001]:0050`.
    private static func place(_ field: RawSpan) -> (address: String, port: String)? {
        guard let colon = field.lastIndex(of: 0x3a),
            let port = field.extracting((colon + 1)..<field.byteCount).hexadecimal, port <= 0xffff
        else { return nil }
        if colon == 8, let number = field.extracting(0..<8).hexadecimal {
            let parts = [number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255].map { "\($0)" }
            return (parts.joined(separator: "."), "\(port)")
        }
        guard colon > 2, field.byte(at: 0) == 0x5b, field.byte(at: colon - 1) == 0x5d else { return nil }
        var address = in6_addr()
        guard inet_pton(AF_INET6, String(lossy: field.extracting(1..<(colon - 1))), &address) == 1 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)) != nil else { return nil }
        return (String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self), "\(port)")
    }
}
