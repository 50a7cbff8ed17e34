import Bytes
import Telemetry

/// A segment file: a header, then records one after the other.
///
/// Header, 32 bytes, integers little-endian: magic "TOCSEG01" | version u32 | 0 u32 | number u64 | 0 u32
/// | CRC-32C of the first 28 bytes. The name is the number, 16 hexadecimal digits, and `.seg`.
enum SegmentFormat {
    static let magic: UInt64 = 0x3130_4745_5343_4f54  // "TOCSEG01"
    static let version: UInt32 = 1
    static let headerSize = 32
    /// Where a segment's first record begins.
    static let firstOffset = UInt64(headerSize)

    enum HeaderState: Equatable {
        case intact
        case damaged
        /// Written by a later version of this program: not to be touched.
        case newer(version: UInt32)
    }

    static func fileName(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + ".seg"
    }

    /// Nil for a name that is not one of ours.
    static func number(ofFileNamed name: String) -> UInt64? {
        guard name.utf8.count == 20, name.hasSuffix(".seg"), let number = UInt64(name.dropLast(4), radix: 16),
            number > 0, number < 1 << 62, fileName(number) == name
        else { return nil }
        return number
    }

    static func header(number: UInt64) -> ByteBuffer {
        var buffer = ByteBuffer(capacity: headerSize)
        buffer.append(littleEndian: magic)
        buffer.append(littleEndian: version)
        buffer.append(littleEndian: UInt32(0))
        buffer.append(littleEndian: number)
        buffer.append(littleEndian: UInt32(0))
        buffer.append(littleEndian: buffer.bytes.crc32c())
        return buffer
    }

    static func check(_ bytes: RawSpan, number: UInt64) -> HeaderState {
        guard bytes.byteCount >= headerSize, bytes.load(littleEndian: 0, as: UInt64.self) == magic,
            bytes.load(littleEndian: 28, as: UInt32.self) == bytes.slice(0, 28).crc32c(),
            let found = bytes.load(littleEndian: 8, as: UInt32.self)
        else { return .damaged }
        if found > version { return .newer(version: found) }
        return bytes.load(littleEndian: 16, as: UInt64.self) == number ? .intact : .damaged
    }
}

/// What is known of a segment without reading it.
package struct SegmentSummary: Sendable, Equatable {
    package var number: UInt64
    /// Where its last intact record ends: bytes that can be read.
    package var end: UInt64 = SegmentFormat.firstOffset
    package var recordCount = 0
    package var entryCount = 0
    /// Time stamps of the entries; `earliest > latest` where there are none.
    package var earliest = Timestamp(nanoseconds: .max)
    package var latest = Timestamp(nanoseconds: .min)
    /// When it was last written.
    package var written: Timestamp

    package init(number: UInt64, written: Timestamp) {
        self.number = number
        self.written = written
    }

    package var isEmpty: Bool { end <= SegmentFormat.firstOffset }
    /// Where its first record begins.
    package var start: RecordLocation { RecordLocation(segment: number, offset: SegmentFormat.firstOffset) }

    mutating func add(entryCount count: Int, earliest first: Timestamp, latest last: Timestamp) {
        recordCount &+= 1
        guard count > 0 else { return }
        entryCount &+= count
        earliest = min(earliest, first)
        latest = max(latest, last)
    }

    mutating func add(_ blocks: [BlockIndex]) {
        var count = 0
        var first = Timestamp(nanoseconds: .max)
        var last = Timestamp(nanoseconds: .min)
        for block in blocks {
            count &+= block.entryCount
            first = min(first, block.earliest)
            last = max(last, block.latest)
        }
        add(entryCount: count, earliest: first, latest: last)
    }
}
