import Bytes
import Synchronization
import Telemetry

/// What reading one chunk came to.
enum ReadOutcome {
    /// There is more to read.
    case progress
    /// Read to the end, but for the beginning of a line.
    case atEnd
    /// What stands before the offset is not what was read there.
    case truncated
    case failed(FileError)

    var isFailure: Bool { if case .failed = self { true } else { false } }
}

/// Reads files chunk by chunk into one buffer and splits them into lines. Nothing is kept of a file between two
/// chunks but its offset: the beginning of an unfinished line is read again.
struct ChunkReader: ~Copyable {
    private var chunk = ByteBuffer()
    private var scratch = ByteBuffer()
    var output: LineOutput
    private let metrics: FileMetrics
    private let chunkSize: Int

    init(output: consuming LineOutput, metrics: FileMetrics, chunkSize: Int) {
        self.output = output
        self.metrics = metrics
        self.chunkSize = chunkSize
    }

    /// Reads the next chunk of `generation` and gives it out to all deliveries of `file`. With `isFinal` a last line
    /// without newline is given out too.
    mutating func read(_ generation: Generation, of file: FollowedFile, isFinal: Bool = false) -> ReadOutcome {
        guard let content = generation.content else { return .atEnd }
        // Room for a line of the greatest size, so that each chunk makes progress.
        var wanted = chunkSize
        var greatest = chunkSize
        for (delivery, cursor) in zip(file.deliveries, generation.cursors) {
            let limits = delivery.limits
            let isWide = cursor.transcoder != nil
            wanted = max(wanted, limits.maxLineSize + (16 << 10) + (isWide ? limits.maxLineSize : 0))
            greatest = max(greatest, wanted, limits.maxJoinedSize + (16 << 10))
        }
        let context = Int(min(generation.offset, UInt64(Fingerprint.tailLength)))
        while true {
            chunk.removeAll()
            let count: Int
            do throws(FileError) {
                count = try content.read(
                    at: generation.offset - UInt64(context), length: context + wanted, into: &chunk)
            } catch { return .failed(error) }
            guard count >= context, Self.matches(chunk, context, generation.tail) else { return .truncated }
            let isEnd = count < context + wanted
            guard learnEncodings(generation, content, file, isFinal) else {
                generation.partialLength = count - context
                generation.size = generation.offset + UInt64(count - context)
                return .atEnd
            }
            let given = Self.giveOut(
                chunk, context, generation, file, content, &output, isFinal: isFinal && isEnd, metrics)
            let isOver = isEnd && !given.isCutShort
            if !given.hasMoved, !isEnd, wanted < greatest {
                // A container record longer than the chunk: read it whole, up to the limit.
                wanted = min(wanted * 2, greatest)
                continue
            }
            Self.settle(chunk, context, isOver, given.hasMoved, generation)
            generation.extendHead(&scratch)
            if chunk.capacity > chunkSize * 4 { chunk = ByteBuffer() }
            return isOver ? .atEnd : .progress
        }
    }

    /// Looks for a byte-order mark where that is still to be done; false where the file is too short yet to tell. It is
    /// the file's beginning that tells, wherever reading goes on.
    private mutating func learnEncodings(
        _ generation: Generation, _ content: FileContent, _ file: FollowedFile, _ isFinal: Bool
    ) -> Bool {
        for (delivery, cursor) in zip(file.deliveries, generation.cursors) {
            guard cursor.offset == 0 || !cursor.isEncodingKnown, delivery.format == .plain else { continue }
            scratch.removeAll()
            guard (try? content.read(at: 0, length: 4, into: &scratch)) != nil else { continue }
            guard Self.learnEncoding(scratch, cursor, delivery.job.job.configuration.encoding, isFinal) else {
                return false
            }
            cursor.isEncodingKnown = true
        }
        return true
    }

    private static func learnEncoding(
        _ head: borrowing ByteBuffer, _ cursor: ReadCursor, _ name: String, _ isFinal: Bool
    ) -> Bool {
        // A name that is not known was refused when the configuration was read.
        guard head.count > 0, var transcoder = try? Transcoder(encoding: name) else { return true }
        if transcoder.begin(head.bytes) == nil && !isFinal { return false }
        if transcoder.isIdentity { cursor.transcoder = nil } else { cursor.transcoder = consume transcoder }
        return true
    }

    /// Gives memory back; for idle times.
    mutating func releaseMemory() {
        chunk = ByteBuffer()
        scratch = ByteBuffer()
        output.releaseMemory()
    }

    private static func matches(_ chunk: borrowing ByteBuffer, _ context: Int, _ tail: Fingerprint) -> Bool {
        context == tail.length && (context == 0 || Fingerprint(chunk.bytes.slice(0, context)) == tail)
    }

    private static func settle(
        _ chunk: borrowing ByteBuffer, _ context: Int, _ isOver: Bool, _ hasMoved: Bool, _ generation: Generation
    ) {
        let base = generation.offset - UInt64(context)
        generation.settle(chunk.bytes, context: context, hasMoved: hasMoved)
        let count = chunk.count
        let start = min(Int(clamping: generation.offset - base), count)
        let rest = isOver ? count - start : 0
        generation.partialLength = rest
        generation.partial = rest > 0 && rest <= 64 << 10 ? [UInt8](chunk.bytes.slice(start, count)) : []
        if isOver { generation.size = generation.offset + UInt64(rest) }
    }

