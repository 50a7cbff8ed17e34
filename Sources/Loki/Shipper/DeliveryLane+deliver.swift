import Bytes
import Logging
import Logs
import Telemetry

extension DeliveryLane {
    /// What became of a tenant's blocks of a batch.
    enum Delivery {
        case done
        case stopped
        /// The server does not serve the tenant now; with what is left to do where a part of it is done.
        case held(PushJob?)
    }

    /// Delivers the batch's blocks of one tenant: one as it is stored, several in one request, or what `job` has left.
    func deliver(_ tenant: String, _ rest: PushJob?, _ buffers: inout LaneBuffers) -> Delivery {
        guard let sender = readySender() else { return .stopped }
        let pieces = buffers.batch.pieces.filter { $0.block.tenant == tenant }
        guard let first = pieces.first else { return .done }
        var settled: PushSettlement?
        if rest == nil, pieces.count == 1, !mustTakeApart(first.block) {
            let settlement = sendWhole(first, sender, &buffers)
            switch settlement {
            case .delivered, .dropped: return .done
            case .stopped: return .stopped
            case .held: return .held(nil)
            case .tooLarge: learnRefusedSize(first.block.payloadLength)
            case .partial, .streamsLimited, .overBurst, .refused: break
            }
            settled = settlement
        }
        guard load({ $0.block.tenant == tenant }, &buffers) else { return .done }
        var job = PushJob(tenant: tenant, buffers.block)
        let all = Array(buffers.block.entries.indices)[...]
        if let rest, rest.entryCount == job.entryCount {
            job = rest
        } else if let settled {
            resolve(settled, all, &job, buffers.block)
        } else if pieces.contains(where: { mustTakeApart($0.block) }) {
            select(&job, &buffers)
        } else {
            job.parts = [all]
        }
        switch sendParts(&job, sender, &buffers) {
        case .stopped: return .stopped
        case .held: return .held(job.isUntouched ? nil : job)
        case .done:
            hold(job.limited, tenant, buffers)
            return .done
        }
    }

    /// Whether the block cannot go as it is stored.
    func mustTakeApart(_ block: BlockIndex) -> Bool {
        let limits = context.configuration.limits
        if limits.concernsEntries || block.payloadLength >= sizeLimit { return true }
        if limits.violatesTime(earliest: block.earliest, latest: block.latest, now: .now) { return true }
        guard limits.concernsLabels || !heldKeys.isEmpty || !hot.isEmpty else { return false }
        return block.streams.contains {
            let key = StreamKey(tenant: block.tenant, labels: $0.labels)
            return heldKeys.contains(key) || hot[key] != nil
                || (limits.concernsLabels
                    && StreamLabelsReader.read(outgoing($0.labels)).flatMap(limits.violation(of:)) != nil)
        }
    }

    private func sendWhole(
        _ piece: Batch.Piece, _ sender: PushSender, _ buffers: inout LaneBuffers
    ) -> PushSettlement {
        let block = piece.block
        if !context.configuration.externalLabels.isEmpty {
            buffers.request.removeAll()
            buffers.compressed.removeAll()
            guard Self.uncompress(buffers.batch.payload, piece.bytes, into: &buffers.compressed),
                Self.relabel(buffers.compressed, outgoing, into: &buffers.request)
            else { return .refused("the stored block cannot be read") }
            Self.compress(buffers.request, into: &buffers.compressed)
            return sender.settle(
                buffers.compressed.bytes, tenant: block.tenant, entries: block.entryCount,
                size: block.uncompressedLength)
        }
        return sender.settle(
            buffers.batch.payload.bytes.slice(piece.bytes.lowerBound, piece.bytes.upperBound), tenant: block.tenant,
            entries: block.entryCount, size: block.uncompressedLength)
    }

    /// Takes the batch's blocks that are `wanted` apart into `buffers.block`; what is damaged is counted and left out.
    /// False where nothing is left.
    func load(_ wanted: (Batch.Piece) -> Bool, _ buffers: inout LaneBuffers) -> Bool {
        buffers.block.clear()
        for piece in buffers.batch.pieces where wanted(piece) {
            do {
                try Self.append(&buffers.block, buffers.batch.payload, piece.bytes)
            } catch {
                giveUp(piece.block, "damaged_block", "\(error)")
            }
        }
        buffers.block.finish()
        return !buffers.block.entries.isEmpty
    }

    func giveUp(_ block: BlockIndex, _ reason: String, _ detail: String) {
        context.metrics.dropped(
            reason, entries: block.entryCount, bytes: block.uncompressedLength, tenant: block.tenant)
        context.logger.error(
            "a stored block cannot be sent", metadata: ["entries": "\(block.entryCount)", "reason": "\(detail)"])
    }

