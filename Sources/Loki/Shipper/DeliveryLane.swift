import Bytes
import CLinux
import Logging
import Logs
import Telemetry
import Transport

/// The buffers a lane reuses: at rest they are given back.
struct LaneBuffers: ~Copyable {
    var record = StoredRecord()
    var batch = Batch()
    var block = PushBlock()
    var request = ByteBuffer()
    var compressed = ByteBuffer()

    mutating func release() {
        record.blocks = []
        record.payload.removeAll()
        record.payload.release()
        batch.release()
        block.release()
        request.removeAll()
        request.release()
        compressed.removeAll()
        compressed.release()
    }
}

/// The loop of one destination: brings record after record at the cursor, delivers their blocks, keeps streams that are
/// over a server-side limit and tenants that the server does not serve aside and sends them later, each in order. For its
/// own thread.
final class DeliveryLane {
    /// A stream of a tenant.
    struct StreamKey: Hashable {
        var tenant: String
        var labels: String
    }

    let context: ShipperContext
    let feed: any RecordFeed
    let troubles: Troubles
    private let target: HTTPTarget
    private let userAgent: String
    private let progress: Progress
    var state: DestinationState
    var quarantine: Quarantine
    var relabeled: [String: String] = [:]
    /// Streams that have been over their limit, and until when they are sent alone: Loki reports the error of the last
    /// stream of a request only.
    var hot: [StreamKey: Timestamp] = [:]
    /// The streams in `state.held`.
    var heldKeys: Set<StreamKey> = []
    var heldBackoff: Backoff
    var heldDue = Timestamp(nanoseconds: 0)
    /// What is left of the batches of waiting tenants of which a part has been sent.
    var jobs: [String: PushJob] = [:]
    /// The smallest request refused for its size, and until when that is remembered.
    var refusedSize = (bytes: Int.max, until: Timestamp(nanoseconds: 0))
    private var sender: PushSender?
    /// Tenants whose part of the batch at the cursor is settled.
    private var served: Set<String> = []
    /// Whether the first batch since the start is still to come: it may be a replay.
    private var isReplay = true

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
        troubles = Troubles(context)
        quarantine = Quarantine(directory: quarantineDirectory, destination: context.configuration.name)
        heldBackoff = context.configuration.backoff.backoff
    }

    func run() {
        noteHeldKeys()
        var buffers = LaneBuffers()
        var isAtRest = true
        lane: while !context.aborting.isStopped {
            if !state.held.isEmpty, Timestamp.monotonic >= heldDue, !sendHeld(&buffers) { break lane }
            guard serveWaiting(&buffers) else { break lane }
            switch gatherNext(&buffers) {
            case .batch:
                isAtRest = false
                guard deliverNext(&buffers) else { break lane }
            case .damaged(let next):
                // The store has counted it. A place that does not move on would be read for ever.
                if next > state.cursor {
                    advance(to: next)
                } else if context.stopping.wait(seconds: 1) {
                    break lane
                }
            case .end:
                if wait == 0 { continue lane }
                if context.stopping.isStopped { break lane }
                if !isAtRest {
                    isAtRest = true
                    buffers.release()
                    clinux_trim_heap()
                }
                _ = feed.wait(for: state.cursor, seconds: min(60, wait), stop: context.stopping)
            case .unreadable:
                if context.stopping.wait(seconds: 1) { break lane }
            }
        }
        acknowledge()
    }

    /// Seconds until something that is kept aside is due.
    private var wait: Double { min(heldWait, waitingTenantsWait) }

    private func gatherNext(_ buffers: inout LaneBuffers) -> Gathering {
        let passed = served.union(state.waiting.map(\.tenant))
        // What was under way when the process was killed is sent again as it was: alone, where no end of it is noted.
        let course = Course(
            start: state.cursor, fixedEnd: state.batchEnd, recordLimit: isReplay ? 1 : Batch.recordLimit,
            skipsMuch: !passed.isEmpty)
        return gather(course, &buffers) { !passed.contains($0) }
    }

    /// Delivers the batch at the cursor, tenant by tenant; false when it is time to end and some of it is not delivered.
    private func deliverNext(_ buffers: inout LaneBuffers) -> Bool {
        if buffers.batch.recordCount > 1, state.batchEnd == nil {
            state.batchEnd = buffers.batch.end
            acknowledge()
        }
        for tenant in buffers.batch.tenants {
            switch mustWait(tenant) ? .held(jobs[tenant]) : deliver(tenant, jobs[tenant], &buffers) {
            case .stopped: return false
            case .done: jobs[tenant] = nil
            case .held(let rest):
                jobs[tenant] = rest
                guard putAside(tenant, buffers.batch.start, buffers.batch.end) else {
                    // Too many wait already: the batch stays as it is until this one is served.
                    state.batchEnd = buffers.batch.end
                    acknowledge()
                    return !context.stopping.wait(seconds: max(0.01, min(wait, secondsUntilDue(tenant))))
                }
            }
            served.insert(tenant)
        }
        if !buffers.batch.isEmpty { isReplay = false }
        advance(to: buffers.batch.end)
        return true
    }

    private func advance(to place: RecordLocation) {
        state.cursor = place
        state.batchEnd = nil
        served = []
        acknowledge()
    }

    func acknowledge() {
        feed.acknowledge(state, destination: context.configuration.name)
        progress.location = state.oldest
        context.metrics.heldStreams.set(heldKeys.count)
        context.metrics.waitingTenants.set(state.waiting.count)
    }

    /// Seconds until the tenant may be sent to.
    func secondsUntilDue(_ tenant: String) -> Double {
        max(0, (sender?.due(tenant) ?? Timestamp(nanoseconds: 0)).seconds(since: .monotonic))
    }

    /// Nil when there is no client yet and it is time to end.
    func readySender() -> PushSender? {
        if let sender { return sender }
        var backoff = Backoff(minimum: 1, maximum: 60)
        while !context.aborting.isStopped {
            do {
                let client = try HTTPClient(target, configuration: context.configuration.http, userAgent: userAgent)
                let made = PushSender(context, troubles: troubles, client: client)
                sender = made
                troubles.end(of: .destination)
                return made
            } catch {
                troubles.report(.failed("\(error)"), of: .destination)
            }
            if context.stopping.wait(seconds: backoff.next()) { return nil }
        }
        return nil
    }
}
