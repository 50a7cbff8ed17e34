import CLinux
import Glibc

extension RawSpan {
    /// The byte at `offset`, bounds-checked. Inlinable, as parsers of other modules call it for every byte.
    @inlinable @inline(__always)
    package func byte(at offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount, "byte outside the span")
        return unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The bytes from `lower` up to, not including, `upper`.
    @inlinable @inline(__always)
    @_lifetime(copy self)
    package func slice(_ lower: Int, _ upper: Int) -> RawSpan {
        extracting(lower..<upper)
    }

    /// The offset of the first `byte` at or after `start`, or nil.
    @inline(__always)
    package func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        precondition(start >= 0 && start <= byteCount, "search from outside the span")
        return withUnsafeBytes { buffer -> Int? in
            guard let base = buffer.baseAddress, start < buffer.count,
                let found = memchr(base + start, Int32(byte), buffer.count - start)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    /// The offset of the last `byte`, or nil.
    package func lastIndex(of byte: UInt8) -> Int? {
        withUnsafeBytes { buffer -> Int? in
            guard let base = buffer.baseAddress, let found = clinux_memrchr(base, Int32(byte), buffer.count)
            else { return nil }
            return found - base
        }
    }

    /// The offset of the first occurrence of `needle` at or after `start`, or nil.
    package func firstRange(of needle: RawSpan, from start: Int = 0) -> Int? {
        precondition(start >= 0 && start <= byteCount, "search from outside the span")
        return withUnsafeBytes { haystack -> Int? in
            needle.withUnsafeBytes { wanted -> Int? in
                guard wanted.count > 0 else { return start }
                guard let base = haystack.baseAddress, let pattern = wanted.baseAddress,
                    let found = clinux_memmem(base + start, haystack.count - start, pattern, wanted.count)
                else { return nil }
                return found - base
            }
        }
    }

    /// Whether both hold the same bytes.
    package func equals(_ other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        return withUnsafeBytes { a in
            other.withUnsafeBytes { b in
                guard let x = a.baseAddress, let y = b.baseAddress else { return true }
                return memcmp(x, y, a.count) == 0
            }
        }
    }

    package func equals(_ text: StaticString) -> Bool {
        guard byteCount == text.utf8CodeUnitCount else { return false }
        return withUnsafeBytes { a in
            guard let x = a.baseAddress else { return true }
            return memcmp(x, text.utf8Start, a.count) == 0
        }
    }

    package func hasPrefix(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        return byteCount >= length && extracting(0..<length).equals(text)
    }

    /// A little-endian integer at `offset`, or nil where the span ends before it does.
    @inlinable @inline(__always)
    package func load<T: FixedWidthInteger & BitwiseCopyable>(littleEndian offset: Int, as type: T.Type) -> T? {
        guard offset >= 0, offset <= byteCount, byteCount - offset >= MemoryLayout<T>.size else { return nil }
        return T(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// CRC-32C (Castagnoli), continuing from `crc`.
    package func crc32c(_ crc: UInt32 = 0) -> UInt32 {
        withUnsafeBytes { clinux_crc32c(crc, $0.baseAddress, $0.count) }
    }

    /// FNV-1a, 64 bits: for hash tables of our own, not for untrusted keys.
    package var fnv1a: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for offset in 0..<byteCount {
            hash = (hash ^ UInt64(unsafeLoad(fromByteOffset: offset, as: UInt8.self))) &* 0x100_0000_01b3
        }
        return hash
    }
}

extension Array where Element == UInt8 {
    /// A copy of the span's bytes.
    package init(_ span: RawSpan) {
        self = span.withUnsafeBytes { [UInt8]($0) }
    }
}

extension String {
    /// The span's bytes as text; what is not UTF-8 becomes U+FFFD.
    package init(lossy span: RawSpan) {
        self = span.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// The span's bytes as text. The caller has seen that they are UTF-8: nothing looks at them again.
    package init(utf8 span: RawSpan) {
        self = span.withUnsafeBytes {
            String(copying: UTF8Span(unchecked: $0.assumingMemoryBound(to: UInt8.self).span))
        }
    }
}
