import Bytes
import Telemetry

/// Where a file source's lines go: cut to the limits, then into the entry writer. The buffers are reused from line
/// to line.
struct LineOutput: ~Copyable {
    var writer: EntryWriter
    /// Text of the container record at hand, and its attributes as structured metadata.
    var text = ByteBuffer()
    var attributes = ByteBuffer()
    /// What was given to one delivery is given to the others too, full or not.
    var mayOverfill = false
    private var metadata = ByteBuffer()
    private let cutLines: Counter
    private let truncatedLines: Counter

    init(writer: consuming EntryWriter, metrics: FileMetrics) {
        self.writer = writer
        cutLines = metrics.cutLines
        truncatedLines = metrics.truncatedLines
    }

    /// Whether to stop giving out lines until there was a commit.
    var isFull: Bool {
        @inline(__always) get { writer.isFull && !mayOverfill }
    }

    /// Gives out one whole line, or what is left of one whose first pieces have been given out.
    @inline(__always)
    mutating func finish(
        _ line: RawSpan, _ stream: StreamID, _ time: Timestamp, _ limits: LineLimits, _ cut: inout LineCut,
        attributes: RawSpan = RawSpan()
    ) {
        if cut.parts == 0 && line.byteCount <= limits.maxLineSize {
            writer.append(stream, time, line, metadata: attributes)
        } else {
            _ = pieces(line, stream, time, limits, &cut, attributes: attributes, isEnd: true)
            cut = LineCut()
        }
    }

    /// Gives out pieces of a line whose end is not known yet, as long as more than a piece is there. Returns how many
    /// bytes of it are done. In a replay they are only counted: they have been stored before.
    @inline(never)
    mutating func pieces(
        _ line: RawSpan, _ stream: StreamID, _ time: Timestamp, _ limits: LineLimits, _ cut: inout LineCut,
        attributes: RawSpan = RawSpan(), isEnd: Bool, isReplay: Bool = false
    ) -> Int {
        var start = 0
        let size = max(limits.maxLineSize, 4)
        let cap = max(limits.maxJoinedSize, size)
        while line.byteCount - start > size || (isEnd && (start < line.byteCount || cut.parts == 0)) {
            guard cut.byteCount < cap else { return line.byteCount }
            let room = min(size, cap - cut.byteCount)
            let rest = line.byteCount - start
            let length = rest <= room ? rest : Self.boundary(line, start, start + room) - start
            if cut.parts == 0 && !isReplay { cutLines.add() }
            cut.parts += 1
            cut.byteCount += length
            // A character that does not fit into what is left ends the line too.
            if rest > length, cap - cut.byteCount < 4 { cut.byteCount = cap }
            let isTruncated = rest > length && cut.byteCount >= cap
            start += length
            if isReplay { continue }
            if isTruncated { truncatedLines.add() }
            metadata.removeAll()
            metadata.append(attributes)
            StructuredMetadata.append("line_part", String(cut.parts), to: &metadata)
            if isTruncated { StructuredMetadata.append("line_truncated", "true", to: &metadata) }
            Self.append(line.slice(start - length, start), metadata, stream, time, to: &writer)
        }
        return start
    }

    // The buffer comes in as a parameter: a span of a stored property borrows all of self.
    private static func append(
        _ line: RawSpan, _ metadata: borrowing ByteBuffer, _ stream: StreamID, _ time: Timestamp,
        to writer: inout EntryWriter
    ) {
        writer.append(stream, time, line, metadata: metadata.bytes)
    }

    /// The end of the last whole UTF-8 sequence at or before `end`; `end` itself where the bytes are no UTF-8.
    private static func boundary(_ line: RawSpan, _ start: Int, _ end: Int) -> Int {
        guard end < line.byteCount else { return end }
        var cursor = end
        while cursor > start, cursor > end - 4, line.byte(at: cursor) & 0xc0 == 0x80 { cursor -= 1 }
        return cursor > start && line.byte(at: cursor) & 0xc0 != 0x80 ? cursor : end
    }

    mutating func releaseMemory() {
        writer.releaseMemory()
        text.release()
        attributes.release()
    }
}
