import Bytes
import Logs
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
        var encoded: Range<Int>
        var line: Range<Int>
        var time: Timestamp
        var metadata: PushRequestReader.Metadata
        var metadataCount = 0
        /// Bytes of names and values.
        var metadataSize = 0
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
        do { try Self.scan(request, &streams, &entries) } catch { throw PushBlockError("\(error)") }
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
        var pairs = entries[entry].metadata
        var result: [(name: String, value: String)] = []
        // It was walked to its end when the block was taken apart.
        while let pair = try? pairs.next(request.bytes) {
            result.append(
                (String(lossy: request.bytes.slice(pair.name)), String(lossy: request.bytes.slice(pair.value))))
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
            body.append(request.bytes.slice(entry.encoded))
            return
        }
        let (seconds, nanoseconds) = entry.time.parts
        let time = (UInt64(bitPattern: seconds), UInt64(nanoseconds))
        var metadata = ByteBuffer()
        for (name, value) in self.metadata(index) { StructuredMetadata.append(name, value, to: &metadata) }
        let timeLength = 1 + Varint.length(time.0) + (time.1 == 0 ? 0 : 1 + Varint.length(time.1))
        body.append(0x12)
        body.append(
            varint: UInt64(
                3 + timeLength + Varint.length(UInt64(line.count)) + line.count + metadata.count))
        body.append(0x0a)
        body.append(varint: UInt64(timeLength))
        body.append(0x08)
        body.append(varint: time.0)
        if time.1 != 0 {
            body.append(0x10)
            body.append(varint: time.1)
        }
        body.append(0x12)
        body.append(varint: UInt64(line.count))
        body.append(line)
        body.append(metadata.bytes)
    }

    /// Appends `request` with its streams' labels replaced to `output`, entries untouched; false where it is not a
    /// PushRequest as we write them, a stream's labels before its entries.
    static func relabel(_ request: RawSpan, labels: (String) -> String, into output: inout ByteBuffer) -> Bool {
        var reader = PushRequestReader()
        do {
            while let stream = try reader.nextStream(request) {
                let head = 1 + Varint.length(UInt64(stream.labels.count))
                guard stream.labels.lowerBound - stream.body.lowerBound == head else { return false }
                let text = labels(String(lossy: request.slice(stream.labels)))
                let rest = stream.labels.upperBound..<stream.body.upperBound
                let length = text.utf8.count
                output.append(0x0a)
                output.append(varint: UInt64(1 + Varint.length(UInt64(length)) + length + rest.count))
                output.append(0x0a)
                output.append(varint: UInt64(length))
                output.append(text)
                output.append(request.slice(rest))
            }
        } catch {
            return false
        }
        return true
    }

    private static func scan(
        _ request: borrowing ByteBuffer, _ streams: inout [Stream], _ entries: inout [Entry]
    ) throws(PushRequestError) {
        let bytes = request.bytes
        var reader = PushRequestReader()
        while let stream = try reader.nextStream(bytes) {
            let first = entries.count
            var own = stream.entries
            while let entry = try own.next(bytes) {
                var known = Entry(
                    stream: streams.count, encoded: entry.encoded, line: entry.line, time: entry.timestamp,
                    metadata: entry.metadata)
                var pairs = entry.metadata
                while let pair = try pairs.next(bytes) {
                    known.metadataCount += 1
                    known.metadataSize += pair.name.count + pair.value.count
                }
                entries.append(known)
            }
            streams.append(Stream(labels: String(lossy: bytes.slice(stream.labels)), entries: first..<entries.count))
        }
    }
}

/// What is wrong with a stored block.
struct PushBlockError: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
