import Bytes
import CZlib

/// Compresses whole buffers as `Content-Encoding: gzip`, one after the other, in 200 KB of memory that it
/// keeps.
final class GzipEncoder {
    // At an address of its own: zlib remembers it.
    private let stream: UnsafeMutablePointer<z_stream>
    private let isReady: Bool

    init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // Level 1: the next costs three times as much for an eighth less. A window of 32 KB (15; 16 more ask for gzip's
        // frame) and tables of half the usual size: smaller ones compress a page as well, as what repeats in it is near,
        // but take a third more time, as the window has to be moved more often.
        isReady =
            deflateInit2_(
                stream, 1, Z_DEFLATED, 15 + 16, 7, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
    }

    deinit {
        if isReady { deflateEnd(stream) }
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// `input` as one gzip member, or nil where zlib has no memory for it; the caller then sends it as it is.
    func compressed(_ input: RawSpan) -> [UInt8]? {
        guard isReady, deflateReset(stream) == Z_OK, input.byteCount <= Int(UInt32.max) else { return nil }
        let bound = Int(deflateBound(stream, UInt(input.byteCount)))
        var isComplete = false
        let output = [UInt8](unsafeUninitializedCapacity: bound) { room, filled in
            input.withUnsafeBytes { source in
                // zlib never writes through next_in; its type only lacks the const.
                stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
                stream.pointee.avail_in = UInt32(source.count)
                stream.pointee.next_out = room.baseAddress
                stream.pointee.avail_out = UInt32(clamping: room.count)
                isComplete = deflate(stream, Z_FINISH) == Z_STREAM_END
            }
            filled = isComplete ? room.count - Int(stream.pointee.avail_out) : 0
        }
        return isComplete ? output : nil
    }
}
