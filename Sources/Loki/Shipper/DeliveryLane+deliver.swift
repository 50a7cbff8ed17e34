import Bytes
import Logging
import Logs
import Telemetry

extension DeliveryLane {
    /// Delivers every block of the record read last; false when it is time to end and some of it is not delivered.
    func deliverRecord(_ buffers: inout LaneBuffers) -> Bool {
        var offset = 0
        for index in buffers.record.blocks.indices {
            let length = buffers.record.blocks[index].payloadLength
            guard length <= buffers.record.payload.count - offset else {
                giveUp(buffers.record.blocks[index], "damaged_block", "its payload is shorter than its index says")
                return true
            }
            guard deliverBlock(index, offset..<(offset + length), &buffers) else { return false }
            offset += length
        }
        return true
    }

    private func deliverBlock(_ index: Int, _ range: Range<Int>, _ buffers: inout LaneBuffers) -> Bool {
        let block = buffers.record.blocks[index]
        guard let sender = readySender() else { return false }
        var job = PushJob(tenant: block.tenant)
        if mustTakeApart(block) {
            guard load(block, range, &buffers) else { return true }
            select(block, &job, &buffers)
        } else {
            let settlement = sendWhole(block, range, sender, &buffers)
            switch settlement {
            case .delivered, .dropped: return true
            case .stopped: return false
            case .partial, .streamsLimited, .tooLarge, .overBurst, .refused:
                guard load(block, range, &buffers) else { return true }
                if case .tooLarge = settlement { learnRefusedSize(block.payloadLength) }
                let all = Array(buffers.block.entries.indices)[...]
                resolve(settlement, all, &job, buffers.block)
            }
        }
        guard sendParts(&job, sender, &buffers) else { return false }
        remember(job.limited, of: index, &buffers)
        return true
    }

    /// Sends a held block's `streams`; returns those that are still over their limit, or nil when it is time to end.
    func deliverHeld(
        _ held: DestinationState.Held, streams: [String], _ buffers: inout LaneBuffers
    ) -> Set<String>? {
        guard let sender = readySender() else { return nil }
        do {
            let result = try feed.read(at: held.record, metadataOnly: false, into: &buffers.record)
            guard result == .record, buffers.record.location == held.record,
                buffers.record.blocks.indices.contains(held.block)
            else {
                context.logger.error("a held record is no longer in the store", metadata: ["streams": "\(streams)"])
                return []
            }
        } catch {
            context.logger.error("the store cannot be read", metadata: ["reason": "\(error)"])
            return Set(streams)
        }
        let block = buffers.record.blocks[held.block]
        let offset = buffers.record.blocks[..<held.block].reduce(0) { $0 + $1.payloadLength }
        guard offset + block.payloadLength <= buffers.record.payload.count,
            load(block, offset..<(offset + block.payloadLength), &buffers)
        else { return [] }
        var job = PushJob(tenant: block.tenant)
        // Each alone, so that its answer is about it.
        for stream in buffers.block.streams.reversed() where streams.contains(stream.labels) {
            if !stream.entries.isEmpty { job.parts.append(Array(stream.entries)[...]) }
        }
        guard sendParts(&job, sender, &buffers) else { return nil }
        return Set(job.limited.map { buffers.block.streams[$0].labels })
    }

    /// Whether the block cannot go as it is stored.
    private func mustTakeApart(_ block: BlockIndex) -> Bool {
        let limits = context.configuration.limits
        if limits.concernsEntries || block.payloadLength >= sizeLimit { return true }
        if limits.violatesTime(earliest: block.earliest, latest: block.latest, now: .now) { return true }
        guard limits.concernsLabels || !heldKeys.isEmpty || !hot.isEmpty else { return false }
        return block.streams.contains {
            heldKeys.contains($0.labels) || hot[$0.labels] != nil
                || (limits.concernsLabels
                    && StreamLabelsReader.read(outgoing($0.labels)).flatMap(limits.violation(of:)) != nil)
        }
    }

