import Bytes

/// Files of samples that change no more. Integers are little-endian, times milliseconds since 1970.
///
/// magic "TOCSER01" | version u32 | 0 u32 | chunks: first value f64, bits | columns | series | chunk records | footer
///
/// - Columns: each varint count, then the first time and its differences' differences as zigzag varints.
/// - Series, by id: varint id, zigzag varint of when the counter began (the least integer for unknown), labels as
///   `LabelCoder` writes them.
/// - Chunk records, `recordSize` bytes, by id and time: `BlockChunk`.
/// - Footer: `BlockFooter`; its checksum is over it, and it has those of the other parts. Each chunk has its own.
///
/// The name is the number of the first and of the last window that is in it, 16 hexadecimal digits each.
enum BlockFormat {
    static let magic: UInt64 = 0x3130_5245_5343_4f54  // "TOCSER01"
    static let version: UInt32 = 2
    static let headerSize = 16
    static let recordSize = 48

    static func fileName(_ numbers: ClosedRange<UInt64>) -> String {
        LogFormat.digits(numbers.lowerBound) + "-" + LogFormat.digits(numbers.upperBound) + ".block"
    }

    /// Nil for a name that is not one of ours.
    static func numbers(ofFileNamed name: String) -> ClosedRange<UInt64>? {
        let parts = name.split(separator: "-")
        guard parts.count == 2, parts[1].hasSuffix(".block"), let first = UInt64(parts[0], radix: 16),
            let last = UInt64(parts[1].dropLast(6), radix: 16), first <= last, last < 1 << 62,
            fileName(first...last) == name
        else { return nil }
        return first...last
    }

    static func header() -> ByteBuffer {
        var header = ByteBuffer(capacity: headerSize)
        header.append(littleEndian: magic)
        header.append(littleEndian: version)
        header.append(littleEndian: UInt32(0))
        return header
    }
}

/// Where a chunk is in a block and what is known beside its bits.
struct BlockChunk: Sendable {
    var series: UInt32
    var column: UInt32
    var firstTick: UInt32
    var count: UInt32
    var bitCount: UInt32
    /// Of its first value and bits.
    var checksum: UInt32
    /// From the start of the file, in which it has `byteCount` bytes.
    var offset: UInt32
    /// Milliseconds since 1970.
    var first: Int64
    var last: Int64

    static let bitLimit: UInt32 = 1 << 24

    var byteCount: Int { 8 + (Int(bitCount) + 7) / 8 }

    func write(to bytes: inout ByteBuffer) {
        for field in [series, column, firstTick, count, bitCount, checksum, offset, 0] {
            bytes.append(littleEndian: field)
        }
        bytes.append(littleEndian: first)
        bytes.append(littleEndian: last)
    }

    init(
        series: UInt32, column: UInt32, firstTick: UInt32, count: UInt32, bitCount: UInt32, checksum: UInt32,
        offset: UInt32, first: Int64, last: Int64
    ) {
        self.series = series
        self.column = column
        self.firstTick = firstTick
        self.count = count
        self.bitCount = bitCount
        self.checksum = checksum
        self.offset = offset
        self.first = first
        self.last = last
    }

    /// The record at `offset` of `bytes`, where one fits.
    @inline(__always)
    init?(_ bytes: RawSpan, at start: Int) {
        guard start >= 0, start + BlockFormat.recordSize <= bytes.byteCount else { return nil }
        func field(_ place: Int) -> UInt32 {
            UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start + place * 4, as: UInt32.self))
        }
        func time(_ place: Int) -> Int64 {
            Int64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start + place, as: Int64.self))
        }
        self.init(
            series: field(0), column: field(1), firstTick: field(2), count: field(3), bitCount: field(4),
            checksum: field(5), offset: field(6), first: time(32), last: time(40))
    }
}

/// What a block's last bytes tell.
struct BlockFooter: Sendable, Equatable {
    /// Offset, length and checksum of a part.
    struct Part: Sendable, Equatable {
        var offset: UInt64
        var length: UInt64
        var checksum: UInt32
    }

    static let size = 120
    static let magic: UInt64 = 0x3146_5245_5343_4f54  // "TOCSERF1"

    var columns: Part
    var series: Part
    var records: Part
    var earliest: Int64
    var latest: Int64
    var seriesCount: UInt32
    var columnCount: UInt32

    func write(to bytes: inout ByteBuffer) {
        let start = bytes.count
        for part in [columns, series, records] {
            bytes.append(littleEndian: part.offset)
            bytes.append(littleEndian: part.length)
            bytes.append(littleEndian: part.checksum)
            bytes.append(littleEndian: UInt32(0))
        }
        bytes.append(littleEndian: earliest)
        bytes.append(littleEndian: latest)
        bytes.append(littleEndian: seriesCount)
        bytes.append(littleEndian: columnCount)
        bytes.append(littleEndian: Self.magic)
        bytes.append(littleEndian: UInt64(0))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: bytes.bytes.slice(start, bytes.count).crc32c())
    }

    init(
        columns: Part, series: Part, records: Part, earliest: Int64, latest: Int64, seriesCount: Int, columnCount: Int
    ) {
        self.columns = columns
        self.series = series
        self.records = records
        self.earliest = earliest
        self.latest = latest
        self.seriesCount = UInt32(seriesCount)
        self.columnCount = UInt32(columnCount)
    }

    /// Nil where the file does not end in a whole one whose parts lie in the file.
    init?(_ file: RawSpan) {
        guard file.byteCount >= BlockFormat.headerSize + Self.size,
            file.load(littleEndian: 0, as: UInt64.self) == BlockFormat.magic,
            file.load(littleEndian: 8, as: UInt32.self) == BlockFormat.version
        else { return nil }
        let end = file.byteCount - Self.size
        let bytes = file.slice(end, file.byteCount)
        func integer<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: T.Type) -> T {
            bytes.load(littleEndian: offset, as: type) ?? 0
        }
        guard integer(96, UInt64.self) == Self.magic,
            integer(Self.size - 4, UInt32.self) == bytes.slice(0, Self.size - 4).crc32c()
        else { return nil }
        func part(_ offset: Int) -> Part? {
            let part = Part(
                offset: integer(offset, UInt64.self), length: integer(offset + 8, UInt64.self),
                checksum: integer(offset + 16, UInt32.self))
            guard part.offset <= UInt64(end), part.length <= UInt64(end) - part.offset else { return nil }
            return part
        }
        guard let columns = part(0), let series = part(24), let records = part(48),
            records.length % UInt64(BlockFormat.recordSize) == 0
        else { return nil }
        self.columns = columns
        self.series = series
        self.records = records
        earliest = integer(72, Int64.self)
        latest = integer(80, Int64.self)
        seriesCount = integer(88, UInt32.self)
        columnCount = integer(92, UInt32.self)
        guard earliest <= latest else { return nil }
    }
}
