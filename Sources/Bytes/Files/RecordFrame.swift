/// A record of a file that grows at its end, integers little-endian: body length u32 | CRC-32C of length and body u32 | body.
///
/// Appended in one write, a record is there or, after a crash in the middle, known not to be.
package enum RecordFrame {
    package static let headSize = 8
    package static let largestBody = 64 << 20

    /// Appends a record. A body has to be at least a byte long.
    package static func append(_ body: RawSpan, to buffer: inout ByteBuffer) {
        let length = UInt32(clamping: body.byteCount)
        buffer.append(littleEndian: length)
        buffer.append(littleEndian: checksum(length, body))
        buffer.append(body)
    }

    /// Appends the record whose body `body` writes.
    package static func append(to buffer: inout ByteBuffer, _ body: (inout ByteBuffer) -> Void) {
        let start = buffer.count
        buffer.append(littleEndian: UInt32(0))
        buffer.append(littleEndian: UInt32(0))
        body(&buffer)
        let length = UInt32(clamping: buffer.count - start - headSize)
        buffer.overwrite(at: start, littleEndian: length)
        let sum = checksum(length, buffer.bytes.slice(start + headSize, buffer.count))
        buffer.overwrite(at: start + 4, littleEndian: sum)
    }

    /// The end of the record at `offset`; nil for one that is damaged or not all there.
    package static func end(_ bytes: RawSpan, at offset: Int) -> Int? {
        guard let length = bytes.load(littleEndian: offset, as: UInt32.self), length > 0, length <= largestBody,
            let sum = bytes.load(littleEndian: offset + 4, as: UInt32.self),
            offset + headSize + Int(length) <= bytes.byteCount
        else { return nil }
        let end = offset + headSize + Int(length)
        return checksum(length, bytes.slice(offset + headSize, end)) == sum ? end : nil
    }

    private static func checksum(_ length: UInt32, _ body: RawSpan) -> UInt32 {
        var head = ByteBuffer(capacity: 4)
        head.append(littleEndian: length)
        return body.crc32c(head.bytes.crc32c())
    }
}
