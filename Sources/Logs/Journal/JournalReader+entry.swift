import Bytes
import Telemetry

extension JournalReader {
    /// Whether an entry is met for the first time.
    enum Novelty {
        case old, new
    }

    /// Reads the current entry and appends it to its stream. Nothing is allocated where its kind is known. Where it
    /// throws, the entry has left no trace.
    @inline(__always)
    mutating func read(_ opened: borrowing Journal) throws(JournalError) -> Novelty {
        current.realtime = 0
        isCurrentOld = false
        if let replay { isCurrentOld = try wasDealtWith(opened, replay) }
        current = try opened.moment()
        fields.clear()
        try opened.read(into: &fields)
        if isCurrentOld {
            try replayPiece(opened, current.realtime)
            return .old
        }
        try ship(opened)
        return .new
    }

    @inline(__always)
    private mutating func ship(_ opened: borrowing Journal) throws(JournalError) {
        let realtime = current.realtime
        counted.lines &+= 1
        counted.bytes &+= fields.byteCount
        if fields.has(plan.messageID) { countSuppressed() }
        if fields.isExcluded { return metrics.dropped.add() }
        guard let stream = stream() else { return metrics.dropped.add() }
        let time = timestamp(realtime)
        if !journal.json {
            guard fields.has(plan.message) else { return metrics.noMessage.add() }
            if !joins.isEmpty || fields.has(plan.lineBreak) || fields.has(plan.partialMessage) {
                if try join(opened, realtime, stream, time) { return }
            }
        }
        append(stream, time)
    }

    private mutating func append(_ stream: StreamID, _ time: Timestamp) {
        counted.stored &+= 1
        if !plan.metadata.isEmpty { lines.encodeMetadata(fields, plan) }
        if journal.json { return appendJSON(stream, time) }
        if fields.isCut(plan.message) { metrics.cut.add() }
        Self.append(fields, plan.message, stream, time, lines: &lines, writer: &writer)
    }

    // The buffers come in as parameters: a span of one stored property borrows all of self.
    @inline(__always)
    private static func append(
        _ fields: borrowing JournalFields, _ slot: Int, _ stream: StreamID, _ time: Timestamp,
        lines: inout JournalLines, writer: inout EntryWriter
    ) {
        lines.append(fields.value(slot), isCut: fields.isCut(slot), stream, time, to: &writer)
    }

    private mutating func appendJSON(_ stream: StreamID, _ time: Timestamp) {
        if !fields.has(plan.message) { metrics.noMessage.add() }
        text.removeAll()
        JournalJSON.append(fields, to: &text)
        Self.append(text, stream, time, lines: &lines, writer: &writer)
    }

    private static func append(
        _ text: borrowing ByteBuffer, _ stream: StreamID, _ time: Timestamp, lines: inout JournalLines,
        writer: inout EntryWriter
    ) {
        lines.append(text.bytes, isCut: false, stream, time, to: &writer)
    }

    /// Time of receipt, or the client's where that is wanted and there.
    @inline(__always)
    private func timestamp(_ realtime: UInt64) -> Timestamp {
        var microseconds = realtime
        if journal.useSourceTime, let given = Self.number(fields, plan.sourceTime) { microseconds = given }
        return Timestamp(microseconds: Int64(clamping: min(microseconds, UInt64(Int64.max / 1000))))
    }

    /// A field's value as a decimal number.
    private static func number(_ fields: borrowing JournalFields, _ slot: Int) -> UInt64? {
        let digits = fields.value(slot)
        guard digits.byteCount > 0, digits.byteCount <= 19 else { return nil }
        var number: UInt64 = 0
        for offset in 0..<digits.byteCount {
            let digit = digits.byte(at: offset) &- 0x30
            guard digit < 10 else { return nil }
            number = number * 10 + UInt64(digit)
        }
        return number
    }

    /// journald's "Suppressed N messages from UNIT".
    private func countSuppressed() {
        guard fields.value(plan.messageID).equals("a596d6fe7bfa4994828e72309e95d61e"),
            let count = Self.number(fields, plan.dropped)
        else { return }
        metrics.suppressed.add(Int(clamping: count))
    }

    // MARK: The stream

    /// The entry's stream, or nil where it is not wanted.
    @inline(__always)
    private mutating func stream() -> StreamID? {
        if plan.readsAll { return resolve().stream }
        plan.makeKey(fields, into: &key)
        switch streams.verdict(for: key) {
        case .stream(let stream): return stream
        case .dropped: return nil
        case nil: break
        }
        let (stream, isLasting) = resolve()
        if isLasting { streams.remember(key, stream.map { .stream($0) } ?? .dropped) }
        return stream
    }

