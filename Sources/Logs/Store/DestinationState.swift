import Telemetry

/// How far a destination has come; saved by the store beside the segments, in two checksummed generations.
package struct DestinationState: Sendable, Equatable {
    /// Everything before it has been delivered, but for `held` and for what `waiting` tenants have not got.
    package var cursor: RecordLocation
    /// Where the batch ends that is under way from `cursor`, so that a replay sends the same one; nil where it is one
    /// record or none.
    package var batchEnd: RecordLocation?
    /// Streams whose server-side limit holds them back while the rest goes on, oldest record first.
    package var held: [Held] = []
    /// Tenants that the server does not serve for now while it serves others: each has a cursor of its own.
    package var waiting: [WaitingTenant] = []

    /// What of one record is still to be sent.
    package struct Held: Sendable, Equatable {
        package var record: RecordLocation
        /// Index of the block in the record.
        package var block: Int
        /// The block's tenant.
        package var tenant: String
        /// The label strings of the streams still to be sent.
        package var streams: [String]

        package init(record: RecordLocation, block: Int, tenant: String = "", streams: [String]) {
            self.record = record
            self.block = block
            self.tenant = tenant
            self.streams = streams
        }
    }

    /// A tenant that is behind the destination's cursor.
    package struct WaitingTenant: Sendable, Equatable {
        package var tenant: String
        /// The tenant's blocks before it are delivered, those from it on are not.
        package var cursor: RecordLocation
        /// As the destination's own.
        package var batchEnd: RecordLocation?

        package init(tenant: String, cursor: RecordLocation, batchEnd: RecordLocation? = nil) {
            self.tenant = tenant
            self.cursor = cursor
            self.batchEnd = batchEnd
        }
    }

    package init(cursor: RecordLocation) { self.cursor = cursor }

    /// Everything before it is delivered, held streams and waiting tenants included.
    package var oldest: RecordLocation {
        waiting.reduce(held.reduce(cursor) { min($0, $1.record) }) { min($0, $1.cursor) }
    }

    /// Entries and compressed bytes in `blocks`, those of the record at `location`, that are not delivered.
    func undelivered(_ blocks: [BlockIndex], at location: RecordLocation) -> (entries: Int, bytes: Int) {
        var entries = 0
        var bytes = 0
        for (index, block) in blocks.enumerated() {
            let isWaiting = waiting.contains { $0.tenant == block.tenant && $0.cursor <= location }
            if location >= cursor || isWaiting {
                entries &+= block.entryCount
                bytes &+= block.payloadLength
                continue
            }
            for held in held where held.record == location && held.block == index {
                for stream in block.streams where held.streams.contains(stream.labels) {
                    entries &+= stream.entryCount
                }
                bytes &+= block.payloadLength
            }
        }
        return (entries, bytes)
    }
}
