import Bytes
import Telemetry

/// The pending entries of one stream, encoded as `EntryAdapter` fields of Loki's push protocol
/// (`pkg/push/push.proto`).
struct StreamBuffer: ~Copyable {
    /// The labels the stream was asked for with.
    private(set) var key: String
    /// The labels it is sent with.
    private(set) var labels: String
    private(set) var tenant: String
    /// Encoded structured metadata that every entry gets.
    private var constants: [UInt8] = []
    var entries = ByteBuffer()
    private(set) var entryCount = 0
    private(set) var earliest = Timestamp(nanoseconds: .max)
    private(set) var latest = Timestamp(nanoseconds: .min)
    var isForgotten = false
    /// The last entry's time as the source gave it, and as it was stored.
    private var lastGiven: Int64 = .min
    private var lastStored: Int64 = .min

    init(key: String, labels: String, tenant: String, metadata: borrowing ByteBuffer) {
        self.key = key
        self.labels = labels
        self.tenant = tenant
        constants = [UInt8](metadata.bytes)
    }

    mutating func reset(key: String, labels: String, tenant: String, metadata: borrowing ByteBuffer) {
        self.key = key
        self.labels = labels
        self.tenant = tenant
        constants = [UInt8](metadata.bytes)
        isForgotten = false
        lastGiven = .min
        lastStored = .min
        clear()
    }

    mutating func clear() {
        entries.removeAll()
        entryCount = 0
        earliest = Timestamp(nanoseconds: .max)
        latest = Timestamp(nanoseconds: .min)
    }

    /// Encodes one entry; returns the bytes it took.
    @inline(__always)
    mutating func append(_ given: Timestamp, _ line: RawSpan, _ metadata: RawSpan) -> Int {
        var time = given.nanoseconds
        if time >= lastGiven && time <= lastStored { time = lastStored &+ 1 }
        lastGiven = given.nanoseconds
        lastStored = time
        let timestamp = Timestamp(nanoseconds: time)
        if timestamp < earliest { earliest = timestamp }
        if timestamp > latest { latest = timestamp }

        let (seconds, nanoseconds) = timestamp.parts
        let wireSeconds = UInt64(bitPattern: seconds)
        let wireNanoseconds = UInt64(nanoseconds)
        var timeLength = 1 + Varint.length(wireSeconds)
        if nanoseconds != 0 { timeLength &+= 1 &+ Varint.length(wireNanoseconds) }
        let lineLength = line.byteCount
        let length =
            2 &+ timeLength &+ 1 &+ Varint.length(UInt64(lineLength)) &+ lineLength &+ metadata.byteCount
            &+ constants.count
        let before = entries.count
        entries.reserve(length &+ 11)
        entries.append(0x12)
        entries.append(varint: UInt64(length))
        entries.append(0x0a)
        entries.append(UInt8(truncatingIfNeeded: timeLength))
        entries.append(0x08)
        entries.append(varint: wireSeconds)
        if nanoseconds != 0 {
            entries.append(0x10)
            entries.append(varint: wireNanoseconds)
        }
        entries.append(0x12)
        entries.append(varint: UInt64(lineLength))
        entries.append(line)
        entries.append(metadata)
        if !constants.isEmpty { Self.append(constants, to: &entries) }
        entryCount &+= 1
        return entries.count &- before
    }

    private static func append(_ source: [UInt8], to target: inout ByteBuffer) { target.append(source.span.bytes) }

    /// Appends this stream as a `StreamAdapter` to a PushRequest, and its line of the block's index.
    func encode(into request: inout ByteBuffer, index: inout ByteBuffer) {
        let name = labels.utf8.count
        let length = 1 + Varint.length(UInt64(name)) + name + entries.count
        request.reserve(length + 11)
        request.append(0x0a)
        request.append(varint: UInt64(length))
        request.append(0x0a)
        request.append(varint: UInt64(name))
        request.append(labels)
        request.append(entries.bytes)
        index.append(varint: UInt64(name))
        index.append(labels)
        index.append(varint: UInt64(entryCount))
    }
}

/// Structured metadata of an entry: `LabelPairAdapter` fields, encoded ahead of the line they go with.
package enum StructuredMetadata {
    /// Appends one name and value to `buffer`. The value must be UTF-8.
    package static func append(_ name: String, _ value: RawSpan, to buffer: inout ByteBuffer) {
        let nameLength = name.utf8.count
        let pair =
            2 + Varint.length(UInt64(nameLength)) + nameLength + Varint.length(UInt64(value.byteCount))
            + value.byteCount
        buffer.append(0x1a)
        buffer.append(varint: UInt64(pair))
        buffer.append(0x0a)
        buffer.append(varint: UInt64(nameLength))
        buffer.append(name)
        buffer.append(0x12)
        buffer.append(varint: UInt64(value.byteCount))
        buffer.append(value)
    }

    package static func append(_ name: String, _ value: String, to buffer: inout ByteBuffer) {
        let bytes = [UInt8](value.utf8)
        append(name, bytes.span.bytes, to: &buffer)
    }
}
