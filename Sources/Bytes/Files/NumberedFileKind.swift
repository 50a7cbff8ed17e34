/// A kind of files that follow one another, such as the segments of a store: each has its number in its name and in the
/// header that it begins with.
///
/// Header, 32 bytes, integers little-endian: magic u64 | version u32 | 0 u32 | number u64 | 0 u32 | CRC-32C of the
/// first 28 bytes. The name is the number, 16 hexadecimal digits, and the suffix.
package struct NumberedFileKind: Sendable {
    package let magic: UInt64
    package let version: UInt32
    /// With its dot.
    package let suffix: String

    package static let headerSize = 32

    package init(magic: UInt64, version: UInt32, suffix: String) {
        self.magic = magic
        self.version = version
        self.suffix = suffix
    }

    package func fileName(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + suffix
    }

    /// Nil for a name that is not one of this kind.
    package func number(ofFileNamed name: String) -> UInt64? {
        guard name.utf8.count == 16 + suffix.utf8.count, name.hasSuffix(suffix),
            let number = UInt64(name.dropLast(suffix.count), radix: 16), number > 0, number < 1 << 62,
            fileName(number) == name
        else { return nil }
        return number
    }

    package func header(number: UInt64) -> ByteBuffer {
        var buffer = ByteBuffer(capacity: Self.headerSize)
        buffer.append(littleEndian: magic)
        buffer.append(littleEndian: version)
        buffer.append(littleEndian: UInt32(0))
        buffer.append(littleEndian: number)
        buffer.append(littleEndian: UInt32(0))
        buffer.append(littleEndian: buffer.bytes.crc32c())
        return buffer
    }

    /// What an intact header of this kind says; nil for any other bytes.
    package func header(in bytes: RawSpan) -> (version: UInt32, number: UInt64)? {
        guard bytes.byteCount >= Self.headerSize, bytes.load(littleEndian: 0, as: UInt64.self) == magic,
            bytes.load(littleEndian: 28, as: UInt32.self) == bytes.slice(0, 28).crc32c(),
            let version = bytes.load(littleEndian: 8, as: UInt32.self),
            let number = bytes.load(littleEndian: 16, as: UInt64.self)
        else { return nil }
        return (version, number)
    }
}
