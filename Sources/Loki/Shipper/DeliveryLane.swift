import Bytes
import CLinux
import Logging
import Logs
import Telemetry
import Transport

/// The buffers a lane reuses: at rest they are given back.
struct LaneBuffers: ~Copyable {
    var record = StoredRecord()
    var block = PushBlock()
    var request = ByteBuffer()
    var compressed = ByteBuffer()

    mutating func release() {
        record.blocks = []
        record.payload.removeAll()
        record.payload.release()
        block.release()
        request.removeAll()
        request.release()
        compressed.removeAll()
        compressed.release()
    }
}

/// The loop of one destination: reads record after record at the cursor, delivers each block, keeps streams that are over a
/// server-side limit aside and sends them later, in order. For its own thread.
final class DeliveryLane {
    /// At so much held back, nothing new is sent until some of it has gone.
    static let heldLimit = 512

    let context: ShipperContext
    let feed: any RecordFeed
    private let target: HTTPTarget
    private let userAgent: String
    private let progress: Progress
    var state: DestinationState
    var quarantine: Quarantine
    var relabeled: [String: String] = [:]
    /// Streams that have been over their limit, by key, and until when they are sent alone: Loki reports the error of the
    /// last stream of a request only.
    var hot: [String: Timestamp] = [:]
    /// Keys of the streams in `state.held`.
    var heldKeys: Set<String> = []
    /// The smallest request refused for its size, and until when that is remembered.
    var refusedSize = (bytes: Int.max, until: Timestamp(nanoseconds: 0))
    private var sender: PushSender?
    private var heldBackoff: Backoff
    private var heldDue = Timestamp(nanoseconds: 0)

    init(
        _ context: ShipperContext, feed: any RecordFeed, state: DestinationState, target: HTTPTarget,
        userAgent: String, quarantineDirectory: String, progress: Progress
    ) {
        self.context = context
        self.feed = feed
        self.state = state
        self.target = target
        self.userAgent = userAgent
        self.progress = progress
        quarantine = Quarantine(directory: quarantineDirectory, destination: context.configuration.name)
        heldBackoff = Backoff(
            minimum: context.configuration.backoff.minPeriod, maximum: context.configuration.backoff.maxPeriod)
    }

    func run() {
        heldKeys = Set(state.held.flatMap(\.streams))
        var buffers = LaneBuffers()
        var isAtRest = true
        lane: while !context.aborting.isStopped {
            if !state.held.isEmpty, Timestamp.monotonic >= heldDue, !sendHeld(&buffers) { break lane }
            if state.held.count >= Self.heldLimit {
                if context.stopping.wait(seconds: heldWait) { break lane }
                continue
            }
            switch read(&buffers) {
            case .record:
                isAtRest = false
                guard deliverRecord(&buffers) else { break lane }
                state.cursor = buffers.record.next
                acknowledge()
            case .damaged(let next):
                // The store has counted it. A place that does not move on would be read for ever.
                if next > state.cursor {
                    state.cursor = next
                    acknowledge()
                } else if context.stopping.wait(seconds: 1) {
                    break lane
                }
            case .end:
                if context.stopping.isStopped { break lane }
                if !isAtRest {
                    isAtRest = true
                    buffers.release()
                    clinux_trim_heap()
                }
                _ = feed.wait(for: state.cursor, seconds: min(60, heldWait), stop: context.stopping)
            case nil:
                if context.stopping.wait(seconds: 1) { break lane }
            }
        }
        acknowledge()
    }

    /// Nil where the store cannot be read now.
    private func read(_ buffers: inout LaneBuffers) -> RecordReadResult? {
        do {
            return try feed.read(at: state.cursor, metadataOnly: false, into: &buffers.record)
        } catch {
            context.readiness.set(context.part, .degraded("the store cannot be read: \(error)"))
            context.logger.error("the store cannot be read", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    private func acknowledge() {
        feed.acknowledge(state, destination: context.configuration.name)
        progress.location = state.oldest
        context.metrics.heldStreams.set(heldKeys.count)
    }

    /// Seconds until held streams are tried again.
    private var heldWait: Double {
        guard !state.held.isEmpty else { return .infinity }
        return max(0.001, heldDue.seconds(since: .monotonic))
    }

    /// Nil when there is no client yet and it is time to end.
    func readySender() -> PushSender? {
        if let sender { return sender }
        var backoff = Backoff(minimum: 1, maximum: 60)
        while !context.aborting.isStopped {
            do {
                let client = try HTTPClient(target, configuration: context.configuration.http, userAgent: userAgent)
                let made = PushSender(context, client: client)
                sender = made
                context.readiness.set(context.part, .ok)
                return made
            } catch {
                context.readiness.set(context.part, .failed("\(error)"))
                context.logger.error(
                    "destination cannot be used",
                    metadata: ["destination": "\(context.configuration.name)", "reason": "\(error)"])
            }
            if context.stopping.wait(seconds: backoff.next()) { return nil }
        }
        return nil
    }

    /// Holds `streams` of the record at `location` back.
    func hold(_ streams: [String], of location: RecordLocation, block: Int) {
        guard !streams.isEmpty else { return }
        if state.held.isEmpty {
            heldBackoff.reset()
            heldDue = Timestamp.monotonic.advanced(seconds: heldBackoff.next())
        }
        heldKeys.formUnion(streams)
        state.held.append(DestinationState.Held(record: location, block: block, streams: streams))
    }

    /// Sends what is held, oldest first; a stream that is refused again keeps all it has held. False when it is time
    /// to end.
    private func sendHeld(_ buffers: inout LaneBuffers) -> Bool {
        var refused: Set<String> = []
        var kept: [DestinationState.Held] = []
        var goesOn = true
        var hasProgress = false
        for held in state.held {
            let (due, waiting) = (
                held.streams.filter { !refused.contains($0) }, held.streams.filter { refused.contains($0) }
            )
            guard goesOn, !due.isEmpty else {
                kept.append(held)
                continue
            }
            guard let left = deliverHeld(held, streams: due, &buffers) else {
                goesOn = false
                kept.append(held)
                continue
            }
            if left.count < due.count { hasProgress = true }
            refused.formUnion(left)
            let streams = held.streams.filter { left.contains($0) || waiting.contains($0) }
            if !streams.isEmpty {
                kept.append(DestinationState.Held(record: held.record, block: held.block, streams: streams))
            }
        }
        state.held = kept
        heldKeys = Set(kept.flatMap(\.streams))
        if hasProgress { heldBackoff.reset() }
        heldDue = Timestamp.monotonic.advanced(seconds: heldBackoff.next())
        acknowledge()
        return goesOn
    }
}
