import Bytes
import Telemetry

/// `/proc/net/udp` and `udp6`: bytes waiting in all UDP sockets together.
struct UDPQueuesCollector: Collector {
    static let description = CollectorDescription("udp_queues", "Bytes that wait in UDP sockets.") {
        UDPQueuesCollector($0)
    }

    private let files: [(HostFile, StaticString)]

    init(_ context: CollectorContext) {
        files = [
            (HostFile(context.paths.proc("net/udp"), .lines), "v4"),
            (HostFile(context.paths.proc("net/udp6"), .lines), "v6"),
        ]
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        let family = batch.family("node_udp_queues", .gauge, "Bytes that wait to be sent or read.")
        var isPresent = false
        for (file, version) in files where try reader.loadIfPresent(file) {
            isPresent = true
            let (sending, receiving, unreadable) = Self.sum(reader.text)
            for (queue, bytes) in [("rx" as StaticString, receiving), ("tx", sending)] {
                batch.startLabels()
                batch.label("ip", version)
                batch.label("queue", queue)
                batch.sample(family, batch.endLabels(), bytes)
            }
            if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
        }
        if !isPresent { throw CollectorError.absent(files[0].0.path) }
    }

    /// The fifth field of each line but the first is `sending:receiving`, hexadecimal.
    private static func sum(_ text: RawSpan) -> (sending: Double, receiving: Double, unreadable: Int) {
        var sending = 0.0
        var receiving = 0.0
        var unreadable = 0
        var lines = LineCursor(text)
        guard lines.next() else { return (0, 0, 0) }
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.skip(5), let colon = fields.field.firstIndex(of: 0x3a),
                let out = fields.field.slice(0, colon).hexadecimal,
                let waiting = fields.field.slice(colon + 1, fields.field.byteCount).hexadecimal
            else {
                unreadable += 1
                continue
            }
            sending += Double(out)
            receiving += Double(waiting)
        }
        return (sending, receiving, unreadable)
    }
}
