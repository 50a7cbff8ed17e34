import Bytes
import Logging
import Telemetry

/// Reading what there is of a followed file.
extension FileEngine {
    /// Reads on, generation by generation, for at most a file's share of a round.
    func serve(_ file: FollowedFile, _ now: Timestamp) throws(SourceError) {
        var chunks = 0
        file.hasMore = false
        while let generation = file.queue.first {
            if context.stop.isStopped { return }
            if reader.output.writer.isFull { try commit() }
            if generation.content == nil, !reopen(generation, file) { return }
            let outcome = reader.read(generation, of: file)
            if generation.isDirty { markPending(now) }
            if file.isTroubleOfReading, !outcome.isFailure { clearTrouble(file) }
            switch outcome {
            case .progress:
                chunks += 1
                if chunks >= tuning.chunksPerRound {
                    file.hasMore = true
                    return
                }
            case .truncated:
                handleTruncation(of: generation, file, now)
            case .failed(let error):
                reportReading(error, file)
                return
            case .atEnd:
                if generation === file.active {
                    if file.isFinished { finishTarget(file, now) }
                    if FileContent.openCount > descriptorLimit { park(file) }
                    return
                }
                guard isOver(generation, file, now) else { return }
                if generation.isLineOpen {
                    _ = reader.read(generation, of: file, isFinal: true)
                    markPending(now)
                }
                finish(generation, file, now)
            }
        }
    }

    /// Whether nothing more is to be expected of a generation that is not the active one. Where a line is open, its
    /// writer gets a moment to end it, and the next generation waits so long.
    private func isOver(_ generation: Generation, _ file: FollowedFile, _ now: Timestamp) -> Bool {
        let isLast = file.queue.count == 1
        let isOpen = generation.isLineOpen || (isLast && file.active == nil)
        guard isOpen, let detached = generation.detached else { return true }
        let deadline = detached.adding(tuning.rotationGrace)
        if now >= deadline { return true }
        file.nextPoll = min(file.nextPoll, deadline)
        nextSweep = min(nextSweep, deadline)
        return false
    }

    private func finish(_ generation: Generation, _ file: FollowedFile, _ now: Timestamp) {
        if file.queue.count == 1 && file.active == nil { flushJoins(of: file, now) }
        if let damage = generation.content?.damage { context.logger.warning("\(name): \(damage)") }
        file.queue.removeFirst()
        generation.isFinished = true
        generation.isDirty = !generation.isReplaying
        file.lingering.append(generation)
        file.nextPoll = min(file.nextPoll, now.adding(tuning.activeSweep))
        markPending(now)
    }

    /// The container has exited: its last line ends where the file does.
    private func finishTarget(_ file: FollowedFile, _ now: Timestamp) {
        guard let active = file.active else { return }
        if active.isLineOpen {
            _ = reader.read(active, of: file, isFinal: true)
        }
        flushJoins(of: file, now)
        active.isDirty = true
        markPending(now)
        for generation in file.generations { release(generation, of: file) }
        file.isDone = true
    }

    /// Gives out the lines whose last piece will not come.
    func flushJoins(of file: FollowedFile, _ now: Timestamp) {
        for delivery in file.deliveries {
            guard let joins = delivery.joins, joins.isOpen else { continue }
            if let stream = delivery.streams[0], joins.stdout.isOpen {
                reader.output.finish(&joins.stdout, stream, delivery.limits)
            }
            if let stream = delivery.streams[1], joins.stderr.isOpen {
                reader.output.finish(&joins.stderr, stream, delivery.limits)
            }
            joins.stdout.close()
            joins.stderr.close()
            markPending(now)
        }
    }

    /// Gives out the beginning of a line whose rest went with a truncation.
    func givePartial(of generation: Generation, _ file: FollowedFile, _ now: Timestamp) {
        for (delivery, cursor) in zip(file.deliveries, generation.cursors) {
            let rest = generation.partial.dropFirst(Int(clamping: cursor.offset - generation.offset))
            guard !rest.isEmpty || cursor.cut.parts > 0, let stream = delivery.streams[2] else { continue }
            let partial = Array(rest)
            if cursor.transcoder != nil {
                reader.output.text.removeAll()
                cursor.transcoder?.append(partial.span.bytes, to: &reader.output.text)
                reader.output.finishText(stream, .now, delivery.limits, &cursor.cut)
            } else {
                reader.output.finish(partial.span.bytes, stream, .now, delivery.limits, &cursor.cut)
            }
            markPending(now)
        }
        generation.partial = []
    }
}