    /// Decides what of the loaded block is sent: not what breaks a configured limit, not what must wait for its stream's
    /// earlier lines; streams that were over their limit lately go alone.
    private func select(_ job: inout PushJob, _ buffers: inout LaneBuffers) {
        let limits = context.configuration.limits
        let now = Timestamp.now
        hot = hot.filter { $0.value > Timestamp.monotonic }
        var together: [Int] = []
        var alone: [ArraySlice<Int>] = []
        var refused: [(entry: Int, reason: PushRejection.Reason)] = []
        for (number, stream) in buffers.block.streams.enumerated() {
            let key = StreamKey(tenant: job.tenant, labels: stream.labels)
            if heldKeys.contains(key) {
                job.limited.insert(number)
                continue
            }
            var broken: PushRejection.Reason?
            if limits.concernsLabels {
                broken = StreamLabelsReader.read(outgoing(stream.labels)).flatMap(limits.violation(of:))
            }
            var kept: [Int] = []
            for entry in stream.entries {
                guard let reason = broken ?? limits.violation(of: buffers.block.entries[entry], now: now) else {
                    kept.append(entry)
                    continue
                }
                refused.append((entry, reason))
                if reason == .lineTooLong, limits.maxLineSizeTruncate {
                    let line = buffers.block.line(entry)
                    job.cutLines[entry] = cutLine(line, to: limits.maxLineSize)
                    context.metrics.mutated(
                        entries: 1, bytes: max(0, line.count - limits.maxLineSize), tenant: job.tenant)
                    kept.append(entry)
                }
            }
            if hot[key] != nil, !kept.isEmpty { alone.append(kept[...]) } else { together += kept }
        }
        setAside(refused.map { ($0.entry, $0.reason.rawValue) }, job.tenant, buffers.block)
        if !together.isEmpty { job.parts.append(together[...]) }
        job.parts += alone.reversed()
    }

    /// What became of a job's parts.
    enum PartsDelivery { case done, held, stopped }

    /// Sends the job's parts until none is left, or the rest has to wait.
    func sendParts(_ job: inout PushJob, _ sender: PushSender, _ buffers: inout LaneBuffers) -> PartsDelivery {
        while let part = job.parts.popLast() {
            buffers.request.removeAll()
            let streams = buffers.block.streams
            buffers.block.encode(
                part, labels: { outgoing(streams[$0].labels) }, lines: job.cutLines, into: &buffers.request)
            Self.compress(buffers.request, into: &buffers.compressed)
            if part.count > 1, buffers.compressed.count >= sizeLimit {
                job.split(part)
                continue
            }
            let settlement = sender.settle(
                buffers.compressed.bytes, tenant: job.tenant, entries: part.count, size: buffers.request.count)
            switch settlement {
            case .stopped: return .stopped
            case .held:
                job.parts.append(part)
                return .held
            case .tooLarge: learnRefusedSize(buffers.compressed.count)
            default: break
            }
            resolve(settlement, part, &job, buffers.block)
        }
        return .done
    }

    /// Draws the consequences of one part's settlement.
    private func resolve(
        _ settlement: PushSettlement, _ part: ArraySlice<Int>, _ job: inout PushJob, _ block: borrowing PushBlock
    ) {
        switch settlement {
        case .delivered, .dropped, .stopped, .held: break
        case .partial(let rejections):
            let refused = self.refused(rejections, part, block)
            context.metrics.acknowledged(entries: part.count - refused.count, bytes: 0)
            setAside(refused, job.tenant, block)
        case .streamsLimited(let rejections):
            var limited = named(by: rejections, part, block)
            // Not told which: none is taken as delivered.
            if limited.isEmpty { limited = Set(part.map { block.entries[$0].stream }) }
            var others = 0
            for entry in part where !limited.contains(block.entries[entry].stream) { others += 1 }
            context.metrics.acknowledged(entries: others, bytes: 0)
            job.limited.formUnion(limited)
            job.withholdLimited(block)
        case .tooLarge where part.count > 1, .overBurst where part.count > 1, .refused where part.count > 1:
            job.split(part)
        case .tooLarge, .overBurst: shrink(part, &job, block)
        case .refused(let reason): setAside(part.map { ($0, "refused: \(reason)") }, job.tenant, block)
        }
    }

    /// Halves the line of an entry that is too large alone; the whole line is kept in the quarantine.
    private func shrink(_ part: ArraySlice<Int>, _ job: inout PushJob, _ block: borrowing PushBlock) {
        guard let entry = part.first else { return }
        if job.cutLines[entry] == nil { setAside([(entry, "request_too_large")], job.tenant, block) }
        let line = job.cutLines[entry] ?? block.line(entry)
        guard line.count > 4 << 10 else { return }
        job.cutLines[entry] = cutLine(line, to: line.count / 2)
        job.parts.append(part)
    }

    // The buffers come in as parameters: a span of one of them would borrow all that hold them.

    private static func compress(_ input: borrowing ByteBuffer, into output: inout ByteBuffer) {
        output.removeAll()
        Snappy.compress(input.bytes, into: &output)
    }

    private static func uncompress(
        _ input: borrowing ByteBuffer, _ range: Range<Int>, into output: inout ByteBuffer
    ) -> Bool {
        output.removeAll()
        return (try? Snappy.uncompress(input.bytes.slice(range.lowerBound, range.upperBound), into: &output)) != nil
    }

    private static func relabel(
        _ input: borrowing ByteBuffer, _ labels: (String) -> String, into output: inout ByteBuffer
    ) -> Bool {
        PushBlock.relabel(input.bytes, labels: labels, into: &output)
    }

    private static func append(
        _ block: inout PushBlock, _ payload: borrowing ByteBuffer, _ range: Range<Int>
    ) throws(PushBlockError) {
        try block.append(payload.bytes.slice(range.lowerBound, range.upperBound))
    }
}
