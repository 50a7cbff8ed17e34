import Bytes
import Glibc
import Logging
import Synchronization
import Telemetry

extension LogStore.State {
    /// For how long after the start a saved destination that has not registered is still waited for.
    static let registrationGrace = 60.0

    /// Whether a destination still has to get something of it.
    func isNeeded(_ segment: SegmentSummary, opened: Timestamp) -> Bool {
        destinations.values.contains { isNeeded(segment, by: $0, opened: opened) }
    }

    func isNeeded(_ segment: SegmentSummary, by destination: LogStore.Destination, opened: Timestamp) -> Bool {
        guard
            destination.isRegistered || Timestamp.monotonic.seconds(since: opened) < Self.registrationGrace
        else { return false }
        let end = RecordLocation(segment: segment.number, offset: segment.end)
        guard !segment.isEmpty else { return false }
        let state = destination.state
        return state.cursor < end || state.held.contains { $0.record.segment == segment.number }
            || state.waiting.contains { $0.cursor < end }
    }

    /// What is to be done so that something becomes free.
    enum Relief: Equatable {
        case delete(SegmentSummary)
        /// The only segment left is the active one: it has to end before it can go.
        case endActive
    }

    /// Delivered segments go before others whatever their age; those that are not delivered only by `policy`.
    func relief(policy: FullPolicy, opened: Timestamp) -> Relief? {
        if let delivered = segments.first(where: { $0.number != active && !isNeeded($0, opened: opened) }) {
            return .delete(delivered)
        }
        guard let oldest = segments.first else { return nil }
        if oldest.number != active { return policy == .dropOldest ? .delete(oldest) : nil }
        if oldest.isEmpty { return nil }
        return policy == .dropOldest || !isNeeded(oldest, opened: opened) ? .endActive : nil
    }

    func fits(_ length: Int) -> Bool {
        size + length <= configuration.maxSize || segments.allSatisfy(\.isEmpty)
    }

    mutating func remove(_ number: UInt64) {
        segments.removeAll { $0.number == number }
        if !damage.isEmpty { damage = damage.filter { $0.key.segment != number } }
    }
}

extension LogStore {
    /// Deletes what may go until `length` bytes fit under the cap; the sentence that says why they do not.
    func makeRoom(for length: Int, _ writer: inout Writer, _ policy: FullPolicy) -> String? {
        expire()
        while true {
            let (fits, relief) = state.withLock { state in
                state.fits(length) ? (true, nil) : (false, state.relief(policy: policy, opened: opened))
            }
            if fits { return nil }
            switch relief {
            case .delete(let segment): delete(segment, reason: "store_full")
            case .endActive: endSegment(&writer)
            case nil: return fullSentence()
            }
        }
    }

    /// Whether another attempt at a commit that found the store full makes sense.
    func mayFit(_ length: Int, _ policy: FullPolicy) -> Bool {
        state.withLock { state in
            state.isClosed || state.fits(length) || state.relief(policy: policy, opened: opened) != nil
        }
    }

    /// The file system is full: deletes as much as `length` takes, of what may go.
    func freeDisk(_ length: Int, _ policy: FullPolicy) {
        var freed = 0
        while freed < length {
            let relief = state.withLock { $0.relief(policy: policy, opened: opened) }
            guard case .delete(let segment) = relief else { return }
            freed += Int(segment.end)
            delete(segment, reason: "disk_full")
        }
    }

    /// Deletes the delivered segments that are older than the retention time. Not the active one.
    func expire() {
        let now = clock()
        let old = state.withLock { state in
            let retention = state.configuration.retentionNanoseconds
            return state.segments.filter {
                $0.number != state.active && now.nanoseconds &- $0.written.nanoseconds > retention
                    && !state.isNeeded($0, opened: opened)
            }
        }
        for segment in old { delete(segment, reason: "expired") }
    }

    private func delete(_ segment: SegmentSummary, reason: String) {
        let (losers, damage) = state.withLock { state in
            defer { state.remove(segment.number) }
            return (
                state.destinations.filter { state.isNeeded(segment, by: $0.value, opened: opened) },
                Set(state.damage.keys.filter { $0.segment == segment.number })
            )
        }
        if !losers.isEmpty { countLoss(segment, losers.mapValues(\.state), reason, countedBefore: damage) }
        reader.forget(segment.number)
        do throws(SystemError) {
            try segmentDirectory.remove(SegmentFormat.kind.fileName(segment.number))
        } catch {
            metrics.writeErrors.add()
            logger.warning("store: \(error)")
        }
    }

    private func countLoss(
        _ segment: SegmentSummary, _ losers: [String: DestinationState], _ reason: String,
        countedBefore: Set<RecordLocation>
    ) {
        var record = StoredRecord()
        var lost: [String: (entries: Int, bytes: Int)] = [:]
        var offset = SegmentFormat.firstOffset
        scan: while true {
            let result = try? reader.read(
                segment.number, at: offset, limit: segment.end, metadataOnly: true, into: &record)
            switch result {
            case .damaged(let next): offset = next
            case .torn, .end, nil: break scan
            case .record:
                for (name, state) in losers where !countedBefore.contains(record.location) {
                    let (entries, bytes) = state.undelivered(record.blocks, at: record.location)
                    lost[name, default: (0, 0)].entries += entries
                    lost[name, default: (0, 0)].bytes += bytes
                }
                offset = record.next.offset
            }
        }
        for (name, loss) in lost where loss.entries > 0 {
            metrics.dropped(entries: loss.entries, bytes: loss.bytes, destination: name, reason: reason)
            logger.error(
                """
                store: \(loss.entries) entries deleted before \(name) had them (\(reason)); raise store.max_size or \
                see why it does not take them
                """)
        }
    }

    private func fullSentence() -> String {
        let (limit, names) = state.withLock { state in
            let names = state.destinations.filter { destination in
                state.segments.first.map { state.isNeeded($0, by: destination.value, opened: opened) } ?? false
            }
            return (state.configuration.maxSize, names.keys.sorted().joined(separator: ", "))
        }
        return "the store is full (store.max_size \(limit >> 20) MiB) with lines that \(names) has not taken; sources "
            + "wait. Get the destination going or raise store.max_size"
    }
}
