import CSnappy

/// What a snappy block can be refused for.
package enum SnappyError: Error, CustomStringConvertible {
    case notSnappy(byteCount: Int)
    case tooLarge(uncompressed: Int, limit: Int)

    package var description: String {
        switch self {
        case .notSnappy(let count): "not a snappy block (\(count) bytes)"
        case .tooLarge(let size, let limit): "snappy block of \(size) bytes uncompressed, at most \(limit) are taken"
        }
    }
}

/// Snappy's block format (not the framed one), as Loki's push API takes it.
package enum Snappy {
    /// Appends the compressed form of `input` to `output`.
    package static func compress(_ input: RawSpan, into output: inout ByteBuffer) {
        let bound = snappy_max_compressed_length(input.byteCount)
        _ = input.withUnsafeBytes { source in
            output.appendUninitialized(atLeast: bound) { room in
                var length = room.count
                let status = snappy_compress(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self), source.count,
                    room.baseAddress?.assumingMemoryBound(to: CChar.self), &length)
                precondition(status == SNAPPY_OK, "snappy refused a buffer of its own bound")
                return length
            }
        }
    }

    /// Appends the uncompressed form of `input` to `output`; `limit` is the most it may grow to, in bytes.
    package static func uncompress(
        _ input: RawSpan, into output: inout ByteBuffer, limit: Int = 64 << 20
    ) throws(SnappyError) {
        let count = input.byteCount
        var size = 0
        let known = input.withUnsafeBytes {
            snappy_uncompressed_length($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count, &size)
        }
        guard known == SNAPPY_OK else { throw .notSnappy(byteCount: count) }
        guard size <= limit else { throw .tooLarge(uncompressed: size, limit: limit) }
        var status = SNAPPY_OK
        let before = output.count
        _ = input.withUnsafeBytes { source in
            output.appendUninitialized(atLeast: size) { room in
                var length = room.count
                status = snappy_uncompress(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self), source.count,
                    room.baseAddress?.assumingMemoryBound(to: CChar.self), &length)
                return status == SNAPPY_OK ? length : 0
            }
        }
        guard status == SNAPPY_OK else {
            output.truncate(to: before)
            throw .notSnappy(byteCount: count)
        }
    }
}
