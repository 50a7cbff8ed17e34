import Bytes

/// Finds the records of one segment file, intact or not. Holds nothing but a buffer; each call reads what it needs.
enum RecordScanner {
    /// What is at an offset.
    enum Step: Equatable {
        /// An intact header; its record ends inside the limit.
        case record(RecordHeader)
        /// No intact record begins here; the next intact header is at `next`.
        case damaged(next: UInt64)
        /// No intact record begins here or anywhere up to the limit.
        case torn
        /// The limit.
        case end
    }

    private static let chunkSize = 64 << 10

    /// Looks at `offset`; bytes at `limit` and beyond do not exist. `scratch` is overwritten.
    static func step(
        _ file: StoreFile, at offset: UInt64, limit: UInt64, _ scratch: inout ByteBuffer
    ) throws(SystemError) -> Step {
        guard offset < limit else { return .end }
        guard limit - offset >= UInt64(RecordFormat.headerSize) else { return .torn }
        scratch.removeAll()
        try file.read(at: offset, length: RecordFormat.headerSize, into: &scratch)
        guard let header = RecordHeader(decoding: scratch.bytes) else {
            return try resync(file, from: offset + 1, limit: limit, &scratch)
        }
        if UInt64(header.recordLength) <= limit - offset { return .record(header) }
        return try resync(file, from: offset + 1, limit: limit, &scratch)
    }

    /// Reads the metadata and, where `payload` is set, the blocks of the record at `offset` into `buffer`, which
    /// ends up with the blocks alone. Nil where a checksum does not hold.
    static func load(
        _ file: StoreFile, at offset: UInt64, _ header: RecordHeader, payload: Bool, into buffer: inout ByteBuffer
    ) throws(SystemError) -> RecordMetadata? {
        buffer.removeAll()
        try file.read(at: offset + UInt64(RecordFormat.headerSize), length: header.metadataLength, into: &buffer)
        let decoded = RecordMetadata(decoding: buffer.bytes, header: header)
        buffer.removeAll()
        guard let metadata = decoded else { return nil }
        guard payload else { return metadata }
        let start = offset + UInt64(RecordFormat.headerSize + header.metadataLength)
        try file.read(at: start, length: header.payloadLength, into: &buffer)
        guard buffer.count == header.payloadLength, isIntact(buffer, metadata.blocks) else {
            buffer.removeAll()
            return nil
        }
        return metadata
    }

    private static func isIntact(_ payload: borrowing ByteBuffer, _ blocks: [BlockIndex]) -> Bool {
        var start = 0
        for block in blocks {
            let end = start + block.payloadLength
            guard end <= payload.count, payload.bytes.slice(start, end).crc32c() == block.payloadChecksum else {
                return false
            }
            start = end
        }
        return true
    }

    /// Where to go on after a record at `offset` whose header is intact and whose rest is not. Its length is
    /// believed only where it leads to another header or to the limit.
    static func skip(
        _ file: StoreFile, at offset: UInt64, _ header: RecordHeader, limit: UInt64, _ scratch: inout ByteBuffer
    ) throws(SystemError) -> UInt64 {
        let next = offset + UInt64(header.recordLength)
        if next >= limit { return limit }
        if case .record = try step(file, at: next, limit: limit, &scratch) { return next }
        switch try resync(file, from: offset + 1, limit: limit, &scratch) {
        case .damaged(let next): return next
        case .record, .torn, .end: return limit
        }
    }

    /// The next intact header of a record that ends inside the limit.
    private static func resync(
        _ file: StoreFile, from start: UInt64, limit: UInt64, _ scratch: inout ByteBuffer
    ) throws(SystemError) -> Step {
        var base = start
        let magic = RecordFormat.magicBytes
        while base < limit, limit - base >= UInt64(RecordFormat.headerSize) {
            scratch.removeAll()
            try file.read(at: base, length: Int(min(UInt64(chunkSize), limit - base)), into: &scratch)
            if scratch.count < RecordFormat.headerSize { return .torn }
            var from = 0
            while let found = scratch.bytes.firstRange(of: magic.span.bytes, from: from) {
                if found + RecordFormat.headerSize > scratch.count { break }
                let candidate = scratch.bytes.slice(found, scratch.count)
                let offset = base + UInt64(found)
                if let header = RecordHeader(decoding: candidate), UInt64(header.recordLength) <= limit - offset {
                    return .damaged(next: offset)
                }
                from = found + 1
            }
            // A header may begin in the last bytes of this chunk.
            base += UInt64(scratch.count - RecordFormat.headerSize + 1)
        }
        return .torn
    }
}

extension RecordFormat {
    /// The magic as it stands in a file.
    static let magicBytes: [UInt8] = Array("TOCREC01".utf8)
}
