import Bytes

/// The queue's segment files: a header, then records one after the other.
enum QueueSegmentFormat {
    /// "TOCRWQ01"
    static let kind = NumberedFileKind(magic: 0x3130_5157_5243_4f54, version: 1, suffix: ".rwq")
    static let firstOffset = UInt64(NumberedFileKind.headerSize)

    /// The version of a header, nil where it is none of a segment `number`.
    static func version(of bytes: RawSpan, number: UInt64) -> UInt32? {
        kind.header(in: bytes).flatMap { $0.number == number ? $0.version : nil }
    }
}

/// What stands before a record's payload, which is what `RecordEncoder` made, as a snappy block.
///
/// 64 bytes, integers little-endian: magic "TOCRWB01" | payload length u32 | samples u32 | exemplars u32
/// | CRC-32C of the payload u32 | sequence u64 | time of its first sample's arrival i64 | oldest sample's time i64
/// | newest sample's time i64 | 0 u32 | CRC-32C of the first 60 bytes. Times are milliseconds since 1970; sequence
/// numbers rise by one from record to record.
struct QueueRecordHeader: Equatable, Sendable {
    static let magic: UInt64 = 0x3130_4257_5243_4f54  // "TOCRWB01"
    static let magicBytes: [UInt8] = Array("TOCRWB01".utf8)
    static let size = 64
    /// More than any of ours: a length beyond it is damage.
    static let payloadLimit = 64 << 20

    var payloadLength: Int
    var payloadChecksum: UInt32
    var sequence: UInt64
    var arrived: Int64
    var summary: RecordSummary

    init(payload: RawSpan, sequence: UInt64, arrived: Int64, summary: RecordSummary) {
        payloadLength = payload.byteCount
        payloadChecksum = payload.crc32c()
        self.sequence = sequence
        self.arrived = arrived
        self.summary = summary
    }

    /// Nil for anything but an intact header.
    init?(decoding bytes: RawSpan) {
        guard bytes.byteCount >= Self.size, bytes.load(littleEndian: 0, as: UInt64.self) == Self.magic,
            bytes.load(littleEndian: 60, as: UInt32.self) == bytes.slice(0, 60).crc32c(),
            let length = bytes.load(littleEndian: 8, as: UInt32.self), length <= UInt32(Self.payloadLimit),
            let samples = bytes.load(littleEndian: 12, as: UInt32.self),
            let exemplars = bytes.load(littleEndian: 16, as: UInt32.self),
            let checksum = bytes.load(littleEndian: 20, as: UInt32.self),
            let sequence = bytes.load(littleEndian: 24, as: UInt64.self), sequence < 1 << 62,
            let arrived = bytes.load(littleEndian: 32, as: Int64.self),
            let oldest = bytes.load(littleEndian: 40, as: Int64.self),
            let newest = bytes.load(littleEndian: 48, as: Int64.self)
        else { return nil }
        payloadLength = Int(length)
        payloadChecksum = checksum
        self.sequence = sequence
        self.arrived = arrived
        summary = RecordSummary(
            samples: Int(samples), exemplars: Int(exemplars), oldest: oldest, newest: newest)
    }

    func encoded() -> ByteBuffer {
        var buffer = ByteBuffer(capacity: Self.size)
        buffer.append(littleEndian: Self.magic)
        buffer.append(littleEndian: UInt32(payloadLength))
        buffer.append(littleEndian: UInt32(summary.samples))
        buffer.append(littleEndian: UInt32(summary.exemplars))
        buffer.append(littleEndian: payloadChecksum)
        buffer.append(littleEndian: sequence)
        buffer.append(littleEndian: arrived)
        buffer.append(littleEndian: summary.oldest)
        buffer.append(littleEndian: summary.newest)
        buffer.append(littleEndian: UInt32(0))
        buffer.append(littleEndian: buffer.bytes.crc32c())
        return buffer
    }

    /// Bytes of header and payload.
    var recordLength: UInt64 { UInt64(Self.size + payloadLength) }
}

/// A place in the queue. What is acknowledged is everything before it.
struct QueuePosition: Comparable, Sendable {
    var segment: UInt64
    var offset: UInt64
    /// Of the last record before it.
    var sequence: UInt64

    static func < (a: QueuePosition, b: QueuePosition) -> Bool {
        (a.segment, a.offset) < (b.segment, b.offset)
    }

    static let start = QueuePosition(segment: 0, offset: 0, sequence: 0)

    /// As the generation file's body: three integers.
    func encoded() -> ByteBuffer {
        var buffer = ByteBuffer(capacity: 24)
        buffer.append(littleEndian: segment)
        buffer.append(littleEndian: offset)
        buffer.append(littleEndian: sequence)
        return buffer
    }

    init(segment: UInt64, offset: UInt64, sequence: UInt64) {
        self.segment = segment
        self.offset = offset
        self.sequence = sequence
    }

    init?(decoding bytes: RawSpan) {
        guard bytes.byteCount == 24, let segment = bytes.load(littleEndian: 0, as: UInt64.self),
            let offset = bytes.load(littleEndian: 8, as: UInt64.self),
            let sequence = bytes.load(littleEndian: 16, as: UInt64.self), segment < 1 << 62, offset < 1 << 62,
            sequence < 1 << 62
        else { return nil }
        self.init(segment: segment, offset: offset, sequence: sequence)
    }
}

extension GenerationFile.Kind {
    /// How far a remote write has sent its queue.
    static let remoteWriteCursor = GenerationFile.Kind(rawValue: 3)
}
