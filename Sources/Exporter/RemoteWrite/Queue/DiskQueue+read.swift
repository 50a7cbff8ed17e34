import Bytes
import Glibc
import Logging
import Synchronization
import Telemetry

/// What reading on met that holds no record.
struct QueueDamage: Sendable, Equatable {
    var bytes = 0
    var records = 0
}

/// The file that was read last, and a buffer; for the thread that reads.
struct QueueReader: ~Copyable {
    var scratch = ByteBuffer()
    private var open: (number: UInt64, file: StoreFile)?

    mutating func file(_ number: UInt64, _ directory: StoreDirectory) throws(SystemError) -> StoreFile {
        if let open, open.number == number { return open.file }
        let file = try StoreFile(
            path: directory.file(QueueSegmentFormat.kind.fileName(number)), flags: O_RDONLY | O_NONBLOCK)
        open = (number, file)
        return file
    }

    /// Closes the file and gives memory back.
    mutating func release() {
        open = nil
        scratch.removeAll()
        scratch.release()
    }
}

extension DiskQueue {
    enum ReadResult: Equatable {
        /// A record, its payload appended to the buffer.
        case record(QueueRecordHeader)
        /// There is one of more samples than are wanted.
        case full
        /// There is no more.
        case end
    }

    /// Reads on after `position`, past what is damaged, and moves it behind what it has read. A record of more than
    /// `sampleLimit` samples is not taken. For the thread that acknowledges.
    func read(
        after position: inout QueuePosition, sampleLimit: Int, damage: inout QueueDamage, _ reader: inout QueueReader,
        into payload: inout ByteBuffer
    ) throws(SystemError) -> ReadResult {
        while let segment = segment(at: position) {
            if position.segment != segment.number {
                position.segment = segment.number
                position.offset = QueueSegmentFormat.firstOffset
            }
            position.offset = max(position.offset, QueueSegmentFormat.firstOffset)
            guard let file = try file(segment.number, &reader) else { continue }
            switch try QueueScanner.step(file, at: position.offset, limit: segment.end, &reader.scratch) {
            case .end: position.offset = segment.end
            case .damaged(let next):
                damage.bytes += Int(next - position.offset)
                position.offset = next
            case .record(let header):
                // Read before, at another place: it waited in memory then.
                guard header.sequence > position.sequence else {
                    position.offset += header.recordLength
                    continue
                }
                guard header.summary.samples <= sampleLimit else { return .full }
                if header.sequence > position.sequence + 1, position.sequence > 0 {
                    damage.records += Int(clamping: header.sequence - position.sequence - 1)
                }
                position.sequence = header.sequence
                if try QueueScanner.load(file, at: position.offset, header, into: &payload) {
                    position.offset += header.recordLength
                    return .record(header)
                }
                let next = try QueueScanner.skip(
                    file, at: position.offset, header, limit: segment.end, &reader.scratch)
                damage.bytes += Int(next - position.offset)
                damage.records += 1
                position.offset = next
            }
        }
        return readWaiting(after: &position, sampleLimit: sampleLimit, into: &payload)
    }

    /// Nil where the segment's file is gone: somebody has deleted it.
    private func file(_ number: UInt64, _ reader: inout QueueReader) throws(SystemError) -> StoreFile? {
        do throws(SystemError) {
            return try reader.file(number, directory)
        } catch  where error.code == ENOENT {
            state.withLock { state in
                guard number != state.active else { return }
                state.segments.removeAll { $0.number == number }
            }
            if state.withLock({ $0.active == number }) { throw error }
            return nil
        }
    }

    private func readWaiting(
        after position: inout QueuePosition, sampleLimit: Int, into payload: inout ByteBuffer
    ) -> ReadResult {
        let place = position
        let found = state.withLock { state -> (Waiting?, UInt64?) in
            // Something may have been written since it was looked for.
            guard Self.segment(at: place, state) == nil else { return (nil, nil) }
            let waiting = state.waiting.first { $0.header.sequence > place.sequence }
            return (waiting, state.ledger.lastSequence)
        }
        guard let waiting = found.0 else {
            // What the ledger has and the files have not is lost.
            if let last = found.1 { position.sequence = max(position.sequence, last) }
            return .end
        }
        guard waiting.header.summary.samples <= sampleLimit else { return .full }
        payload.append(waiting.payload.span.bytes)
        position.sequence = waiting.header.sequence
        return .record(waiting.header)
    }

    private func segment(at position: QueuePosition) -> Segment? { state.withLock { Self.segment(at: position, $0) } }

    /// The first segment that has something at or after `position`.
    private static func segment(at position: QueuePosition, _ state: State) -> Segment? {
        state.segments.first {
            $0.number > position.segment && $0.end > QueueSegmentFormat.firstOffset
                || $0.number == position.segment && $0.end > max(position.offset, QueueSegmentFormat.firstOffset)
        }
    }

    /// Where to begin to read.
    var acknowledged: QueuePosition { state.withLock { $0.cursor } }

    /// Everything before `position` needs not be kept: `samples` and `exemplars` of it were sent or given up, and counted;
    /// what else it held is counted as damaged. Writes the cursor down.
    func acknowledge(_ position: QueuePosition, samples: Int, exemplars: Int) {
        let (held, gone) = state.change { state in
            let held = state.ledger.remove(through: position.sequence)
            state.cursor = QueuePosition(
                segment: max(state.cursor, position).segment, offset: max(state.cursor, position).offset,
                sequence: max(state.cursor.sequence, position.sequence))
            return (held, Self.forget(&state))
        }
        drop(max(0, held.samples - samples), max(0, held.exemplars - exemplars), .damaged)
        for number in gone { try? directory.remove(QueueSegmentFormat.kind.fileName(number)) }
        let current = acknowledged
        cursor.withLock { cursor in
            do throws(SystemError) {
                try cursor.file.note(current.encoded())
                cursor.isSaved = false
                let now = Timestamp.monotonic
                guard now.seconds(since: cursor.saved) >= Self.cursorSeconds else { return }
                cursor.saved = now
                try cursor.file.save(current.encoded())
                cursor.isSaved = true
            } catch {
                logger.error("remote write queue: its cursor cannot be written; a crash now sends again: \(error)")
            }
        }
    }

    /// Makes the cursor durable. For the end.
    func saveCursor() {
        let current = acknowledged
        cursor.withLock { cursor in
            guard !cursor.isSaved else { return }
            do throws(SystemError) {
                try cursor.file.save(current.encoded())
                cursor.isSaved = true
            } catch {
                logger.error("remote write queue: its cursor cannot be written: \(error)")
            }
        }
    }

    /// Takes out what lies before the cursor; the segments to be deleted.
    private static func forget(_ state: inout State) -> [UInt64] {
        let cursor = state.cursor
        var gone: [UInt64] = []
        while let first = state.segments.first, first.number != state.active,
            first.number < cursor.segment || first.number == cursor.segment && first.end <= cursor.offset
        {
            gone.append(first.number)
            state.segments.removeFirst()
        }
        while let first = state.waiting.first, first.header.sequence <= cursor.sequence {
            state.waitingBytes -= first.payload.count
            state.waiting.removeFirst()
        }
        return gone
    }
}
