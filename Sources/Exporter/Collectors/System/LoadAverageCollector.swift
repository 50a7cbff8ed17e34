import Bytes
import Telemetry

/// `/proc/loadavg` (proc_loadavg(5)).
struct LoadAverageCollector: Collector {
    static let description = CollectorDescription("loadavg", "Load averages.") { LoadAverageCollector($0) }

    private let file: HostFile

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("loadavg"), .one) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        var fields = FieldCursor(reader.text)
        guard let one = fields.nextNumber(), let five = fields.nextNumber(), let fifteen = fields.nextNumber() else {
            throw CollectorError.failed("\(file.path): expected three numbers")
        }
        batch.sample("node_load1", .gauge, "Load average over one minute.", one)
        batch.sample("node_load5", .gauge, "Load average over five minutes.", five)
        batch.sample("node_load15", .gauge, "Load average over fifteen minutes.", fifteen)
    }
}
