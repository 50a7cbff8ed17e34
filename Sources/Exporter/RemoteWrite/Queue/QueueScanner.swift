import Bytes

/// Finds the records of one segment file, intact or not.
enum QueueScanner {
    enum Step: Equatable {
        /// An intact header; its record ends inside the limit.
        case record(QueueRecordHeader)
        /// No intact record begins here; the next one's header is at `next`, which is the limit where there is none.
        case damaged(next: UInt64)
        /// The limit.
        case end
    }

    private static let chunkSize = 64 << 10

    /// Looks at `offset`; bytes at `limit` and beyond do not exist. `scratch` is overwritten.
    static func step(
        _ file: StoreFile, at offset: UInt64, limit: UInt64, _ scratch: inout ByteBuffer
    ) throws(SystemError) -> Step {
        guard offset < limit else { return .end }
        scratch.removeAll()
        try file.read(at: offset, length: QueueRecordHeader.size, into: &scratch)
        if let header = QueueRecordHeader(decoding: scratch.bytes), header.recordLength <= limit - offset {
            return .record(header)
        }
        return .damaged(next: try next(file, from: offset + 1, limit: limit, &scratch))
    }

    /// Appends the payload of the record at `offset` to `payload`. False, and nothing appended, where its checksum does
    /// not hold.
    static func load(
        _ file: StoreFile, at offset: UInt64, _ header: QueueRecordHeader, into payload: inout ByteBuffer
    ) throws(SystemError) -> Bool {
        let before = payload.count
        try file.read(at: offset + UInt64(QueueRecordHeader.size), length: header.payloadLength, into: &payload)
        let isWhole =
            payload.count - before == header.payloadLength
            && payload.bytes.slice(before, payload.count).crc32c() == header.payloadChecksum
        if !isWhole { payload.truncate(to: before) }
        return isWhole
    }

    /// Where to go on after a record whose payload does not hold: its length is believed only where it leads to another
    /// header or to the limit.
    static func skip(
        _ file: StoreFile, at offset: UInt64, _ header: QueueRecordHeader, limit: UInt64, _ scratch: inout ByteBuffer
    ) throws(SystemError) -> UInt64 {
        let next = offset + header.recordLength
        if next >= limit { return limit }
        if case .record = try step(file, at: next, limit: limit, &scratch) { return next }
        return try self.next(file, from: offset + 1, limit: limit, &scratch)
    }

    /// The next intact header of a record that ends inside the limit; the limit where there is none.
    private static func next(
        _ file: StoreFile, from start: UInt64, limit: UInt64, _ scratch: inout ByteBuffer
    ) throws(SystemError) -> UInt64 {
        var base = start
        let magic = QueueRecordHeader.magicBytes
        while base < limit, limit - base >= UInt64(QueueRecordHeader.size) {
            scratch.removeAll()
            try file.read(at: base, length: Int(min(UInt64(chunkSize), limit - base)), into: &scratch)
            if scratch.count < QueueRecordHeader.size { return limit }
            var from = 0
            while let found = scratch.bytes.firstRange(of: magic.span.bytes, from: from) {
                if found + QueueRecordHeader.size > scratch.count { break }
                let offset = base + UInt64(found)
                if let header = QueueRecordHeader(decoding: scratch.bytes.slice(found, scratch.count)),
                    header.recordLength <= limit - offset
                {
                    return offset
                }
                from = found + 1
            }
            // A header may begin in the last bytes of this chunk.
            base += UInt64(scratch.count - QueueRecordHeader.size + 1)
        }
        return limit
    }
}
