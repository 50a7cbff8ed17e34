import Bytes
import Telemetry

/// A block taken apart, so that parts of it can be sent: only where it cannot be sent as it is.
///
/// Follows Loki's `pkg/push/push.proto`. Entries are numbered through the block in the order in which they stand.
struct PushBlock: ~Copyable {
    struct Stream: Sendable {
        var labels: String
        var entries: Range<Int>
    }

    struct Entry: Sendable {
        var stream: Int
        /// The whole field in `request`, tag and length included.
        var field: Range<Int>
        var line: Range<Int>
        /// Everything of the entry but its line: time stamp before it, structured metadata after it.
        var timestamp: Range<Int>
        var metadata: Range<Int>
        var metadataCount: Int
        /// Bytes of names and values.
        var metadataSize: Int
        var time: Timestamp
    }

    private(set) var streams: [Stream] = []
    private(set) var entries: [Entry] = []
    /// The uncompressed request.
    private(set) var request = ByteBuffer()

    init() {}

    /// Takes `payload`, a snappy-compressed PushRequest, apart. Throws where it is not one.
    mutating func load(_ payload: RawSpan) throws(PushBlockError) {
        streams.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        request.removeAll()
        do { try Snappy.uncompress(payload, into: &request, limit: 256 << 20) } catch {
            throw PushBlockError("the block is not snappy: \(error)")
        }
        guard Self.scan(request, &streams, &entries) else {
            throw PushBlockError("the block is not a PushRequest")
        }
    }

    /// Gives the memory back.
    mutating func release() {
        streams = []
        entries = []
        request.removeAll()
        request.release()
    }

    /// The bytes of one entry's line.
    func line(_ entry: Int) -> [UInt8] {
        let range = entries[entry].line
        return [UInt8](request.bytes.slice(range.lowerBound, range.upperBound))
    }

    /// The structured metadata of one entry: names and values.
    func metadata(_ entry: Int) -> [(name: String, value: String)] {
        var reader = FieldReader(entries[entry].metadata)
        var result: [(name: String, value: String)] = []
        while let pair = reader.next(request.bytes) {
            guard pair.number == 3 else { continue }
            var inner = FieldReader(pair.content)
            var name = ""
            var value = ""
            while let part = inner.next(request.bytes) {
                let text = String(lossy: request.bytes.slice(part.content.lowerBound, part.content.upperBound))
                if part.number == 1 { name = text } else if part.number == 2 { value = text }
            }
            result.append((name, value))
        }
        return result
    }

    /// Appends a PushRequest of the entries in `selection`, in that order, to `output`. `labels` gives a stream's label
    /// string as it is to be sent. The same selection gives the same bytes each time.
    func encode(
        _ selection: ArraySlice<Int>, labels: (Int) -> String, lines: [Int: [UInt8]], into output: inout ByteBuffer
    ) {
        var index = selection.startIndex
        var body = ByteBuffer(capacity: 4 << 10)
        while index < selection.endIndex {
            let stream = entries[selection[index]].stream
            body.removeAll()
            while index < selection.endIndex, entries[selection[index]].stream == stream {
                append(selection[index], line: lines[selection[index]], to: &body)
                index += 1
            }
            let name = labels(stream)
            let length = name.utf8.count
            output.append(0x0a)
            output.append(varint: UInt64(1 + Varint.length(UInt64(length)) + length + body.count))
            output.append(0x0a)
            output.append(varint: UInt64(length))
            output.append(name)
            output.append(body.bytes)
        }
    }

    private func append(_ index: Int, line: [UInt8]?, to body: inout ByteBuffer) {
        let entry = entries[index]
        guard let line else {
            body.append(request.bytes.slice(entry.field.lowerBound, entry.field.upperBound))
            return
        }
        let length = entry.timestamp.count + 1 + Varint.length(UInt64(line.count)) + line.count + entry.metadata.count
        body.append(0x12)
        body.append(varint: UInt64(length))
        body.append(request.bytes.slice(entry.timestamp.lowerBound, entry.timestamp.upperBound))
        body.append(0x12)
        body.append(varint: UInt64(line.count))
        body.append(line)
        body.append(request.bytes.slice(entry.metadata.lowerBound, entry.metadata.upperBound))
    }

