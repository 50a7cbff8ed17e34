import Bytes
import Telemetry

/// How an entry's text becomes lines of its stream.
struct JournalLines: ~Copyable {
    /// The entry's structured metadata, encoded.
    var metadata = ByteBuffer()
    private var repaired = ByteBuffer()
    private let limit: Int

    /// `limit` is the longest line in bytes that stays whole.
    init(limit: Int) { self.limit = max(16, limit) }

    /// Encodes the fields that the configuration keeps.
    mutating func encodeMetadata(_ fields: borrowing JournalFields, _ plan: borrowing JournalPlan) {
        metadata.removeAll()
        for entry in plan.metadata where fields.has(entry.slot) {
            let value = fields.value(entry.slot)
            if value.isUTF8 {
                StructuredMetadata.append(entry.name, value, to: &metadata)
            } else {
                repaired.removeAll()
                _ = repaired.append(repairing: value)
                Self.append(entry.name, repaired, to: &metadata)
            }
        }
    }

    private static func append(_ name: String, _ value: borrowing ByteBuffer, to metadata: inout ByteBuffer) {
        StructuredMetadata.append(name, value.bytes, to: &metadata)
    }

    /// Appends one text: as one line, or in marked pieces where it is longer than the limit.
    @inline(__always)
    mutating func append(
        _ line: RawSpan, isCut: Bool, _ stream: StreamID, _ time: Timestamp, to writer: inout EntryWriter
    ) {
        if line.byteCount <= limit, !isCut {
            writer.append(stream, time, line, metadata: metadata.bytes)
        } else {
            appendPieces(line, isCut, stream, time, to: &writer)
        }
    }

    @inline(never)
    private mutating func appendPieces(
        _ line: RawSpan, _ isCut: Bool, _ stream: StreamID, _ time: Timestamp, to writer: inout EntryWriter
    ) {
        let common = metadata.count
        let isSplit = line.byteCount > limit
        var start = 0
        var part = 1
        repeat {
            var end = min(line.byteCount, start + limit)
            if end < line.byteCount { end = Self.characterBoundary(line, end, after: start) }
            metadata.truncate(to: common)
            if isSplit { StructuredMetadata.append("line_part", "\(part)", to: &metadata) }
            if isCut, end == line.byteCount { StructuredMetadata.append("line_truncated", "true", to: &metadata) }
            writer.append(stream, time, line.slice(start, end), metadata: metadata.bytes)
            start = end
            part += 1
        } while start < line.byteCount
        metadata.truncate(to: common)
    }

    /// Moves a cut back to where a UTF-8 sequence begins, if there is one near.
    private static func characterBoundary(_ line: RawSpan, _ end: Int, after start: Int) -> Int {
        var cut = end
        while cut > start + 1, end - cut < 4 {
            if line.byte(at: cut) & 0xc0 != 0x80 { return cut }
            cut -= 1
        }
        return end
    }
}

/// An entry as one JSON object, `json: true` as promtail has it: field names and values as strings, in the order of
/// their names; a field that occurs more than once is an array.
enum JournalJSON {
    static func append(_ fields: borrowing JournalFields, to buffer: inout ByteBuffer) {
        var values: [String: [Range<Int>]] = [:]
        for item in fields.items { values[String(lossy: fields.bytes(item.name)), default: []].append(item.value) }
        buffer.append(UInt8(ascii: "{"))
        var isFirst = true
        for (name, ranges) in values.sorted(by: { $0.key < $1.key }) {
            if !isFirst { buffer.append(UInt8(ascii: ",")) }
            isFirst = false
            appendString(Array(name.utf8).span.bytes, to: &buffer)
            buffer.append(UInt8(ascii: ":"))
            if ranges.count > 1 { buffer.append(UInt8(ascii: "[")) }
            for (index, range) in ranges.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                appendString(fields.bytes(range), to: &buffer)
            }
            if ranges.count > 1 { buffer.append(UInt8(ascii: "]")) }
        }
        buffer.append(UInt8(ascii: "}"))
    }

    /// Ill-formed UTF-8 is left to the writer, which replaces and counts it.
    static func appendString(_ text: RawSpan, to buffer: inout ByteBuffer) {
        buffer.append(UInt8(ascii: "\""))
        for offset in 0..<text.byteCount {
            let byte = text.byte(at: offset)
            switch byte {
            case UInt8(ascii: "\""): buffer.append("\\\"" as StaticString)
            case UInt8(ascii: "\\"): buffer.append("\\\\" as StaticString)
            case 0x0a: buffer.append("\\n" as StaticString)
            case 0x0d: buffer.append("\\r" as StaticString)
            case 0x09: buffer.append("\\t" as StaticString)
            case 0..<0x20:
                buffer.append("\\u00" as StaticString)
                buffer.append(0x30 + (byte >> 4))
                buffer.append((byte & 15) + (byte & 15 < 10 ? 0x30 : 0x57))
            default: buffer.append(byte)
            }
        }
        buffer.append(UInt8(ascii: "\""))
    }
}
