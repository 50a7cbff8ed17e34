import Bytes
import Glibc
import Logging
import Synchronization
import Telemetry

extension LogStore {
    package func segments() -> [SegmentSummary] { state.withLock { $0.segments } }

    package func records(in segment: UInt64) throws(StoreError) -> [RecordSummary] {
        let end = state.withLock { state in state.index(segment).map { state.segments[$0].end } }
        guard let end else { return [] }
        do throws(SystemError) {
            return try reader.records(in: segment, limit: end)
        } catch {
            if error.code == ENOENT { return [] }
            throw StoreError(error.description)
        }
    }

    package func read(
        at location: RecordLocation, metadataOnly: Bool, into record: inout StoredRecord
    ) throws(StoreError) -> RecordReadResult {
        var location = location
        while true {
            guard let (number, offset, end) = state.withLock({ $0.place(of: location) }) else { return .end }
            do throws(SystemError) {
                switch try reader.read(number, at: offset, limit: end, metadataOnly: metadataOnly, into: &record) {
                case .record: return .record
                case .damaged(let next): return skipped(number, from: offset, to: next)
                case .torn: return skipped(number, from: offset, to: end)
                case .end: location = RecordLocation(segment: number, offset: end)
                }
            } catch {
                // Deleted by retention since the table was looked at.
                guard error.code == ENOENT else { throw StoreError(error.description) }
                location = RecordLocation(segment: number + 1, offset: 0)
                if state.withLock({ $0.index(number) != nil }) { return skipped(number, from: offset, to: end) }
            }
        }
    }

    private func skipped(_ number: UInt64, from offset: UInt64, to next: UInt64) -> RecordReadResult {
        report(Damage(location: RecordLocation(segment: number, offset: offset), next: next, isLost: true))
        return .damaged(next: RecordLocation(segment: number, offset: next))
    }

    package func wait(for location: RecordLocation, seconds: Double, stop: StopToken) -> Bool {
        let limit = Timestamp.monotonic.nanoseconds &+ Int64(min(max(0, seconds), 1e9) * 1e9)
        while true {
            let left = Double(max(0, limit &- Timestamp.monotonic.nanoseconds)) / 1e9
            let until = min(left, nextSave() ?? left)
            let isThere = waiters.wait(seconds: until, stop: stop) {
                state.withLock { $0.place(of: location) != nil }
            }
            saveDestinations(force: false)
            if isThere || stop.isStopped || left <= until { return isThere }
        }
    }

    package func backlog(from location: RecordLocation) -> (bytes: Int, oldest: Timestamp?) {
        let (bytes, place) = state.withLock { state in
            let bytes = state.segments.reduce(0) { sum, segment in
                guard segment.number >= location.segment else { return sum }
                let from =
                    segment.number == location.segment
                    ? max(location.offset, SegmentFormat.firstOffset) : SegmentFormat.firstOffset
                return sum + (segment.end > from ? Int(segment.end - from) : 0)
            }
            return (bytes, state.place(of: location))
        }
        guard let place else { return (bytes, nil) }
        var record = StoredRecord()
        let result = try? reader.read(
            place.number, at: place.offset, limit: place.end, metadataOnly: true, into: &record)
        return (bytes, result == .record && record.entryCount > 0 ? record.earliest : nil)
    }
}

extension LogStore.State {
    /// The first place with bytes at or after `location`; nil at the end.
    func place(of location: RecordLocation) -> (number: UInt64, offset: UInt64, end: UInt64)? {
        for segment in segments where segment.number >= location.segment && !segment.isEmpty {
            let offset =
                segment.number == location.segment
                ? max(location.offset, SegmentFormat.firstOffset) : SegmentFormat.firstOffset
            if offset < segment.end { return (segment.number, offset, segment.end) }
        }
        return nil
    }
}
