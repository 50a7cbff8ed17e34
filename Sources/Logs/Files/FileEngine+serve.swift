import Bytes
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
            let before = generation.offset
            let outcome = reader.read(generation, of: file)
            if generation.offset != before { markPending(now) }
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
                    return
                }
                guard isOver(generation, file, now) else { return }
                if generation.partialLength > 0 || generation.cut.parts > 0 {
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
        let isOpen = generation.partialLength > 0 || generation.cut.parts > 0 || (isLast && file.active == nil)
        guard isOpen, let detached = generation.detached else { return true }
        let deadline = detached.adding(tuning.rotationGrace)
        if now >= deadline { return true }
        file.nextPoll = min(file.nextPoll, deadline)
        nextSweep = min(nextSweep, deadline)
        return false
    }

    private func finish(_ generation: Generation, _ file: FollowedFile, _ now: Timestamp) {
        if file.queue.count == 1 && file.active == nil { flushJoins(of: file, now) }
        file.queue.removeFirst()
        generation.isFinished = true
        generation.isDirty = generation.replay == nil
        file.lingering.append(generation)
        file.nextPoll = min(file.nextPoll, now.adding(tuning.activeSweep))
        markPending(now)
    }

    /// The container has exited: its last line ends where the file does.
    private func finishTarget(_ file: FollowedFile, _ now: Timestamp) {
        guard let active = file.active else { return }
        if active.partialLength > 0 || active.cut.parts > 0 {
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
        guard let joins = file.joins, joins.isOpen else { return }
        if let stream = file.streams[0], joins.stdout.isOpen {
            reader.output.finish(&joins.stdout, stream, file.job.limits)
        }
        if let stream = file.streams[1], joins.stderr.isOpen {
            reader.output.finish(&joins.stderr, stream, file.job.limits)
        }
        joins.stdout.close()
        joins.stderr.close()
        markPending(now)
    }

    /// Gives out the beginning of a line whose rest went with a truncation.
    func givePartial(of generation: Generation, _ file: FollowedFile, _ now: Timestamp) {
        guard !generation.partial.isEmpty || generation.cut.parts > 0, let stream = file.streams[2] else { return }
        if generation.transcoder != nil {
            reader.output.text.removeAll()
            generation.transcoder?.append(generation.partial.span.bytes, to: &reader.output.text)
            reader.output.finishText(stream, .now, file.job.limits, &generation.cut)
        } else {
            reader.output.finish(
                generation.partial.span.bytes, stream, .now, file.job.limits, &generation.cut)
        }
        generation.partial = []
        markPending(now)
    }
}
