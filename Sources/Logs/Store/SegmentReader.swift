import Bytes
import Glibc
import Synchronization
import Telemetry

/// Reads records of any segment of a directory; keeps a few files open. Safe from any thread.
final class SegmentReader: Sendable {
    /// Files kept open: as many as destinations and readers are likely to stand in.
    private static let openLimit = 6

    let directory: StoreDirectory
    /// Most recently used last.
    private let open = Mutex<[(number: UInt64, file: StoreFile)]>([])

    init(directory: StoreDirectory) { self.directory = directory }

    func file(_ number: UInt64) throws(SystemError) -> StoreFile {
        let known = open.withLock { open -> StoreFile? in
            guard let index = open.firstIndex(where: { $0.number == number }) else { return nil }
            let entry = open.remove(at: index)
            open.append(entry)
            return entry.file
        }
        if let known { return known }
        let file = try StoreFile(
            path: directory.file(SegmentFormat.kind.fileName(number)), flags: O_RDONLY | O_NONBLOCK)
        open.withLock { open in
            open.removeAll { $0.number == number }
            open.append((number, file))
            if open.count > Self.openLimit { open.removeFirst() }
        }
        return file
    }

    /// Closes the file of a segment that is gone; who reads in it goes on undisturbed.
    func forget(_ number: UInt64) { open.withLock { $0.removeAll { $0.number == number } } }

    /// What reading a segment gave.
    enum Result: Equatable {
        case record
        /// Go on at this offset of the same segment.
        case damaged(next: UInt64)
        /// Nothing intact from here to the limit.
        case torn
        case end
    }

    /// Reads the record at `offset` of a segment that ends at `limit` into `record`.
    func read(
        _ number: UInt64, at offset: UInt64, limit: UInt64, metadataOnly: Bool, into record: inout StoredRecord
    ) throws(SystemError) -> Result {
        let file = try file(number)
        record.blocks.removeAll(keepingCapacity: true)
        switch try RecordScanner.step(file, at: offset, limit: limit, &record.payload) {
        case .end: return .end
        case .torn: return .torn
        case .damaged(let next): return .damaged(next: next)
        case .record(let header):
            guard
                let metadata = try RecordScanner.load(
                    file, at: offset, header, payload: !metadataOnly, into: &record.payload)
            else {
                return .damaged(
                    next: try RecordScanner.skip(file, at: offset, header, limit: limit, &record.payload))
            }
            record.location = RecordLocation(segment: number, offset: offset)
            record.next = RecordLocation(segment: number, offset: offset + UInt64(header.recordLength))
            record.sequence = header.sequence
            record.blocks = metadata.blocks
            return .record
        }
    }

    /// The records of a segment up to `limit`, oldest first: for readers that go backwards or skip by time.
    func records(in number: UInt64, limit: UInt64) throws(SystemError) -> [RecordSummary] {
        var record = StoredRecord()
        var records: [RecordSummary] = []
        var offset = SegmentFormat.firstOffset
        while true {
            switch try read(number, at: offset, limit: limit, metadataOnly: true, into: &record) {
            case .record:
                records.append(RecordSummary(record))
                offset = record.next.offset
            case .damaged(let next): offset = next
            case .torn, .end: return records
            }
        }
    }
}

/// Where a record is and which times it holds.
package struct RecordSummary: Sendable, Equatable {
    package var location: RecordLocation
    package var entryCount: Int
    /// Time stamps of the entries; `earliest > latest` where there are none.
    package var earliest: Timestamp
    package var latest: Timestamp

    init(_ record: borrowing StoredRecord) {
        location = record.location
        entryCount = record.entryCount
        earliest = record.earliest
        latest = record.latest
    }
}

extension StoredRecord {
    /// Entries of all blocks.
    package var entryCount: Int { blocks.reduce(0) { $0 &+ $1.entryCount } }
    /// The earliest entry's time stamp; the end of time where there are no entries.
    package var earliest: Timestamp { blocks.reduce(Timestamp(nanoseconds: .max)) { min($0, $1.earliest) } }
    /// The latest entry's time stamp; the beginning of time where there are no entries.
    package var latest: Timestamp { blocks.reduce(Timestamp(nanoseconds: .min)) { max($0, $1.latest) } }

    /// Whether entries from `from` to `to`, both included, may be in it.
    package func mayHold(from: Timestamp, to: Timestamp) -> Bool { earliest <= to && latest >= from }
}

/// Stored records for who searches them: in the running agent's store or in its files.
package protocol RecordArchive: Sendable {
    /// The segments there are, oldest first.
    func segments() -> [SegmentSummary]

    /// The records of one segment, oldest first; none where it is gone.
    func records(in segment: UInt64) throws(StoreError) -> [RecordSummary]

    /// As `RecordFeed.read`.
    func read(
        at location: RecordLocation, metadataOnly: Bool, into record: inout StoredRecord
    ) throws(StoreError) -> RecordReadResult
}
