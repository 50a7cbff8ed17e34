import Logs
import Telemetry

// A tenant that the server does not serve for now, by its rate (429) or its rights (260, 401, 403, 404, …), gets a cursor
// of its own where the destination's stood, and the destination goes on without its blocks. When it is due again, its
// blocks are sent from there, a batch in turn with the others', until it has caught up with the destination's cursor.
extension DeliveryLane {
    /// So many tenants may wait; with more, the destination waits for the next one that is refused.
    static let waitingLimit = 256
    /// At so much held back, tenants with held streams wait.
    static let heldLimit = 512

    /// Whether nothing of the tenant may be sent now, whatever the server says.
    func mustWait(_ tenant: String) -> Bool {
        state.held.count >= Self.heldLimit && state.held.contains { $0.tenant == tenant }
    }

    /// Lets the tenant wait, from the batch from `start` to `end` on. False where too many do.
    func putAside(_ tenant: String, _ start: RecordLocation, _ end: RecordLocation) -> Bool {
        guard state.waiting.count < Self.waitingLimit else { return false }
        state.waiting.append(DestinationState.WaitingTenant(tenant: tenant, cursor: start, batchEnd: end))
        return true
    }

    /// Seconds until a waiting tenant may be sent to.
    var waitingTenantsWait: Double {
        state.waiting.reduce(.infinity) { min($0, mustWait($1.tenant) ? .infinity : secondsUntilDue($1.tenant)) }
    }

    /// Sends one batch of each waiting tenant that is due. False when it is time to end.
    func serveWaiting(_ buffers: inout LaneBuffers) -> Bool {
        for waiting in state.waiting where !mustWait(waiting.tenant) && secondsUntilDue(waiting.tenant) == 0 {
            if !serve(waiting, &buffers) { return false }
        }
        return true
    }

    private func serve(_ waiting: DestinationState.WaitingTenant, _ buffers: inout LaneBuffers) -> Bool {
        let course = Course(
            start: waiting.cursor, fixedEnd: waiting.batchEnd, boundary: state.cursor, skipsMuch: true)
        let next: RecordLocation
        switch gather(course, &buffers, where: { $0 == waiting.tenant }) {
        case .unreadable: return !context.stopping.wait(seconds: 1)
        case .end: next = state.cursor
        case .damaged(let place):
            // A place that does not move on would be read for ever.
            if place <= waiting.cursor { return !context.stopping.wait(seconds: 1) }
            next = place
            jobs[waiting.tenant] = nil
        case .batch:
            next = buffers.batch.end
            if !buffers.batch.isEmpty, waiting.batchEnd == nil { update(waiting.tenant, waiting.cursor, next) }
            switch deliver(waiting.tenant, jobs[waiting.tenant], &buffers) {
            case .done: jobs[waiting.tenant] = nil
            case .stopped: return false
            case .held(let job):
                jobs[waiting.tenant] = job
                return true
            }
        }
        update(waiting.tenant, next, nil)
        return true
    }

    /// Notes how far a waiting tenant has come, or that it waits no more.
    private func update(_ tenant: String, _ cursor: RecordLocation, _ batchEnd: RecordLocation?) {
        guard let index = state.waiting.firstIndex(where: { $0.tenant == tenant }) else { return }
        if cursor >= state.cursor, batchEnd == nil {
            state.waiting.remove(at: index)
        } else {
            state.waiting[index].cursor = cursor
            state.waiting[index].batchEnd = batchEnd
        }
        acknowledge()
    }
}