    /// `isLasting` is false where each such entry is to be counted.
    @inline(never)
    private mutating func resolve() -> (stream: StreamID?, isLasting: Bool) {
        guard plan.accepts(fields),
            let (target, hadNone) = labelling.target(plan.labels(fields, adding: labelling.constant))
        else { return (nil, true) }
        if hadNone { metrics.emptyLabels.add() }
        return (streams.stream(target, in: &writer), !hadNone)
    }

    // MARK: Joins

    /// Takes an entry that is a piece of a longer line. False where it is a line of its own.
    @inline(never)
    private mutating func join(
        _ opened: borrowing Journal, _ realtime: UInt64, _ stream: StreamID, _ time: Timestamp
    ) throws(JournalError) -> Bool {
        guard let (key, isLast) = piece() else { return false }
        let known = joins.index(of: key)
        if known == nil, isLast { return false }
        let index: Int
        if let known {
            index = known
        } else {
            guard let target = streams.target(of: stream) else { return false }
            try openJoin(opened, key, target, realtime, time)
            index = joins.pending.count - 1
        }
        addPiece(at: index, realtime)
        if isLast { emit(joins.remove(index)) }
        return true
    }

    /// During a replay: a piece of a join that was pending then.
    private mutating func replayPiece(_ opened: borrowing Journal, _ realtime: UInt64) throws(JournalError) {
        guard !journal.json, !replayJoins.isEmpty, fields.has(plan.message), let (key, _) = piece() else { return }
        if let index = joins.index(of: key) {
            addPiece(at: index, realtime)
        } else if replayJoins.contains(try opened.cursor()), let stream = stream(),
            let target = streams.target(of: stream)
        {
            try openJoin(opened, key, target, realtime, timestamp(realtime))
            addPiece(at: joins.pending.count - 1, realtime)
        }
    }

    private mutating func openJoin(
        _ opened: borrowing Journal, _ key: [UInt8], _ target: StreamTarget, _ realtime: UInt64, _ time: Timestamp
    ) throws(JournalError) {
        lines.encodeMetadata(fields, plan)
        let displaced = joins.open(
            JournalJoins.Pending(
                key: key, cursor: try opened.cursor(), target: target, timestamp: time,
                metadata: [UInt8](lines.metadata.bytes), lastRealtime: realtime,
                lastRead: Timestamp.monotonic.nanoseconds))
        if let displaced { emit(displaced) }
    }

    private mutating func addPiece(at index: Int, _ realtime: UInt64) {
        let now = Timestamp.monotonic.nanoseconds
        let wasCut = joins.pending[index].isCut
        let isWhole = Self.add(fields, plan.message, to: &joins, at: index, realtime, now)
        if !isWhole, !wasCut { metrics.cut.add() }
    }

    private static func add(
        _ fields: borrowing JournalFields, _ slot: Int, to joins: inout JournalJoins, at index: Int,
        _ realtime: UInt64, _ now: Int64
    ) -> Bool {
        joins.add(fields.value(slot), at: index, realtime: realtime, now: now)
    }

    /// What the entry is a piece of, and whether it ends it; nil where it can be no piece.
    private func piece() -> (key: [UInt8], isLast: Bool)? {
        if fields.has(plan.streamID) {
            let isLast = !fields.value(plan.lineBreak).equals("line-max")
            return ([0x73] + [UInt8](fields.value(plan.streamID)), isLast)
        }
        guard fields.has(plan.containerID) else { return nil }
        var key: [UInt8] = [0x63] + [UInt8](fields.value(plan.containerID)) + [0x2f]
        // Older dockers number nothing: there stdout and stderr differ by their priority.
        key += [UInt8](fields.value(fields.has(plan.partialID) ? plan.partialID : plan.priority))
        return (key, !fields.value(plan.partialMessage).equals("true"))
    }

    /// Gives out joins of which no more is to be expected.
    mutating func flushJoins(realtime: UInt64?, now: Int64) {
        while let join = joins.expired(realtime: realtime, now: now) { emit(join) }
    }

    private mutating func emit(_ join: JournalJoins.Pending) {
        counted.stored += 1
        let stream = streams.stream(join.target, in: &writer)
        lines.metadata.removeAll()
        lines.metadata.append(join.metadata)
        lines.append(join.text.span.bytes, isCut: join.isCut, stream, join.timestamp, to: &writer)
        lines.metadata.removeAll()
        isCommitNeeded = true
    }
}
