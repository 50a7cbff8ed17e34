import Bytes
import Telemetry

/// A container's interfaces, from `/proc/PID/net/dev` of one of its processes, each network namespace once.
///
/// A process in the host's namespace shows all the host's interfaces: a host with N containers there would have N times
/// all of them. So the host's namespace is known first and never taken for a container's.
struct ContainerNetwork {
    /// Names of the families in a batch.
    struct Families {
        /// In the order of the columns of `net/dev` that are told.
        var receive: [SampleBatch.FamilyID] = []
        var transmit: [SampleBatch.FamilyID] = []
    }

    private let paths: HostPaths
    /// Namespaces that have been told in this round, the host's among them.
    private var seen: Set<UInt64> = []
    /// Whether the namespace of a process is told by its link, which takes the right to trace it, or by the inode of its
    /// `net/dev`, which is another in each namespace.
    private var usesLink = true
    private(set) var families = Families()

    /// Interfaces of one container.
    private static let most = 256

    init(paths: HostPaths) { self.paths = paths }

    private static let names: [(receive: StaticString, transmit: StaticString)] = [
        ("container_network_receive_bytes_total", "container_network_transmit_bytes_total"),
        ("container_network_receive_packets_total", "container_network_transmit_packets_total"),
        ("container_network_receive_errors_total", "container_network_transmit_errors_total"),
        ("container_network_receive_packets_dropped_total", "container_network_transmit_packets_dropped_total"),
    ]

    /// Begins a collection: the host's interfaces are written with `labels`.
    mutating func begin(_ labels: ContainerLabels, into batch: inout SampleBatch, _ reader: inout HostReader) {
        families.receive.removeAll(keepingCapacity: true)
        families.transmit.removeAll(keepingCapacity: true)
        for name in Self.names {
            families.receive.append(batch.family(name.receive, .counter, "Received, as the interface counts it."))
            families.transmit.append(batch.family(name.transmit, .counter, "Sent, as the interface counts it."))
        }
        seen.removeAll(keepingCapacity: true)
        guard let host = OpenDirectory(paths.proc("1")) else { return }
        usesLink = host.namespace("ns/net") != nil
        if let namespace = namespace(of: host) { seen.insert(namespace) }
        if reader.load("net/dev", in: host, isPiecewise: true) { write(reader.text, labels, into: &batch) }
    }

    /// Writes the interfaces of a process's namespace, unless that has been told.
    mutating func write(
        _ process: borrowing OpenDirectory, _ labels: ContainerLabels, into batch: inout SampleBatch,
        _ reader: inout HostReader
    ) {
        // Without the host's own namespace to compare with, any could be the host's.
        guard !seen.isEmpty, let namespace = namespace(of: process), !seen.contains(namespace),
            reader.load("net/dev", in: process, isPiecewise: true)
        else { return }
        seen.insert(namespace)
        write(reader.text, labels, into: &batch)
    }

    private func namespace(of process: borrowing OpenDirectory) -> UInt64? {
        usesLink ? process.namespace("ns/net") : process.inode("net/dev")
    }

    /// `NAME: BYTES PACKETS ERRORS DROPS FIFO FRAME COMPRESSED MULTICAST`, then the same of what was sent.
    func write(_ text: RawSpan, _ labels: ContainerLabels, into batch: inout SampleBatch) {
        var lines = LineCursor(text)
        var count = 0
        while lines.next(), count < Self.most {
            guard let colon = lines.line.firstIndex(of: 0x3a) else { continue }
            let name = lines.line.extracting(0..<colon).trimmed
            guard name.byteCount > 0, !Self.isIgnored(name) else { continue }
            var fields = FieldCursor(lines.line.extracting((colon + 1)..<lines.line.byteCount))
            count += 1
            let set = labels.labels(in: &batch, middle: { $0.label("interface", name) })
            for column in 0..<16 {
                guard let value = fields.nextNumber() else { break }
                if column < families.receive.count {
                    batch.sample(families.receive[column], set, value)
                } else if column >= 8, column - 8 < families.transmit.count {
                    batch.sample(families.transmit[column - 8], set, value)
                }
            }
        }
    }

    /// As cAdvisor: the loopback, and what runtimes make on the host for each container.
    static func isIgnored(_ name: RawSpan) -> Bool {
        name.equals("lo" as StaticString) || name.hasPrefix("veth" as StaticString)
            || name.hasPrefix("docker" as StaticString) || name.hasPrefix("nerdctl" as StaticString)
    }
}
