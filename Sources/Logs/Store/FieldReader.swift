import Bytes

/// Reads the fixed fields and sized strings that checkpoints consist of. Nil past the end.
struct FieldReader {
    private(set) var offset = 0

    mutating func fixed<T: FixedWidthInteger & BitwiseCopyable>(_ bytes: RawSpan, as _: T.Type = T.self) -> T? {
        guard let value = bytes.load(littleEndian: offset, as: T.self) else { return nil }
        offset += MemoryLayout<T>.size
        return value
    }

    mutating func sized(_ bytes: RawSpan) -> [UInt8]? {
        guard let length = bytes.readVarint(&offset), length <= UInt64(bytes.byteCount - offset) else { return nil }
        defer { offset += Int(length) }
        return [UInt8](bytes.slice(offset, offset + Int(length)))
    }

    mutating func text(_ bytes: RawSpan) -> String? { sized(bytes).map { String(decoding: $0, as: UTF8.self) } }

    mutating func location(_ bytes: RawSpan) -> RecordLocation? {
        guard let segment = fixed(bytes, as: UInt64.self), let offset = fixed(bytes, as: UInt64.self),
            segment < 1 << 62, offset < 1 << 62
        else { return nil }
        return RecordLocation(segment: segment, offset: offset)
    }

    /// One that may be missing, as `append(optional:)` writes it.
    mutating func optionalLocation(_ bytes: RawSpan) -> RecordLocation?? {
        switch fixed(bytes, as: UInt8.self) {
        case 0: .some(nil)
        case 1: location(bytes).map(Optional.some)
        default: nil
        }
    }

    /// Whether `count` things of at least `size` bytes each may still follow: before room is made for them.
    func mayHold(_ count: UInt32, of size: Int, _ bytes: RawSpan) -> Bool {
        Int(count) <= (bytes.byteCount - offset) / size
    }
}

extension ByteBuffer {
    mutating func append(location: RecordLocation) {
        append(littleEndian: location.segment)
        append(littleEndian: location.offset)
    }

    mutating func append(optional location: RecordLocation?) {
        append(location == nil ? 0 : 1)
        if let location { append(location: location) }
    }

    mutating func append(sized text: String) {
        append(varint: UInt64(text.utf8.count))
        append(text)
    }
}
