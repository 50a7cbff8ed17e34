import Bytes
import Logs
import Telemetry

/// Blocks of one tenant taken apart, so that parts of them can be sent or several go together: only where one cannot be
/// sent as it is.
///
/// Follows Loki's `pkg/push/push.proto`. Streams are numbered in the order of their first entries, entries through all
/// of them, stream by stream, each stream's in the order in which they were given.
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
    /// By label string.
    private var numbers: [String: Int] = [:]
    /// The uncompressed requests, one after the other.
    private(set) var request = ByteBuffer()

    init() {}

    /// Takes `payload`, a snappy-compressed PushRequest, apart. Throws where it is not one.
    mutating func load(_ payload: RawSpan) throws(PushBlockError) {
        clear()
        try append(payload)
        finish()
    }

    /// Begins with nothing; `append` what belongs together, then `finish`.
    mutating func clear() {
        streams.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        numbers.removeAll(keepingCapacity: true)
        request.removeAll()
    }

    /// Adds the streams of `payload`, a snappy-compressed PushRequest. Throws, and adds nothing, where it is not one.
    mutating func append(_ payload: RawSpan) throws(PushBlockError) {
        let before = (request.count, entries.count, streams.count)
        do { try Snappy.uncompress(payload, into: &request, limit: 256 << 20) } catch {
            throw PushBlockError("the block is not snappy: \(error)")
        }
        do {
            try Self.scan(request, from: before.0, &streams, &numbers, &entries)
        } catch {
            request.truncate(to: before.0)
            entries.removeSubrange(before.1...)
            for stream in streams[before.2...] { numbers[stream.labels] = nil }
            streams.removeSubrange(before.2...)
            throw PushBlockError("\(error)")
        }
    }

    /// Brings the entries of each stream together.
    mutating func finish() {
        var isSorted = true
        for index in entries.indices.dropFirst() where entries[index].stream < entries[index - 1].stream {
            isSorted = false
            break
        }
        if !isSorted { entries.sort { ($0.stream, $0.encoded.lowerBound) < ($1.stream, $1.encoded.lowerBound) } }
        var first = 0
        for number in streams.indices {
            var end = first
            while end < entries.count, entries[end].stream == number { end += 1 }
            streams[number].entries = first..<end
            first = end
        }
    }

    /// Gives the memory back.
    mutating func release() {
        streams = []
        entries = []
        numbers = [:]
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
            Self.append(stream: labels(stream), entries: body.bytes, to: &output)
        }
    }

    private static func append(stream labels: String, entries: RawSpan, to output: inout ByteBuffer) {
        let length = labels.utf8.count
        output.append(0x0a)
        output.append(varint: UInt64(1 + Varint.length(UInt64(length)) + length + entries.byteCount))
        output.append(0x0a)
        output.append(varint: UInt64(length))
        output.append(labels)
        output.append(entries)
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
                let entries = request.slice(stream.labels.upperBound, stream.body.upperBound)
                append(stream: text, entries: entries, to: &output)
            }
        } catch {
            return false
        }
        return true
    }

    private static func scan(
        _ request: borrowing ByteBuffer, from start: Int, _ streams: inout [Stream], _ numbers: inout [String: Int],
        _ entries: inout [Entry]
    ) throws(PushRequestError) {
        let bytes = request.bytes
        var reader = PushRequestReader(from: start)
        while let stream = try reader.nextStream(bytes) {
            let labels = String(lossy: bytes.slice(stream.labels))
            let number = numbers[labels] ?? streams.count
            if number == streams.count {
                numbers[labels] = number
                streams.append(Stream(labels: labels, entries: 0..<0))
            }
            var own = stream.entries
            while let entry = try own.next(bytes) {
                var known = Entry(
                    stream: number, encoded: entry.encoded, line: entry.line, time: entry.timestamp,
                    metadata: entry.metadata)
                var pairs = entry.metadata
                while let pair = try pairs.next(bytes) {
                    known.metadataCount += 1
                    known.metadataSize += pair.name.count + pair.value.count
                }
                entries.append(known)
            }
        }
    }
}

/// What is wrong with a stored block.
struct PushBlockError: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
