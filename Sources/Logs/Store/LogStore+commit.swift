import Bytes
import Glibc
import Logging
import Synchronization
import Telemetry

extension LogStore {
    /// Why an attempt to commit failed; all but `closed` may pass.
    private enum Obstacle {
        case closed
        /// The store is at its cap; the sentence says what to do.
        case full(String)
        case disk(SystemError)
    }

    /// Longest pause between two attempts on a disk that fails, in seconds.
    private static let longestPause = 5.0

    package func commit(
        _ record: inout RecordBuilder, positions: [PositionUpdate], policy: FullPolicy, stop: StopToken
    ) throws(CommitError) {
        guard !record.isEmpty || !positions.isEmpty else { return }
        // The format counts positions in 16 bits. A second record holds the rest: should the machine fail between the
        // two, those sources read their lines again.
        let limit = RecordFormat.positionLimit
        let first = positions.count > limit ? Array(positions.prefix(limit)) : positions
        try commitOne(&record, positions: first, policy: policy, stop: stop)
        guard positions.count > limit else { return }
        var rest = RecordBuilder()
        try commit(&rest, positions: Array(positions.dropFirst(limit)), policy: policy, stop: stop)
    }

    private func commitOne(
        _ record: inout RecordBuilder, positions: [PositionUpdate], policy: FullPolicy, stop: StopToken
    ) throws(CommitError) {
        var isWaiting = false
        var pause = 0.05
        defer { if isWaiting { endWaiting() } }
        while true {
            let obstacle = attempt(&record, positions: positions, policy: policy)
            guard let obstacle else {
                waiters.wake()
                saveDestinations(force: false)
                return
            }
            if case .closed = obstacle { throw .closed }
            if stop.isStopped { throw .stopped }
            if !isWaiting {
                isWaiting = true
                state.withLock { $0.waiting += 1 }
            }
            switch obstacle {
            case .closed: break
            case .full(let sentence):
                report(sentence)
                let length = record.byteCount
                _ = waiters.wait(seconds: 1, stop: stop) { self.mayFit(length, policy) }
            case .disk(let error):
                report(Self.sentence(error))
                stop.wait(seconds: pause)
                pause = min(pause * 2, Self.longestPause)
            }
        }
    }

    /// One attempt; nil when the record is durable.
    private func attempt(
        _ record: inout RecordBuilder, positions: [PositionUpdate], policy: FullPolicy
    ) -> Obstacle? {
        writer.withLock { writer in
            if writer.isClosed { return .closed }
            record.finish(positions: positions, sequence: writer.nextSequence)
            if let sentence = makeRoom(for: record.byteCount, &writer, policy) { return .full(sentence) }
            do throws(SystemError) {
                try append(record, &writer)
            } catch {
                metrics.writeErrors.add()
                if error.isFull { freeDisk(record.byteCount, policy) }
                return .disk(error)
            }
            publish(record, positions, &writer)
            if isCheckpointDue(writer) { saveCheckpoint(&writer) }
            return nil
        }
    }

    /// Writes the finished record at the end of the active segment and makes it durable.
    private func append(_ record: borrowing RecordBuilder, _ writer: inout Writer) throws(SystemError) {
        let length = UInt64(record.byteCount)
        let limit = UInt64(state.withLock { $0.configuration.effectiveSegmentSize })
        let isFull = writer.end > SegmentFormat.firstOffset && writer.end + length > limit
        if isFull || isTooOld(writer) { endSegment(&writer) }
        let file: StoreFile
        if let current = writer.file { file = current } else { file = try beginSegment(&writer) }
        do throws(SystemError) {
            try file.write(record.head.bytes, record.payload.bytes, at: writer.end, faults: faults)
        } catch {
            // Should even this fail, what is left lies behind the end and is overwritten or, at the next start, cut.
            try? file.truncate(to: writer.end)
            throw error
        }
        let start = Timestamp.monotonic
        do throws(SystemError) {
            try file.synchronize(faults: faults)
        } catch {
            // The kernel may have thrown the dirty pages away and call the next sync a success: what is in this
            // segment behind its durable end cannot be trusted any more, so it ends here.
            try? file.truncate(to: writer.end)
            giveUpSegment(&writer)
            throw error
        }
        metrics.synchronization.observe(Timestamp.monotonic.seconds(since: start))
    }

