/// Protobuf's variable-length integers and field tags (protobuf encoding, "Base 128 Varints").
package enum Varint {
    /// Encoded length of `value` in bytes, 1 to 10.
    @inline(__always)
    package static func length(_ value: UInt64) -> Int {
        // ceil(significant bits / 7), at least 1
        (((63 &- (value | 1).leadingZeroBitCount) &* 9) &+ 73) >> 6
    }
}

extension ByteBuffer {
    @inline(__always)
    package mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}

extension RawSpan {
    /// Reads a varint at `offset` and moves it past; nil where the span ends in the middle or it passes 64 bits.
    @inline(__always)
    package func readVarint(_ offset: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < byteCount, shift < 64 {
            let byte = unsafeLoad(fromByteOffset: offset, as: UInt8.self)
            offset &+= 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift &+= 7
        }
        return nil
    }
}
