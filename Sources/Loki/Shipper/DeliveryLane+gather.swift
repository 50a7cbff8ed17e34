import Bytes
import Logging
import Logs
import Telemetry

extension DeliveryLane {
    /// What reading on from a cursor gave.
    enum Gathering {
        /// There is a batch; it may have come to its end without a block that is wanted.
        case batch
        case end
        case damaged(next: RecordLocation)
        /// The store cannot be read now.
        case unreadable
    }

    /// Which blocks of which records a batch is made of.
    struct Course {
        var start: RecordLocation
        /// A replay: neither more nor less than up to here.
        var fixedEnd: RecordLocation?
        /// Not beyond.
        var boundary: RecordLocation?
        var recordLimit = Batch.recordLimit
        /// Whether some records may hold nothing that is wanted: their payload is not read then.
        var skipsMuch: Bool
    }

    /// Records without a wanted block that are passed at once: meanwhile nobody else is served.
    private static let skipLimit = 4096

    /// Brings the wanted blocks of consecutive records together in `buffers.batch`: as many as go into one request, but
    /// what must be taken apart goes with nothing else.
    func gather(_ course: Course, _ buffers: inout LaneBuffers, where isWanted: (String) -> Bool) -> Gathering {
        buffers.batch.begin(at: course.start)
        var skipped = 0
        let boundary = course.fixedEnd ?? course.boundary
        while skipped < Self.skipLimit {
            let place = buffers.batch.end
            if let boundary, place >= boundary { break }
            if course.fixedEnd == nil, buffers.batch.recordCount >= course.recordLimit { break }
            var result = read(at: place, metadataOnly: course.skipsMuch, &buffers)
            if case .record? = result, let boundary, buffers.record.location >= boundary {
                // Retention has removed what was before.
                buffers.batch.pass(to: boundary)
                break
            }
            if case .record? = result, course.skipsMuch {
                guard buffers.record.blocks.contains(where: { isWanted($0.tenant) }) else {
                    buffers.batch.pass(to: buffers.record.next)
                    skipped += 1
                    continue
                }
                if !buffers.batch.isEmpty, course.fixedEnd == nil, !fits(buffers, isWanted) { break }
                result = read(at: place, metadataOnly: false, &buffers)
            }
            guard case .record? = result else {
                // What has been gathered goes first.
                if place > course.start { break }
                switch result {
                case .damaged(let next)?: return .damaged(next: next)
                case .end?: return .end
                default: return .unreadable
                }
            }
            let fits = fits(buffers, isWanted)
            if !buffers.batch.isEmpty, course.fixedEnd == nil, !fits { break }
            for block in Self.append(&buffers, isWanted) {
                giveUp(block, "damaged_block", "its payload is shorter than its index says")
            }
            if course.fixedEnd == nil, !fits { break }
        }
        return .batch
    }

    /// Whether the record read last may go together with others.
    private func fits(_ buffers: borrowing LaneBuffers, _ isWanted: (String) -> Bool) -> Bool {
        var size = buffers.batch.size
        for block in buffers.record.blocks where isWanted(block.tenant) {
            if mustTakeApart(block) { return false }
            size += block.uncompressedLength
        }
        return size <= min(Batch.sizeLimit, sizeLimit - 1)
    }

    private static func append(_ buffers: inout LaneBuffers, _ isWanted: (String) -> Bool) -> [BlockIndex] {
        buffers.batch.append(buffers.record, where: isWanted)
    }

    /// Reads the record at `place` into `buffers.record`; nil where the store cannot be read now.
    private func read(
        at place: RecordLocation, metadataOnly: Bool, _ buffers: inout LaneBuffers
    ) -> RecordReadResult? {
        do {
            let result = try feed.read(at: place, metadataOnly: metadataOnly, into: &buffers.record)
            troubles.end(of: .store)
            return result
        } catch {
            troubles.report(.degraded("the store cannot be read: \(error)"), of: .store)
            return nil
        }
    }
}
