import Bytes
import Telemetry

/// `/proc/net/rpc/nfsd`: the NFS server.
struct NFSDCollector: Collector {
    static let description = CollectorDescription("nfsd", "The NFS server.") { NFSDCollector($0) }

    /// Of a line, by place: the family and its type; nil for what is not shown.
    private struct Column {
        var family: StaticString
        var help: StaticString
        var type = MetricType.counter
    }

    private static let rows: [(name: StaticString, columns: [Column?])] = [
        (
            "rc",
            [
                Column(family: "node_nfsd_reply_cache_hits_total", help: "Replies given again."),
                Column(family: "node_nfsd_reply_cache_misses_total", help: "Requests that were new."),
                Column(family: "node_nfsd_reply_cache_nocache_total", help: "Requests whose replies need not be kept."),
            ]
        ),
        ("fh", [Column(family: "node_nfsd_file_handles_stale_total", help: "Stale handles that clients sent.")]),
        (
            "io",
            [
                Column(family: "node_nfsd_disk_bytes_read_total", help: "Bytes read for clients."),
                Column(family: "node_nfsd_disk_bytes_written_total", help: "Bytes written for clients."),
            ]
        ),
        ("th", [Column(family: "node_nfsd_server_threads", help: "Threads of the server.", type: .gauge)]),
        (
            "ra",
            [Column(family: "node_nfsd_read_ahead_cache_size_blocks", help: "Blocks of read-ahead.", type: .gauge)]
                + Array(repeating: nil, count: 10)
                + [Column(family: "node_nfsd_read_ahead_cache_not_found_total", help: "Reads not read ahead.")]
        ),
        ("rpc", [Column(family: "node_nfsd_server_rpcs_total", help: "Calls that clients made.")]),
    ]

    /// The null procedure is not shown.
    private static let version2: [StaticString] = [""] + NFSProcedures.version2.dropFirst()
    private static let version3: [StaticString] = [""] + NFSProcedures.version3.dropFirst()

    private let file: HostFile

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("net/rpc/nfsd")) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let requests = batch.family("node_nfsd_requests_total", .counter, "Requests that clients made.")
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            if fields.field.equals("net" as StaticString) {
                Self.writePackets(&fields, into: &batch)
            } else if fields.field.equals("proc2" as StaticString) {
                fields.writeProcedures(Self.version2, version: "2", requests, into: &batch)
            } else if fields.field.equals("proc3" as StaticString) {
                fields.writeProcedures(Self.version3, version: "3", requests, into: &batch)
            } else if fields.field.equals("proc4ops" as StaticString) {
                fields.writeProcedures(NFSProcedures.serverVersion4, version: "4", requests, into: &batch)
            } else if fields.field.equals("wdeleg_getattr" as StaticString) {
                guard let value = fields.nextNumber() else { continue }
                batch.startLabels()
                batch.label("method", "WdelegGetattr" as StaticString)
                batch.label("proto", "4" as StaticString)
                batch.sample(requests, batch.endLabels(), value)
            } else {
                if fields.field.equals("rpc" as StaticString) { Self.writeErrors(fields.rest, into: &batch) }
                Self.writeRow(&fields, into: &batch)
            }
        }
    }

    private static func writeRow(_ fields: inout FieldCursor, into batch: inout SampleBatch) {
        guard let row = rows.first(where: { fields.field.equals($0.name) }) else { return }
        for column in row.columns {
            guard let value = fields.nextNumber() else { return }
            if let column { batch.sample(column.family, column.type, column.help, value) }
        }
    }

    private static func writePackets(_ fields: inout FieldCursor, into batch: inout SampleBatch) {
        guard fields.skip(1), let udp = fields.nextNumber(), let tcp = fields.nextNumber(),
            let connections = fields.nextNumber()
        else { return }
        let packets = batch.family("node_nfsd_packets_total", .counter, "Packets that the server exchanged.")
        batch.sample(packets, batch.labels("proto", "tcp" as StaticString), tcp)
        batch.sample(packets, batch.labels("proto", "udp" as StaticString), udp)
        batch.sample("node_nfsd_connections_total", .counter, "TCP connections that clients made.", connections)
    }

    /// `rpc CALLS BAD FORMAT AUTHENTICATION CLIENT`
    private static func writeErrors(_ rest: RawSpan, into batch: inout SampleBatch) {
        var fields = FieldCursor(rest)
        guard fields.skip(2), let format = fields.nextNumber(), let authentication = fields.nextNumber(),
            let client = fields.nextNumber()
        else { return }
        let errors = batch.family("node_nfsd_rpc_errors_total", .counter, "Calls that were refused, by what was wrong.")
        batch.sample(errors, batch.labels("error", "auth" as StaticString), authentication)
        batch.sample(errors, batch.labels("error", "cInt" as StaticString), client)
        batch.sample(errors, batch.labels("error", "fmt" as StaticString), format)
    }
}