    /// A segment that covers more than an eighth of the retention time would keep old lines for the sake of new.
    private func isTooOld(_ writer: borrowing Writer) -> Bool {
        guard writer.file != nil, writer.end > SegmentFormat.firstOffset else { return false }
        let retention = state.withLock { $0.configuration.retentionNanoseconds }
        return clock().nanoseconds &- writer.begun.nanoseconds > max(retention / 8, 60_000_000_000)
    }

    /// Closes the active segment, if there is one; the next append begins another.
    func endSegment(_ writer: inout Writer) {
        guard writer.file != nil else { return }
        writer.file = nil
        state.withLock { $0.active = nil }
        writer.isCheckpointDue = true
    }

    private func giveUpSegment(_ writer: inout Writer) {
        endSegment(&writer)
        guard writer.end == SegmentFormat.firstOffset else { return }
        let number = writer.number
        state.withLock { $0.segments.removeAll { $0.number == number } }
        reader.forget(number)
        try? segmentDirectory.remove(SegmentFormat.kind.fileName(number))
    }

    private func beginSegment(_ writer: inout Writer) throws(SystemError) -> StoreFile {
        let number = writer.nextSegment
        let name = SegmentFormat.kind.fileName(number)
        // A number is never used twice: a file of that name is a failed attempt of ours.
        try segmentDirectory.remove(name)
        let file: StoreFile
        do throws(SystemError) {
            file = try StoreFile(path: segmentDirectory.file(name), flags: O_RDWR | O_CREAT | O_EXCL)
            try file.write(SegmentFormat.kind.header(number: number).bytes, RawSpan(), at: 0, faults: faults)
            try file.synchronize()
            try segmentDirectory.synchronize()
        } catch {
            try? segmentDirectory.remove(name)
            throw error
        }
        writer.number = number
        writer.nextSegment = number + 1
        writer.end = SegmentFormat.firstOffset
        let now = clock()
        writer.begun = now
        state.withLock { state in
            state.segments.append(SegmentSummary(number: number, written: now))
            state.active = number
        }
        writer.file = file
        return file
    }

    private func publish(
        _ record: borrowing RecordBuilder, _ positions: [PositionUpdate], _ writer: inout Writer
    ) {
        let length = record.byteCount
        if writer.end == SegmentFormat.firstOffset { writer.begun = clock() }
        writer.end += UInt64(length)
        writer.nextSequence += 1
        let now = clock()
        let (count, earliest, latest) = (record.entryCount, record.earliest, record.latest)
        let (number, end) = (writer.number, writer.end)
        state.withLock { state in
            guard let index = state.index(number) else { return }
            state.segments[index].add(entryCount: count, earliest: earliest, latest: latest)
            state.segments[index].end = end
            state.segments[index].written = now
            state.positions.apply(positions)
        }
        metrics.records.add()
        metrics.writtenBytes.add(length)
    }

    // MARK: Trouble

    private static func sentence(_ error: SystemError) -> String {
        error.isFull
            ? "disk full: \(error); make room on the file system of the store or lower store.max_size. "
                + "Nothing is lost, commits wait"
            : "the store cannot be written: \(error); check the disk. Nothing is lost, commits wait"
    }

    private func report(_ sentence: String) {
        let isNew = state.withLock { state in
            defer { state.trouble = sentence }
            return state.trouble == nil
        }
        if isNew { logger.error("store: \(sentence)") }
        readiness.set("store", .degraded(sentence))
    }

    /// The trouble is over when nobody waits any more.
    private func endWaiting() {
        let isOver = state.withLock { state in
            state.waiting -= 1
            guard state.waiting == 0, state.trouble != nil else { return false }
            state.trouble = nil
            return true
        }
        if isOver {
            logger.info("store: nothing waits any more")
            readiness.set("store", .ok)
        }
    }
}
