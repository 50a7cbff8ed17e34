import Bytes
import CZlib
import Glibc

/// Why a gzip file cannot be read further. What came before the offset has been read well.
package struct GzipError: Error, CustomStringConvertible, Sendable, Equatable {
    package var description: String
}

/// Reads a gzip file (RFC 1952), of one or several members, chunk by chunk from a descriptor, in about 110 KiB of memory.
package struct GzipReader: ~Copyable {
    private static let inputSize = 64 << 10

    /// Bytes of uncompressed data read or skipped so far.
    package private(set) var position: Int64 = 0
    /// Bytes of the file handed to the decoder so far.
    package private(set) var compressedPosition: Int64 = 0

    private let descriptor: Int32
    private let path: String
    // zlib keeps a pointer to the stream inside it, so it may not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutablePointer<UInt8>
    private var isAtStart = true
    private var isBetweenMembers = true
    private var isAtEnd = false

    /// Reads from where `descriptor` stands; it stays open and belongs to the caller. `path` is for error messages.
    package init(descriptor: Int32, path: String) throws(GzipError) {
        self.descriptor = descriptor
        self.path = path
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        input = .allocate(capacity: Self.inputSize)
        // 15 bits of window, plus 16: gzip and nothing else.
        let status = inflateInit2_(stream, 31, zlibVersion(), Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            stream.deallocate()
            input.deallocate()
            throw GzipError(description: "cannot read \(path): zlib has no memory (status \(status))")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    /// Appends up to `limit` uncompressed bytes to `buffer`. Returns how many; 0 only at the end of the file.
    package mutating func read(into buffer: inout ByteBuffer, limit: Int = 256 << 10) throws(GzipError) -> Int {
        guard limit > 0 else { return 0 }
        let before = buffer.count
        while buffer.count == before, !isAtEnd {
            if stream.pointee.avail_in == 0 { try fill() }
            if isAtEnd { break }
            if isBetweenMembers, try !beginMember() { continue }
            try inflateSome(into: &buffer, limit: limit)
        }
        position += Int64(buffer.count - before)
        return buffer.count - before
    }

    /// Reads on to `offset` in uncompressed bytes and forgets what is before it. Throws where the file ends earlier.
    package mutating func skip(to offset: Int64) throws(GzipError) {
        guard offset >= position else {
            throw GzipError(description: "cannot go back from \(position) to \(offset) in \(path)")
        }
        var scratch = ByteBuffer(capacity: 32 << 10)
        while position < offset {
            scratch.removeAll()
            let read = try read(into: &scratch, limit: Int(min(Int64(32 << 10), offset - position)))
            guard read > 0 else {
                throw GzipError(
                    description: "cannot skip to byte \(offset) of \(path): it has only \(position) uncompressed bytes")
            }
        }
    }

    private mutating func fill() throws(GzipError) {
        var count = Glibc.read(descriptor, input, Self.inputSize)
        while count < 0, errno == EINTR { count = Glibc.read(descriptor, input, Self.inputSize) }
        guard count >= 0 else {
            throw GzipError(description: "cannot read \(path): \(String(cString: strerror(errno)))")
        }
        guard count > 0 else {
            guard isBetweenMembers else {
                throw GzipError(
                    description:
                        "\(path) ends in the middle of its gzip data, at byte \(compressedPosition) "
                        + "(\(position) uncompressed); it may still be written, or was cut off")
            }
            isAtEnd = true
            return
        }
        compressedPosition += Int64(count)
        stream.pointee.next_in = input
        stream.pointee.avail_in = UInt32(count)
    }

    /// Whether a member begins here; zeros after the last one are padding and are passed over.
    private mutating func beginMember() throws(GzipError) -> Bool {
        if !isAtStart {
            while stream.pointee.avail_in > 0, let next = stream.pointee.next_in, next.pointee == 0 {
                stream.pointee.next_in = next + 1
                stream.pointee.avail_in -= 1
            }
            if stream.pointee.avail_in == 0 { return false }
            inflateReset(stream)
        }
        isAtStart = false
        isBetweenMembers = false
        return true
    }

    private mutating func inflateSome(into buffer: inout ByteBuffer, limit: Int) throws(GzipError) {
        let room = min(limit, 256 << 10)
        let stream = stream
        var status = Z_OK
        _ = buffer.appendUninitialized(atLeast: room) { bytes in
            stream.pointee.next_out = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(room)
            status = inflate(stream, Z_NO_FLUSH)
            return room - Int(stream.pointee.avail_out)
        }
        switch status {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isBetweenMembers = true
        default:
            let reason = stream.pointee.msg.map { String(cString: $0) } ?? "status \(status)"
            let offset = compressedPosition - Int64(stream.pointee.avail_in)
            throw GzipError(
                description:
                    "\(path) is not intact gzip near byte \(offset): \(reason); what was before it has been read")
        }
    }
}
