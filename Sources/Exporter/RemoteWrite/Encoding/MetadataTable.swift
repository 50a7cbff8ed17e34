import Bytes
import Telemetry

/// The families seen, for the metadata that remote write 1.0 sends by itself. At its bound new families are left out.
struct MetadataTable {
    /// Families kept.
    static let limit = 20_000
    private var families: [String: MetricMetadata] = [:]

    mutating func add(_ metadata: MetricMetadata) {
        guard !metadata.name.isEmpty else { return }
        if families.count >= Self.limit, families[metadata.name] == nil { return }
        families[metadata.name] = metadata
    }

    /// All of them as requests of at most `limit` families, by name: `prompb.WriteRequest` with metadata only,
    /// compressed.
    static func requests(_ families: [MetricMetadata], limit: Int) -> [(body: [UInt8], families: Int)] {
        var requests: [(body: [UInt8], families: Int)] = []
        let sorted = families.sorted { $0.name < $1.name }
        var start = 0
        while start < sorted.count {
            let part = sorted[start..<min(sorted.count, start + max(1, limit))]
            var message = ByteBuffer()
            for metadata in part { append(metadata, to: &message) }
            var compressed = ByteBuffer()
            Snappy.compress(message.bytes, into: &compressed)
            requests.append(([UInt8](compressed.bytes), part.count))
            start = part.endIndex
        }
        return requests
    }

    var all: [MetricMetadata] { Array(families.values) }

    private static func append(_ metadata: MetricMetadata, to message: inout ByteBuffer) {
        var body = ByteBuffer()
        if metadata.type.wireNumber != 0 {
            body.append(WireTag.metadataType)
            body.append(varint: metadata.type.wireNumber)
        }
        append(metadata.name, tag: WireTag.metadataFamily, to: &body)
        append(metadata.help, tag: WireTag.metadataHelp1, to: &body)
        append(metadata.unit, tag: WireTag.metadataUnit1, to: &body)
        message.append(sized: body, tag: WireTag.metadata1)
    }

    private static func append(_ text: String, tag: UInt8, to body: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        body.append(tag)
        body.append(varint: UInt64(text.utf8.count))
        body.append(text)
    }
}