    private func sendWhole(
        _ block: BlockIndex, _ range: Range<Int>, _ sender: PushSender, _ buffers: inout LaneBuffers
    ) -> PushSettlement {
        if !context.configuration.externalLabels.isEmpty {
            buffers.request.removeAll()
            buffers.compressed.removeAll()
            guard Self.uncompress(buffers.record.payload, range, into: &buffers.compressed),
                Self.relabel(buffers.compressed, outgoing, into: &buffers.request)
            else { return .refused("the stored block cannot be read") }
            Self.compress(buffers.request, into: &buffers.compressed)
            return sender.settle(
                buffers.compressed.bytes, tenant: block.tenant, entries: block.entryCount,
                size: block.uncompressedLength)
        }
        return sender.settle(
            buffers.record.payload.bytes.slice(range.lowerBound, range.upperBound), tenant: block.tenant,
            entries: block.entryCount, size: block.uncompressedLength)
    }

    /// Takes the block apart into `buffers.block`; false, and counted, where it is damaged.
    private func load(_ block: BlockIndex, _ range: Range<Int>, _ buffers: inout LaneBuffers) -> Bool {
        do {
            try Self.load(&buffers.block, buffers.record.payload, range)
            return true
        } catch {
            giveUp(block, "damaged_block", "\(error)")
            return false
        }
    }

    private func giveUp(_ block: BlockIndex, _ reason: String, _ detail: String) {
        context.metrics.dropped(
            reason, entries: block.entryCount, bytes: block.uncompressedLength, tenant: block.tenant)
        context.logger.error(
            "a stored block cannot be sent", metadata: ["entries": "\(block.entryCount)", "reason": "\(detail)"])
    }

    /// Decides what of the loaded block is sent: not what breaks a configured limit, not what must wait for its stream's
    /// earlier lines; streams that were over their limit lately go alone.
    private func select(_ block: BlockIndex, _ job: inout PushJob, _ buffers: inout LaneBuffers) {
        let limits = context.configuration.limits
        let now = Timestamp.now
        hot = hot.filter { $0.value > Timestamp.monotonic }
        var together: [Int] = []
        var alone: [ArraySlice<Int>] = []
        var refused: [(entry: Int, reason: PushRejection.Reason)] = []
        for (number, stream) in buffers.block.streams.enumerated() {
            if heldKeys.contains(stream.labels) {
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
            if hot[stream.labels] != nil, !kept.isEmpty { alone.append(kept[...]) } else { together += kept }
        }
        setAside(refused.map { ($0.entry, $0.reason.rawValue) }, job.tenant, buffers.block)
        if !together.isEmpty { job.parts.append(together[...]) }
        job.parts += alone.reversed()
    }

    /// Sends the job's parts until none is left; false when it is time to end.
    private func sendParts(_ job: inout PushJob, _ sender: PushSender, _ buffers: inout LaneBuffers) -> Bool {
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
            if case .stopped = settlement { return false }
            if case .tooLarge = settlement { learnRefusedSize(buffers.compressed.count) }
            resolve(settlement, part, &job, buffers.block)
        }
        return true
    }

    /// Draws the consequences of one part's settlement.
    private func resolve(
        _ settlement: PushSettlement, _ part: ArraySlice<Int>, _ job: inout PushJob, _ block: borrowing PushBlock
    ) {
        switch settlement {
        case .delivered, .dropped, .stopped: break
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

    private func remember(_ limited: Set<Int>, of index: Int, _ buffers: inout LaneBuffers) {
        guard !limited.isEmpty else { return }
        let keys = limited.sorted().map { buffers.block.streams[$0].labels }
        let until = Timestamp.monotonic.advanced(seconds: 600)
        for key in keys where hot.count < 256 || hot[key] != nil { hot[key] = until }
        hold(keys, of: buffers.record.location, block: index)
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

    private static func load(
        _ block: inout PushBlock, _ payload: borrowing ByteBuffer, _ range: Range<Int>
    ) throws(PushBlockError) {
        try block.load(payload.bytes.slice(range.lowerBound, range.upperBound))
    }
}
