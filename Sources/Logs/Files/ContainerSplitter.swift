import Bytes
import Telemetry

/// Takes the records of a container's log apart and joins the pieces of long lines.
struct ContainerSplitter {
    let delivery: FileDelivery
    let generation: Generation
    let cursor: ReadCursor
    /// The file's offset at which the chunk begins.
    let base: UInt64

    /// As `LineSplitter.plain`.
    func split(
        _ bytes: RawSpan, from start: Int, _ output: inout LineOutput, isFinal: Bool, _ counts: inout LineCounts
    ) -> Int {
        let limits = delivery.limits
        let now = Timestamp.now
        var position = start
        while !output.isFull, position < bytes.byteCount {
            let newline = bytes.firstIndex(of: 0x0a, from: position)
            if newline == nil && !isFinal {
                guard bytes.byteCount - position > max(limits.maxJoinedSize, limits.maxLineSize) else { break }
                // No record is that long.
                guard let stream = delivery.streams[2] else { return bytes.byteCount }
                return position
                    + output.pieces(
                        bytes.slice(position, bytes.byteCount), stream, now, limits, &cursor.cut, isEnd: false)
            }
            let end = newline ?? bytes.byteCount
            let line = bytes.slice(position, end)
            take(line, at: base &+ UInt64(position), now, limits, &output, &counts)
            position = newline == nil ? end : end + 1
        }
        return position
    }

    @inline(__always)
    private func take(
        _ line: RawSpan, at offset: UInt64, _ now: Timestamp, _ limits: LineLimits, _ output: inout LineOutput,
        _ counts: inout LineCounts
    ) {
        output.text.removeAll()
        output.attributes.removeAll()
        let record =
            cursor.cut.parts > 0
            ? nil
            : delivery.format == .docker
                ? DockerJSONDecoder.decode(line, into: &output.text, attributes: &output.attributes)
                : CRIDecoder.decode(line, into: &output.text)
        guard let record, let stream = delivery.streams[Int(record.stream.rawValue)] else {
            takeMalformed(line, record, offset, now, limits, &output, &counts)
            return
        }
        var isReplay = false
        if let replay = cursor.replay, offset < replay.until {
            guard let first = replay.starts[Int(record.stream.rawValue)], offset >= first else { return }
            isReplay = true
        }
        if !record.isPartial && !isReplay && !hasOpenJoin(record.stream) {
            output.finishText(stream, record.time, limits)
            counts.lines += 1
            return
        }
        let joins = delivery.joins ?? PartialJoins()
        delivery.joins = joins
        let done =
            record.stream == .stdout
            ? join(record, offset, stream, limits, isReplay, &joins.stdout, &output)
            : join(record, offset, stream, limits, isReplay, &joins.stderr, &output)
        if done && !isReplay { counts.lines += 1 }
    }

    private func hasOpenJoin(_ stream: ContainerStream) -> Bool {
        guard let joins = delivery.joins else { return false }
        return stream == .stdout ? joins.stdout.isOpen : joins.stderr.isOpen
    }

    @inline(never)
    private func takeMalformed(
        _ line: RawSpan, _ record: ContainerRecord?, _ offset: UInt64, _ now: Timestamp, _ limits: LineLimits,
        _ output: inout LineOutput, _ counts: inout LineCounts
    ) {
        if let replay = cursor.replay, offset < replay.until { return }
        // A record of a stream whose labels are dropped is dropped with them.
        guard record == nil, let stream = delivery.streams[2], line.byteCount > 0 || cursor.cut.parts > 0 else {
            return
        }
        output.finish(line, stream, now, limits, &cursor.cut)
        counts.lines += 1
        counts.malformed += 1
    }

    /// Adds a piece; returns whether it was the last.
    private func join(
        _ record: ContainerRecord, _ offset: UInt64, _ stream: StreamID, _ limits: LineLimits, _ isReplay: Bool,
        _ join: inout PartialJoin, _ output: inout LineOutput
    ) -> Bool {
        if !join.isOpen {
            join.open(record, at: offset, of: generation)
            output.moveAttributes(to: &join.attributes)
        }
        output.moveText(to: &join.text)
        if record.isPartial {
            guard join.text.count > limits.maxLineSize else { return false }
            let done = output.pieces(of: &join, stream, limits, isReplay: isReplay)
            join.text.removeFirst(done)
            return false
        }
        if !isReplay { output.finish(&join, stream, limits) }
        join.close()
        return true
    }
}

extension LineOutput {
    /// Gives out the record's text as a whole line.
    @inline(__always)
    mutating func finishText(_ stream: StreamID, _ time: Timestamp, _ limits: LineLimits) {
        if text.count <= limits.maxLineSize {
            Self.append(text, attributes, stream, time, to: &writer)
        } else {
            var join = PartialJoin()
            join.time = time
            moveText(to: &join.text)
            moveAttributes(to: &join.attributes)
            finish(&join, stream, limits)
        }
    }

    private static func append(
        _ text: borrowing ByteBuffer, _ attributes: borrowing ByteBuffer, _ stream: StreamID, _ time: Timestamp,
        to writer: inout EntryWriter
    ) {
        writer.append(stream, time, text.bytes, metadata: attributes.bytes)
    }

    /// Gives out what is left of a joined line, as its end.
    mutating func finish(_ join: inout PartialJoin, _ stream: StreamID, _ limits: LineLimits) {
        var cut = join.cut
        finish(join.text.bytes, stream, join.time, limits, &cut, attributes: join.attributes.bytes)
        join.cut = cut
    }

    mutating func pieces(
        of join: inout PartialJoin, _ stream: StreamID, _ limits: LineLimits, isReplay: Bool
    ) -> Int {
        var cut = join.cut
        let done = pieces(
            join.text.bytes, stream, join.time, limits, &cut, attributes: join.attributes.bytes, isEnd: false,
            isReplay: isReplay)
        join.cut = cut
        return done
    }

    mutating func moveText(to buffer: inout ByteBuffer) { Self.copy(text, to: &buffer) }
    mutating func moveAttributes(to buffer: inout ByteBuffer) { Self.copy(attributes, to: &buffer) }

    private static func copy(_ source: borrowing ByteBuffer, to buffer: inout ByteBuffer) {
        buffer.append(source.bytes)
    }
}
