import Bytes
import CZlib
import Glibc

/// The decompressed bytes of a gzip file, by offset; cheap in ascending order, from the start again otherwise.
final class GzipContent {
    private let descriptor: Int32
    private var stream = z_stream()
    private var isOpen = false
    private var inputOffset = 0
    private var input = ByteBuffer()
    /// Decompressed bytes kept, and where they begin.
    private var window = ByteBuffer()
    private var windowStart: UInt64 = 0
    private var isFinished = false

    private static let blockSize = 64 << 10

    /// The descriptor stays its owner's.
    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { if isOpen { inflateEnd(&stream) } }

    /// Appends up to `length` bytes from `offset`; fewer at the end, or where the file ends early or is damaged.
    func read(at offset: UInt64, length: Int, into buffer: inout ByteBuffer) -> Int {
        if !isOpen || offset < windowStart { restart() }
        while isOpen, !isFinished, windowStart + UInt64(window.count) < offset + UInt64(length) {
            let end = windowStart + UInt64(window.count)
            if end > offset {
                if offset > windowStart { drop(to: offset) }
            } else {
                windowStart = end
                window.removeAll()
            }
            decompress()
        }
        guard offset >= windowStart, offset - windowStart < UInt64(window.count) else { return 0 }
        let start = Int(offset - windowStart)
        let count = min(length, window.count - start)
        Self.copy(window, start, count, to: &buffer)
        return count
    }

    private static func copy(_ window: borrowing ByteBuffer, _ start: Int, _ count: Int, to buffer: inout ByteBuffer) {
        buffer.append(window.bytes.slice(start, start + count))
    }

    private func drop(to offset: UInt64) {
        window.removeFirst(Int(offset - windowStart))
        windowStart = offset
    }

    private func restart() {
        if isOpen { inflateEnd(&stream) }
        stream = z_stream()
        // 16 + 15: the gzip format with its largest window.
        isOpen = inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        inputOffset = 0
        input.removeAll()
        window.removeAll()
        windowStart = 0
        isFinished = !isOpen
    }

    /// Decompresses one block of input onto the window.
    private func decompress() {
        input.removeAll()
        let offset = inputOffset
        let count = input.appendUninitialized(atLeast: Self.blockSize) { room in
            max(0, pread(descriptor, room.baseAddress, Self.blockSize, offset))
        }
        guard count > 0 else {
            isFinished = true
            return
        }
        inputOffset += count
        Self.inflate(input, &stream, into: &window, finished: &isFinished)
    }

    private static func inflate(
        _ input: borrowing ByteBuffer, _ stream: inout z_stream, into window: inout ByteBuffer, finished: inout Bool
    ) {
        input.bytes.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return }
            stream.next_in = UnsafeMutablePointer(mutating: base.assumingMemoryBound(to: UInt8.self))
            stream.avail_in = UInt32(source.count)
            while true {
                var status = Z_OK
                var produced = 0
                _ = window.appendUninitialized(atLeast: blockSize) { room in
                    stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    let offered = UInt32(clamping: room.count)
                    stream.avail_out = offered
                    status = CZlib.inflate(&stream, Z_NO_FLUSH)
                    produced = Int(offered - stream.avail_out)
                    return produced
                }
                // Members may follow one another; what follows the last and is none is padding.
                if status == Z_STREAM_END { status = inflateReset(&stream) }
                if status == Z_BUF_ERROR || (status == Z_OK && stream.avail_in == 0 && stream.avail_out > 0) { return }
                guard status == Z_OK else {
                    finished = true
                    return
                }
            }
        }
    }
}
