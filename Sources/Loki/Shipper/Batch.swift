import Bytes
import Logs

/// Blocks of consecutive records that are sent together, one request per tenant: a backlog of records of a line each
/// must not cost a request each.
struct Batch: ~Copyable {
    /// Uncompressed bytes that are brought together at most; one record alone may have more.
    static let sizeLimit = 1 << 20
    /// Records that are brought together at most: so many may have to be remembered when a stream is over its limit.
    static let recordLimit = 512

    /// A block of the batch.
    struct Piece: Sendable {
        var record: RecordLocation
        /// Index of the block in the record.
        var index: Int
        var block: BlockIndex
        /// Where the block stands in `payload`.
        var bytes: Range<Int>
    }

    private(set) var pieces: [Piece] = []
    private(set) var payload = ByteBuffer()
    /// Uncompressed bytes.
    private(set) var size = 0
    /// Records of which there is a piece.
    private(set) var recordCount = 0
    private(set) var start = RecordLocation(segment: 0, offset: 0)
    /// Where the record after the last one begins.
    private(set) var end = RecordLocation(segment: 0, offset: 0)

    var isEmpty: Bool { pieces.isEmpty }

    /// The tenants of its blocks, in the order of their first ones.
    var tenants: [String] {
        var tenants: [String] = []
        for piece in pieces where !tenants.contains(piece.block.tenant) { tenants.append(piece.block.tenant) }
        return tenants
    }

    mutating func begin(at location: RecordLocation) {
        pieces.removeAll(keepingCapacity: true)
        payload.removeAll()
        size = 0
        recordCount = 0
        start = location
        end = location
    }

    /// Goes past what holds nothing that is wanted.
    mutating func pass(to place: RecordLocation) { end = place }

    /// Adds the record's blocks of tenants that `isWanted`. Returns those whose bytes are not all there.
    mutating func append(_ record: borrowing StoredRecord, where isWanted: (String) -> Bool) -> [BlockIndex] {
        var damaged: [BlockIndex] = []
        var offset = 0
        for (index, block) in record.blocks.enumerated() {
            let bytes = offset..<(offset + block.payloadLength)
            offset = bytes.upperBound
            guard isWanted(block.tenant) else { continue }
            guard bytes.upperBound <= record.payload.count else {
                damaged.append(block)
                continue
            }
            let start = payload.count
            payload.append(record.payload.bytes.slice(bytes.lowerBound, bytes.upperBound))
            pieces.append(
                Piece(record: record.location, index: index, block: block, bytes: start..<payload.count))
            size += block.uncompressedLength
        }
        recordCount += 1
        end = record.next
        return damaged
    }

    mutating func release() {
        begin(at: start)
        pieces = []
        payload.release()
    }
}