    /// Appends `request` with its streams' labels replaced to `output`, entries untouched; false where it is not a
    /// PushRequest.
    static func relabel(_ request: RawSpan, labels: (String) -> String, into output: inout ByteBuffer) -> Bool {
        var reader = FieldReader(0..<request.byteCount)
        while let stream = reader.next(request) {
            guard stream.number == 1 else { continue }
            var inner = FieldReader(stream.content)
            guard let name = inner.next(request), name.number == 1 else { return false }
            let text = labels(String(lossy: request.slice(name.content.lowerBound, name.content.upperBound)))
            let rest = name.content.upperBound..<stream.content.upperBound
            let length = text.utf8.count
            output.append(0x0a)
            output.append(varint: UInt64(1 + Varint.length(UInt64(length)) + length + rest.count))
            output.append(0x0a)
            output.append(varint: UInt64(length))
            output.append(text)
            output.append(request.slice(rest.lowerBound, rest.upperBound))
        }
        return reader.isAtEnd
    }

    private static func scan(
        _ request: borrowing ByteBuffer, _ streams: inout [Stream], _ entries: inout [Entry]
    ) -> Bool {
        let bytes = request.bytes
        var reader = FieldReader(0..<bytes.byteCount)
        while let stream = reader.next(bytes) {
            guard stream.number == 1 else { continue }
            var labels = ""
            let first = entries.count
            var inner = FieldReader(stream.content)
            while let field = inner.next(bytes) {
                if field.number == 1 {
                    labels = String(lossy: bytes.slice(field.content.lowerBound, field.content.upperBound))
                } else if field.number == 2 {
                    guard let entry = scanEntry(bytes, field, stream: streams.count) else { return false }
                    entries.append(entry)
                }
            }
            guard inner.isAtEnd else { return false }
            streams.append(Stream(labels: labels, entries: first..<entries.count))
        }
        return reader.isAtEnd
    }

    private static func scanEntry(_ bytes: RawSpan, _ field: FieldReader.Field, stream: Int) -> Entry? {
        let end = field.content.upperBound
        var entry = Entry(
            stream: stream, field: field.whole, line: end..<end, timestamp: end..<end, metadata: end..<end,
            metadataCount: 0, metadataSize: 0, time: Timestamp(nanoseconds: 0))
        var reader = FieldReader(field.content)
        while let part = reader.next(bytes) {
            switch part.number {
            case 1:
                entry.timestamp = part.whole
                entry.time = time(bytes, part.content)
            case 2: entry.line = part.content
            case 3:
                if entry.metadata.isEmpty { entry.metadata = part.whole }
                entry.metadata = entry.metadata.lowerBound..<part.whole.upperBound
                entry.metadataCount += 1
                var pair = FieldReader(part.content)
                while let text = pair.next(bytes) { entry.metadataSize += text.content.count }
            default: break
            }
        }
        return reader.isAtEnd ? entry : nil
    }

    private static func time(_ bytes: RawSpan, _ content: Range<Int>) -> Timestamp {
        var offset = content.lowerBound
        var nanoseconds: Int64 = 0
        while offset < content.upperBound, let tag = bytes.readVarint(&offset), let value = bytes.readVarint(&offset) {
            let number = Int64(bitPattern: value)
            nanoseconds = nanoseconds &+ (tag == 0x08 ? number &* 1_000_000_000 : tag == 0x10 ? number : 0)
        }
        return Timestamp(nanoseconds: nanoseconds)
    }
}

/// What is wrong with a stored block.
struct PushBlockError: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Walks the length-delimited fields of a protobuf message; others are passed over.
struct FieldReader {
    struct Field {
        var number: Int
        /// Tag, length and content.
        var whole: Range<Int>
        var content: Range<Int>
    }

    private var offset: Int
    private let end: Int
    private var isBroken = false

    init(_ range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    /// Whether the message ended where a field ended.
    var isAtEnd: Bool { !isBroken && offset == end }

    /// The next field, or nil at the end or where the bytes are not a field.
    mutating func next(_ bytes: RawSpan) -> Field? {
        while offset < end {
            let start = offset
            guard let tag = bytes.readVarint(&offset), tag < 1 << 29 else { return fail() }
            switch tag & 7 {
            case 0: if bytes.readVarint(&offset) == nil { return fail() }
            case 1: offset += 8
            case 5: offset += 4
            case 2:
                guard let length = bytes.readVarint(&offset), offset <= end, length <= UInt64(end - offset) else {
                    return fail()
                }
                let content = offset..<(offset + Int(length))
                offset = content.upperBound
                return Field(number: Int(tag >> 3), whole: start..<offset, content: content)
            default: return fail()
            }
            if offset > end { return fail() }
        }
        return nil
    }

    private mutating func fail() -> Field? {
        isBroken = true
        offset = end
        return nil
    }
}
