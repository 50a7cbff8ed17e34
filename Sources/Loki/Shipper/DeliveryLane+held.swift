import Bytes
import Logging
import Logs
import Telemetry
import Transport

extension DeliveryLane {
    /// Holds `streams`, numbers in `buffers.block`, of the batch's blocks of `tenant` back.
    func hold(_ streams: Set<Int>, _ tenant: String, _ buffers: borrowing LaneBuffers) {
        guard !streams.isEmpty else { return }
        let labels = Set(streams.map { buffers.block.streams[$0].labels })
        if state.held.isEmpty {
            heldBackoff.reset()
            heldDue = Timestamp.monotonic.advanced(seconds: heldBackoff.next())
        }
        let until = Timestamp.monotonic.advanced(seconds: 600)
        for label in labels {
            let key = StreamKey(tenant: tenant, labels: label)
            heldKeys.insert(key)
            if hot.count < 256 || hot[key] != nil { hot[key] = until }
        }
        for piece in buffers.batch.pieces where piece.block.tenant == tenant {
            let own = piece.block.streams.map(\.labels).filter(labels.contains)
            guard !own.isEmpty else { continue }
            state.held.append(
                DestinationState.Held(record: piece.record, block: piece.index, tenant: tenant, streams: own))
        }
    }

    /// Seconds until held streams are tried again.
    var heldWait: Double {
        guard !state.held.isEmpty else { return .infinity }
        return max(0.001, heldDue.seconds(since: .monotonic))
    }

    func noteHeldKeys() {
        heldKeys = []
        for held in state.held {
            for stream in held.streams { heldKeys.insert(StreamKey(tenant: held.tenant, labels: stream)) }
        }
    }

    /// Sends what is held, oldest first; a stream that is refused again keeps all it has held, and so does a tenant that
    /// is not served. False when it is time to end.
    func sendHeld(_ buffers: inout LaneBuffers) -> Bool {
        var refused: Set<StreamKey> = []
        var unserved: Set<String> = []
        var kept: [DestinationState.Held] = []
        var goesOn = true
        var hasProgress = false
        for held in state.held {
            func key(_ stream: String) -> StreamKey { StreamKey(tenant: held.tenant, labels: stream) }
            let due = held.streams.filter { !refused.contains(key($0)) }
            guard goesOn, !due.isEmpty, !unserved.contains(held.tenant), secondsUntilDue(held.tenant) == 0 else {
                kept.append(held)
                continue
            }
            let left: Set<String>
            switch deliverHeld(held, streams: due, &buffers) {
            case .stopped:
                goesOn = false
                kept.append(held)
                continue
            case .unserved(let streams):
                unserved.insert(held.tenant)
                left = streams
            case .done(let streams): left = streams
            }
            if left.count < due.count { hasProgress = true }
            for stream in left { refused.insert(key(stream)) }
            let streams = held.streams.filter { left.contains($0) || !due.contains($0) }
            if !streams.isEmpty {
                kept.append(
                    DestinationState.Held(
                        record: held.record, block: held.block, tenant: held.tenant, streams: streams))
            }
        }
        state.held = kept
        noteHeldKeys()
        if hasProgress { heldBackoff.reset() }
        heldDue = Timestamp.monotonic.advanced(seconds: heldBackoff.next())
        acknowledge()
        return goesOn
    }

    /// What became of a block's held streams; with the label strings of those that are still to be sent.
    private enum HeldDelivery {
        case done(Set<String>)
        /// The server does not serve the tenant now.
        case unserved(Set<String>)
        case stopped
    }

    /// Sends a held block's `streams`.
    private func deliverHeld(
        _ held: DestinationState.Held, streams: [String], _ buffers: inout LaneBuffers
    ) -> HeldDelivery {
        guard let sender = readySender() else { return .stopped }
        do {
            let result = try feed.read(at: held.record, metadataOnly: false, into: &buffers.record)
            guard result == .record, buffers.record.location == held.record,
                buffers.record.blocks.indices.contains(held.block)
            else {
                context.logger.error("a held record is no longer in the store", metadata: ["streams": "\(streams)"])
                return .done([])
            }
        } catch {
            troubles.report(.degraded("the store cannot be read: \(error)"), of: .store)
            return .done(Set(streams))
        }
        Self.take(&buffers, held.tenant)
        guard load({ $0.index == held.block }, &buffers) else { return .done([]) }
        var job = PushJob(tenant: held.tenant, buffers.block)
        // Each alone, so that its answer is about it.
        for stream in buffers.block.streams.reversed() where streams.contains(stream.labels) {
            if !stream.entries.isEmpty { job.parts.append(Array(stream.entries)[...]) }
        }
        switch sendParts(&job, sender, &buffers) {
        case .stopped: return .stopped
        case .done: return .done(Set(job.limited.map { buffers.block.streams[$0].labels }))
        case .held:
            var left = job.limited
            for part in job.parts { for entry in part { left.insert(buffers.block.entries[entry].stream) } }
            return .unserved(Set(left.map { buffers.block.streams[$0].labels }))
        }
    }

    /// Makes the record read last the batch.
    private static func take(_ buffers: inout LaneBuffers, _ tenant: String) {
        buffers.batch.begin(at: buffers.record.location)
        _ = buffers.batch.append(buffers.record) { $0 == tenant }
    }
}
