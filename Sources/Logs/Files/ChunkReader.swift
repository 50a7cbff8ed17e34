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

    /// Reads and gives out the next chunk of `generation`. With `isFinal` a last line without newline is given out too.
    mutating func read(_ generation: Generation, of file: FollowedFile, isFinal: Bool = false) -> ReadOutcome {
        guard let content = generation.content else { return .atEnd }
        let limits = file.job.limits
        // Room for a line of the greatest size, so that each chunk makes progress.
        var wanted = max(chunkSize, limits.maxLineSize + (16 << 10))
        if generation.transcoder != nil { wanted += limits.maxLineSize }
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
            var start = context
            if generation.offset == 0 || !generation.isEncodingKnown {
                guard file.format != .plain || learnEncoding(generation, content, file, isFinal) else {
                    generation.partialLength = count
                    generation.size = UInt64(count)
                    return .atEnd
                }
                generation.isEncodingKnown = true
            }
            if generation.offset == 0 || generation.isAtHole {
                start = Self.skipPrefix(chunk, context, generation, content, metrics)
                if start < 0 { return .progress }
            }
            let before = start
            var lines = LineCounts()
            let stop = Self.split(
                chunk, from: start, context: context, generation: generation, file: file, output: &output,
                isFinal: isFinal && isEnd, counts: &lines)
            metrics.malformedLines.add(lines.malformed)
            file.job.lines.add(lines.lines)
            file.counts.lines.wrappingAdd(UInt64(lines.lines), ordering: .relaxed)
            file.job.bytes.add(stop - before)
            if stop == context && !isEnd {
                // A container record longer than the chunk: read it whole, up to the limit.
                guard wanted < limits.maxJoinedSize else { return .progress }
                wanted = min(wanted * 2, limits.maxJoinedSize + (16 << 10))
                continue
            }
            let isFull = isEnd && stop < count && output.writer.isFull
            Self.settle(chunk, context, stop, count, isEnd && !isFull, generation)
            generation.extendHead(&scratch)
            if chunk.capacity > chunkSize * 4 { chunk = ByteBuffer() }
            return isEnd && !isFull ? .atEnd : .progress
        }
    }

    /// Looks for a byte-order mark; false where the file is too short yet to tell. It is the file's beginning that
    /// tells, wherever reading goes on.
    private mutating func learnEncoding(
        _ generation: Generation, _ content: FileContent, _ file: FollowedFile, _ isFinal: Bool
    ) -> Bool {
        scratch.removeAll()
        guard (try? content.read(at: 0, length: 4, into: &scratch)) != nil else { return true }
        return Self.learnEncoding(scratch, generation, file.job.job.configuration.encoding, isFinal)
    }

    private static func learnEncoding(
        _ head: borrowing ByteBuffer, _ generation: Generation, _ name: String, _ isFinal: Bool
    ) -> Bool {
        // A name that is not known was refused when the configuration was read.
        guard head.count > 0, var transcoder = try? Transcoder(encoding: name) else { return true }
        if transcoder.begin(head.bytes) == nil && !isFinal { return false }
        if transcoder.isIdentity { generation.transcoder = nil } else { generation.transcoder = consume transcoder }
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
        _ chunk: borrowing ByteBuffer, _ context: Int, _ stop: Int, _ count: Int, _ isEnd: Bool,
        _ generation: Generation
    ) {
        generation.advance(chunk.bytes, context: context, by: stop - context)
        let rest = isEnd ? count - stop : 0
        generation.partialLength = rest
        generation.partial = rest > 0 && rest <= 64 << 10 ? [UInt8](chunk.bytes.slice(stop, count)) : []
        if isEnd { generation.size = generation.offset + UInt64(rest) }
    }

    /// Passes over a byte-order mark, and over the NULs that a copytruncate leaves when the writer keeps its offset.
    /// Returns where the text begins, or -1 where a hole was skipped without reading it.
    private static func skipPrefix(
        _ chunk: borrowing ByteBuffer, _ context: Int, _ generation: Generation, _ content: FileContent,
        _ metrics: FileMetrics
    ) -> Int {
        let bytes = chunk.bytes
        var start = context
        let unit = generation.transcoder?.unitSize ?? 1
        if unit == 2 {
            if generation.offset == 0, let mark = generation.transcoder?.markLength(bytes), mark > 0 { return mark }
        } else if generation.offset == 0, bytes.byteCount >= 3, bytes.byte(at: 0) == 0xef, bytes.byte(at: 1) == 0xbb,
            bytes.byte(at: 2) == 0xbf
        {
            return 3
        }
        while start < bytes.byteCount, bytes.byte(at: start) == 0 { start += 1 }
        // The first or second half of a character may be a NUL.
        start -= (start - context) % unit
        generation.isAtHole = bytes.byteCount - start < unit && start > context
        guard start > context else { return start }
        metrics.skippedNULBytes.add(start - context)
        if generation.isAtHole, let data = content.nextData(from: generation.offset + UInt64(start - context)) {
            let end = generation.offset + UInt64(start - context)
            generation.advance(bytes, context: context, by: start - context)
            if data > end {
                metrics.skippedNULBytes.add(Int(clamping: data - end))
                generation.skipHole(to: data)
            }
            return -1
        }
        return start
    }

    private static func split(
        _ chunk: borrowing ByteBuffer, from start: Int, context: Int, generation: Generation, file: FollowedFile,
        output: inout LineOutput, isFinal: Bool, counts: inout LineCounts
    ) -> Int {
        let bytes = chunk.bytes
        if file.format == .plain {
            guard let stream = file.streams[2] else { return bytes.byteCount }
            if generation.transcoder != nil {
                return LineSplitter.transcoded(
                    bytes, from: start, stream, .now, file.job.limits, &generation.transcoder, &generation.cut,
                    &output, isFinal: isFinal, &counts)
            }
            return LineSplitter.plain(
                bytes, from: start, stream, .now, file.job.limits, &generation.cut, &output, isFinal: isFinal,
                &counts)
        }
        let base = generation.offset &- UInt64(context)
        return ContainerSplitter(file: file, generation: generation, base: base).split(
            bytes, from: start, &output, isFinal: isFinal, &counts)
    }
}

struct LineCounts {
    var lines = 0
    var malformed = 0
}

/// Splits text into lines.
enum LineSplitter {
    /// Gives out the lines of `bytes` from `start` until the writer is full; returns where the first line begins that
    /// was not given out. A line longer than the limit goes in pieces as it comes.
    static func plain(
        _ bytes: RawSpan, from start: Int, _ stream: StreamID, _ time: Timestamp, _ limits: LineLimits,
        _ cut: inout LineCut, _ output: inout LineOutput, isFinal: Bool, _ counts: inout LineCounts
    ) -> Int {
        var position = start
        while !output.writer.isFull {
            guard let newline = bytes.firstIndex(of: 0x0a, from: position) else {
                let rest = bytes.slice(position, bytes.byteCount)
                if isFinal, rest.byteCount > 0 || cut.parts > 0 {
                    output.finish(rest, stream, time, limits, &cut)
                    counts.lines += 1
                    return bytes.byteCount
                }
                guard rest.byteCount > limits.maxLineSize else { break }
                return position + output.pieces(rest, stream, time, limits, &cut, isEnd: false)
            }
            var end = newline
            if end > position, bytes.byte(at: end - 1) == 0x0d { end -= 1 }
            output.finish(bytes.slice(position, end), stream, time, limits, &cut)
            counts.lines += 1
            position = newline + 1
        }
        return position
    }
}
