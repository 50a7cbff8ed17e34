import Bytes
import CZlib

/// Whole buffers compressed as `Content-Encoding: gzip`.
package enum Gzip {
    /// `input` as one gzip member, or nil where zlib has no memory for it; the caller then sends it as it is.
    package static func compressed(_ input: RawSpan) -> [UInt8]? {
        var stream = z_stream()
        // Level 1: a scrape over loopback pays for the processor, not for the wire. 15 + 16 asks for gzip's frame.
        let started = deflateInit2_(
            &stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard started == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        guard input.byteCount <= Int(UInt32.max) else { return nil }
        let bound = Int(deflateBound(&stream, UInt(input.byteCount)))
        var isComplete = false
        let output = [UInt8](unsafeUninitializedCapacity: bound) { room, filled in
            input.withUnsafeBytes { source in
                // zlib never writes through next_in; its type only lacks the const.
                stream.next_in = UnsafeMutablePointer(
                    mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
                stream.avail_in = UInt32(source.count)
                stream.next_out = room.baseAddress
                stream.avail_out = UInt32(clamping: room.count)
                isComplete = deflate(&stream, Z_FINISH) == Z_STREAM_END
            }
            filled = isComplete ? room.count - Int(stream.avail_out) : 0
        }
        return isComplete ? output : nil
    }
}
