import Bytes
import Glibc
import Logging
import Synchronization
import Telemetry

extension DiskQueue {
    /// Appends a record whose first sample arrived at `arrived`, milliseconds since 1970. Does not fail: what cannot be
    /// written waits in memory.
    func append(_ payload: RawSpan, _ summary: RecordSummary, arrived: Int64) {
        writer.withLock { writer in
            let header = QueueRecordHeader(
                payload: payload, sequence: writer.nextSequence, arrived: arrived, summary: summary)
            writer.nextSequence += 1
            do throws(SystemError) {
                try writeWaiting(&writer)
                try write(header, payload, &writer)
                recovered()
            } catch {
                wait(header, payload, error)
            }
        }
    }

    /// Writes what waits in memory, and makes durable what has waited long enough for it. Called about once a second.
    func maintain() {
        writer.withLock { writer in
            do throws(SystemError) {
                if state.withLock({ !$0.waiting.isEmpty }) {
                    try writeWaiting(&writer)
                    recovered()
                }
                guard let since = writer.unsynchronized else { return }
                // What has been sent needs no disk.
                if samples == 0 {
                    writer.unsynchronized = nil
                } else if Timestamp.monotonic.seconds(since: since) >= Self.synchronizeSeconds {
                    try synchronize(&writer)
                }
            } catch {
                report(error)
            }
        }
    }

    /// Makes all that is written durable. For the end.
    func synchronize() {
        writer.withLock { writer in
            do throws(SystemError) {
                try writeWaiting(&writer)
                if writer.unsynchronized != nil, samples > 0 { try synchronize(&writer) }
            } catch {
                report(error)
            }
        }
    }

    private func synchronize(_ writer: inout Writer) throws(SystemError) {
        try writer.file?.synchronize(faults: faults)
        writer.unsynchronized = nil
    }

    private func writeWaiting(_ writer: inout Writer) throws(SystemError) {
        while let waiting = state.withLock({ $0.waiting.first }) {
            try write(waiting.header, waiting.payload.span.bytes, &writer)
        }
    }

    private func write(_ header: QueueRecordHeader, _ payload: RawSpan, _ writer: inout Writer) throws(SystemError) {
        let limit = Self.segmentLimit(state.withLock { $0.maxSize })
        if let file = writer.file, let end = state.withLock({ $0.active == nil ? nil : $0.segments.last?.end }),
            end + header.recordLength <= limit
        {
            return try write(header, payload, to: file, at: end, &writer)
        }
        // What follows may be durable first: there must be no gap behind which something stands.
        if writer.unsynchronized != nil { try synchronize(&writer) }
        let number = writer.nextSegment
        let name = QueueSegmentFormat.kind.fileName(number)
        do throws(SystemError) {
            let file = try StoreFile(path: directory.file(name), flags: O_RDWR | O_CREAT | O_EXCL)
            writer.nextSegment += 1
            try file.write(QueueSegmentFormat.kind.header(number: number).bytes, RawSpan(), at: 0, faults: faults)
            writer.file = file
            state.withLock {
                $0.segments.append(Segment(number: number, end: QueueSegmentFormat.firstOffset))
                $0.active = number
            }
            try write(header, payload, to: file, at: QueueSegmentFormat.firstOffset, &writer)
            try directory.synchronize()
        } catch {
            if error.code == EEXIST { writer.nextSegment += 1 }
            throw error
        }
    }

    private func write(
        _ header: QueueRecordHeader, _ payload: RawSpan, to file: StoreFile, at end: UInt64, _ writer: inout Writer
    ) throws(SystemError) {
        do throws(SystemError) {
            try file.write(header.encoded().bytes, payload, at: end, faults: faults)
        } catch {
            // Part of it may be there. Readers see nothing behind `end`; the next record goes over it or, where that
            // fails too, into a new segment.
            if (try? file.truncate(to: end)) == nil {
                writer.file = nil
                state.withLock { $0.active = nil }
            }
            throw error
        }
        if writer.unsynchronized == nil { writer.unsynchronized = Timestamp.monotonic }
        let dropped = state.change { state in
            let last = state.segments.count - 1
            state.segments[last].end = end + header.recordLength
            state.segments[last].sequence = header.sequence
            if let first = state.waiting.first, first.header.sequence == header.sequence {
                // It was counted when it began to wait.
                state.waiting.removeFirst()
                state.waitingBytes -= first.payload.count
            } else {
                state.ledger.append(header)
            }
            return Self.makeRoom(&state, directory)
        }
        drop(dropped.samples, dropped.exemplars, .queueFull)
    }

    /// Deletes the oldest segments while all are larger than the cap. What has gone with them.
    private static func makeRoom(_ state: inout State, _ directory: StoreDirectory) -> (samples: Int, exemplars: Int) {
        var gone = (samples: 0, exemplars: 0)
        while state.size > state.maxSize, state.segments.count > 1 {
            let segment = state.segments.removeFirst()
            // Where it cannot be deleted it is found again at the next start.
            try? directory.remove(QueueSegmentFormat.kind.fileName(segment.number))
            let held = state.ledger.remove(through: segment.sequence)
            gone.samples += held.samples
            gone.exemplars += held.exemplars
            let next = QueuePosition(
                segment: state.segments[0].number, offset: QueueSegmentFormat.firstOffset,
                sequence: max(state.cursor.sequence, segment.sequence))
            if state.cursor < next { state.cursor = next }
        }
        return gone
    }

    private func wait(_ header: QueueRecordHeader, _ payload: RawSpan, _ error: SystemError) {
        let dropped = state.change { state in
            state.waiting.append(Waiting(header: header, payload: [UInt8](payload)))
            state.waitingBytes += payload.byteCount
            state.ledger.append(header)
            var gone = (samples: 0, exemplars: 0)
            while state.waitingBytes > Self.memoryLimit, state.waiting.count > 1 {
                let oldest = state.waiting.removeFirst()
                state.waitingBytes -= oldest.payload.count
                let held = state.ledger.empty(oldest.header.sequence)
                gone.samples += held.samples
                gone.exemplars += held.exemplars
            }
            return gone
        }
        drop(dropped.samples, dropped.exemplars, .queueFull)
        report(error)
    }

    private func report(_ error: SystemError) {
        let isNew = state.withLock { state -> Bool in
            defer { state.trouble = error.description }
            return state.trouble == nil
        }
        guard isNew else { return }
        logger.error(
            "remote write queue cannot be written, samples wait in memory: \(error). Make room or see to the disk")
    }

    private func recovered() {
        let was = state.withLock { state -> Bool in
            defer { state.trouble = nil }
            return state.trouble != nil
        }
        if was { logger.info("remote write queue can be written again") }
    }
}
