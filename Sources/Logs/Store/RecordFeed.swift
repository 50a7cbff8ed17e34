import Bytes
import Telemetry

/// A place in the store: where a record begins, or where the next one will.
package struct RecordLocation: Hashable, Comparable, Sendable {
    /// Number of the segment file, from 1, ascending.
    package var segment: UInt64
    /// Byte offset in it.
    package var offset: UInt64

    package init(segment: UInt64, offset: UInt64) {
        self.segment = segment
        self.offset = offset
    }

    package static func < (a: RecordLocation, b: RecordLocation) -> Bool {
        (a.segment, a.offset) < (b.segment, b.offset)
    }
}

/// A record read back from a segment. Reused from record to record.
package struct StoredRecord: ~Copyable {
    package var location = RecordLocation(segment: 0, offset: 0)
    /// Where the record after this one begins.
    package var next = RecordLocation(segment: 0, offset: 0)
    package var sequence: UInt64 = 0
    package var blocks: [BlockIndex] = []
    /// The blocks' compressed bytes, one after the other as `blocks` has them, checksums verified. Empty where only
    /// metadata was asked for.
    package var payload = ByteBuffer()

    package init() {}
}

/// What reading at a location gave.
package enum RecordReadResult: Sendable, Equatable {
    /// The record is there and intact.
    case record
    /// Nothing more for now.
    case end
    /// Bytes that hold no intact record were skipped; read again at `next`. They are counted by the store.
    case damaged(next: RecordLocation)
}

/// What a destination reads its blocks from, and where it keeps how far it has come: the store. Any thread.
package protocol RecordFeed: AnyObject, Sendable {
    /// The saved state of a destination; a new one begins at the oldest record. From now on nothing it has not
    /// acknowledged is deleted by retention.
    func register(destination: String) -> DestinationState

    /// The destination is no longer configured: forget it.
    func unregister(destination: String)

    /// Saves how far it has come. May be coalesced for up to a second; `close` of the store and `unregister` write it.
    func acknowledge(_ state: DestinationState, destination: String)

    /// Reads the record at `location` (or the first one after it, where retention has removed it) into `record`.
    /// Only what is durable is seen.
    func read(
        at location: RecordLocation, metadataOnly: Bool, into record: inout StoredRecord
    ) throws(StoreError) -> RecordReadResult

    /// Waits until there is a record at or after `location`, `stop`, or `seconds` have passed. Returns whether there is.
    func wait(for location: RecordLocation, seconds: Double, stop: StopToken) -> Bool

    /// Bytes in segments not yet acknowledged at `location`, and the time stamp of the oldest such entry if known.
    func backlog(from location: RecordLocation) -> (bytes: Int, oldest: Timestamp?)
}

/// What the store can fail with: file, offset, what was expected.
package struct StoreError: Error, CustomStringConvertible, Sendable, Equatable {
    package var description: String
    package init(_ description: String) { self.description = description }
}
