import Bytes
import Telemetry

/// `/proc/net/rpc/nfs`: the NFS client.
struct NFSCollector: Collector {
    static let description = CollectorDescription("nfs", "The NFS client.") { NFSCollector($0) }

    private let file: HostFile

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("net/rpc/nfs")) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let requests = batch.family("node_nfs_requests_total", .counter, "Requests that the client made.")
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            if fields.field.equals("net" as StaticString) {
                let packets = batch.family("node_nfs_packets_total", .counter, "Packets that the client exchanged.")
                guard fields.skip(1), let udp = fields.nextNumber(), let tcp = fields.nextNumber(),
                    let connections = fields.nextNumber()
                else { continue }
                batch.sample(packets, batch.labels("protocol", "tcp" as StaticString), tcp)
                batch.sample(packets, batch.labels("protocol", "udp" as StaticString), udp)
                batch.sample(
                    "node_nfs_connections_total", .counter, "TCP connections that the client made.", connections)
            } else if fields.field.equals("rpc" as StaticString) {
                guard let calls = fields.nextNumber(), let again = fields.nextNumber(),
                    let refreshes = fields.nextNumber()
                else { continue }
                batch.sample("node_nfs_rpcs_total", .counter, "Calls that the client made.", calls)
                batch.sample("node_nfs_rpc_retransmissions_total", .counter, "Calls that it sent again.", again)
                batch.sample(
                    "node_nfs_rpc_authentication_refreshes_total", .counter, "Times that it renewed its credentials.",
                    refreshes)
            } else if fields.field.equals("proc2" as StaticString) {
                fields.writeProcedures(NFSProcedures.version2, version: "2", requests, into: &batch)
            } else if fields.field.equals("proc3" as StaticString) {
                fields.writeProcedures(NFSProcedures.version3, version: "3", requests, into: &batch)
            } else if fields.field.equals("proc4" as StaticString) {
                fields.writeProcedures(
                    NFSProcedures.clientVersion4, version: "4", requests, into: &batch, fillsUp: true)
            }
        }
    }
}

extension FieldCursor {
    /// Writes what stands behind a count: one number for each procedure. Older kernels have fewer; newer ones have more,
    /// whose names we do not know.
    ///
    /// - Parameter fillsUp: whether procedures that the kernel lacks count 0.
    mutating func writeProcedures(
        _ names: [StaticString], version: StaticString, _ family: SampleBatch.FamilyID,
        into batch: inout SampleBatch, fillsUp: Bool = false
    ) {
        guard next() else { return }
        for name in names {
            guard let value = nextNumber() ?? (fillsUp ? 0 : nil) else { return }
            guard name.utf8CodeUnitCount > 0 else { continue }
            batch.startLabels()
            batch.label("method", name)
            batch.label("proto", version)
            batch.sample(family, batch.endLabels(), value)
        }
    }
}
