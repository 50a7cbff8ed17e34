import Bytes

/// The file of a log: a header, then records one after the other. Integers are little-endian.
///
/// Header, 32 bytes: magic "TOCSEL01" | version u32 | 0 u32 | number u64 | 0 u32 | CRC-32C of the first 28 bytes.
/// Record: length u32 | CRC-32C of number, length and operations u32 | operations, as `LogOperation` tells.
enum LogFormat {
    static let magic: UInt64 = 0x3130_4c45_5343_4f54  // "TOCSEL01"
    static let version: UInt32 = 2
    static let headerSize = 32
    static let recordHeaderSize = 8
    /// More than any of ours: a length beyond it is damage.
    static let recordLimit = 256 << 20

    static func digits(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    static func fileName(_ number: UInt64) -> String { digits(number) + ".log" }

    /// Nil for a name that is not one of ours.
    static func number(ofFileNamed name: String) -> UInt64? {
        guard name.hasSuffix(".log"), let number = UInt64(name.dropLast(4), radix: 16), number > 0, number < 1 << 62,
            fileName(number) == name
        else { return nil }
        return number
    }

    static func header(_ number: UInt64) -> ByteBuffer {
        var buffer = ByteBuffer(capacity: headerSize)
        buffer.append(littleEndian: magic)
        buffer.append(littleEndian: version)
        buffer.append(littleEndian: UInt32(0))
        buffer.append(littleEndian: number)
        buffer.append(littleEndian: UInt32(0))
        buffer.append(littleEndian: buffer.bytes.crc32c())
        return buffer
    }

    static func isHeader(_ bytes: RawSpan, number: UInt64) -> Bool {
        bytes.byteCount >= headerSize && bytes.load(littleEndian: 0, as: UInt64.self) == magic
            && bytes.load(littleEndian: 8, as: UInt32.self) == version
            && bytes.load(littleEndian: 16, as: UInt64.self) == number
            && bytes.load(littleEndian: 28, as: UInt32.self) == bytes.slice(0, 28).crc32c()
    }

    static func recordHeader(_ operations: RawSpan, log: UInt64) -> ByteBuffer {
        var header = ByteBuffer(capacity: recordHeaderSize)
        header.append(littleEndian: UInt32(operations.byteCount))
        header.append(littleEndian: checksum(operations, log: log))
        return header
    }

    /// A record of another log has another one.
    static func checksum(_ operations: RawSpan, log: UInt64) -> UInt32 {
        var head = ByteBuffer(capacity: 12)
        head.append(littleEndian: log)
        head.append(littleEndian: UInt32(operations.byteCount))
        return operations.crc32c(head.bytes.crc32c())
    }

    /// The operations of the record at `offset`, which then stands behind it; nil where none is whole.
    @_lifetime(copy file)
    static func record(_ file: RawSpan, _ offset: inout Int, log: UInt64) -> RawSpan? {
        guard let length = file.load(littleEndian: offset, as: UInt32.self).map(Int.init), length > 0,
            length <= recordLimit, let checksum = file.load(littleEndian: offset + 4, as: UInt32.self),
            file.byteCount - offset - recordHeaderSize >= length
        else { return nil }
        let operations = file.slice(offset + recordHeaderSize, offset + recordHeaderSize + length)
        guard self.checksum(operations, log: log) == checksum else { return nil }
        offset += recordHeaderSize + length
        return operations
    }
}