    /// What became of a chunk.
    private struct Given {
        /// At least one delivery got further.
        var hasMoved = false
        /// The writer is full before the end of the chunk.
        var isCutShort = false
    }

    /// Gives a chunk out to one delivery after the other. The first decides how much of it is taken when the writer gets
    /// full: the others take as much, so that the chunk need not be read again for them.
    private static func giveOut(
        _ chunk: borrowing ByteBuffer, _ context: Int, _ generation: Generation, _ file: FollowedFile,
        _ content: FileContent, _ output: inout LineOutput, isFinal: Bool, _ metrics: FileMetrics
    ) -> Given {
        var given = Given()
        var isReplaying: Bool
        repeat {
            isReplaying = generation.isReplaying
            var end = chunk.count
            for (index, (delivery, cursor)) in zip(file.deliveries, generation.cursors).enumerated() {
                let base = generation.offset - UInt64(context)
                var limit = end
                var isLast = isFinal && !given.isCutShort
                if isReplaying {
                    // Nobody gives out a new line before all have passed over what they had given out.
                    guard let until = cursor.replay?.until else { continue }
                    limit = min(end, Int(clamping: until - base))
                    isLast = isLast || base + UInt64(limit) == until
                }
                let start = max(context, Int(clamping: cursor.offset - base))
                guard start <= limit else { continue }
                let before = cursor.offset
                output.mayOverfill = index > 0
                let stop = pass(
                    chunk, start, limit, base, delivery, generation, cursor, content, &output,
                    isFinal: isLast, metrics)
                if index == 0 {
                    file.counts.lines.wrappingAdd(UInt64(stop.lines), ordering: .relaxed)
                    if !isReplaying, stop.end < limit, output.isFull {
                        given.isCutShort = true
                        end = stop.end
                    }
                }
                output.mayOverfill = false
                given.hasMoved = given.hasMoved || cursor.offset != before
            }
        } while isReplaying && !generation.isReplaying
        return given
    }

    /// Gives the chunk's bytes from `start` to `end` out to one delivery; returns where the first line begins that was
    /// not given out, and how many were.
    private static func pass(
        _ chunk: borrowing ByteBuffer, _ start: Int, _ end: Int, _ base: UInt64, _ delivery: FileDelivery,
        _ generation: Generation, _ cursor: ReadCursor, _ content: FileContent, _ output: inout LineOutput,
        isFinal: Bool, _ metrics: FileMetrics
    ) -> (end: Int, lines: Int) {
        let bytes = chunk.bytes.slice(0, end)
        var begin = start
        if cursor.offset == 0 || cursor.isAtHole {
            begin = skipPrefix(bytes, start, cursor, metrics)
            if cursor.isAtHole, let data = content.nextData(from: base + UInt64(begin)) {
                metrics.skippedNULBytes.add(Int(clamping: data - (base + UInt64(begin))))
                cursor.advance(to: data)
                return (end, 0)
            }
        }
        var counts = LineCounts()
        let stop = split(bytes, from: begin, base, generation, delivery, cursor, &output, isFinal: isFinal, &counts)
        metrics.malformedLines.add(counts.malformed)
        delivery.job.lines.add(counts.lines)
        delivery.job.bytes.add(stop - begin)
        cursor.advance(to: base + UInt64(stop))
        return (stop, counts.lines)
    }

    /// Passes over a byte-order mark, and over the NULs that a copytruncate leaves when the writer keeps its offset.
    /// Returns where the text begins; the cursor is at a hole where nothing else was there.
    private static func skipPrefix(
        _ bytes: RawSpan, _ first: Int, _ cursor: ReadCursor, _ metrics: FileMetrics
    ) -> Int {
        var start = first
        let unit = cursor.transcoder?.unitSize ?? 1
        if unit == 2 {
            if cursor.offset == 0, let mark = cursor.transcoder?.markLength(bytes), mark > 0 { return mark }
        } else if cursor.offset == 0, bytes.byteCount >= 3, bytes.byte(at: 0) == 0xef, bytes.byte(at: 1) == 0xbb,
            bytes.byte(at: 2) == 0xbf
        {
            return 3
        }
        while start < bytes.byteCount, bytes.byte(at: start) == 0 { start += 1 }
        // The first or second half of a character may be a NUL.
        start -= (start - first) % unit
        cursor.isAtHole = bytes.byteCount - start < unit && start > first
        metrics.skippedNULBytes.add(start - first)
        return start
    }

    private static func split(
        _ bytes: RawSpan, from start: Int, _ base: UInt64, _ generation: Generation, _ delivery: FileDelivery,
        _ cursor: ReadCursor, _ output: inout LineOutput, isFinal: Bool, _ counts: inout LineCounts
    ) -> Int {
        if delivery.format == .plain {
            guard let stream = delivery.streams[2] else { return bytes.byteCount }
            if cursor.transcoder != nil {
                return LineSplitter.transcoded(
                    bytes, from: start, stream, .now, delivery.limits, &cursor.transcoder, &cursor.cut, &output,
                    isFinal: isFinal, &counts)
            }
            return LineSplitter.plain(
                bytes, from: start, stream, .now, delivery.limits, &cursor.cut, &output, isFinal: isFinal, &counts)
        }
        return ContainerSplitter(delivery: delivery, generation: generation, cursor: cursor, base: base).split(
            bytes, from: start, &output, isFinal: isFinal, &counts)
    }
}
