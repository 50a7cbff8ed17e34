import Synchronization
import Telemetry

/// The threads that run collectors: one as long as all goes well, more while one hangs.
///
/// Slots of a round are run one after the other. When one takes longer than `patience`, another thread goes on with the
/// rest, so a collector that hangs costs only itself. At most `mostThreads` hang at a time; at the cap, what is left of
/// a round waits until its deadline.
final class CollectorCrew: Sendable {
    private struct Job {
        var slot: Int
        var round: Int
        var deadline: Timestamp
    }

    private struct State {
        /// To be run, last first.
        var queue: [Job] = []
        /// Slots that run, by round.
        var running: [Int: Int] = [:]
        /// Slots of this round that have not ended.
        var outstanding = 0
        var round = 0
        var threads = 0
        var idleThreads = 0
        var isStopped = false
        /// Counts what was taken, to see that the queue moves.
        var taken = 0
    }

    private let slots: [CollectorSlot]
    private let state = Condition(State())
    /// One round at a time.
    private let rounds = Mutex(())

    /// Seconds.
    private static let patience = 0.1
    private static let mostThreads = 16
    /// Seconds without work after which a thread beyond the first ends.
    private static let idleTime = 60.0

    init(slots: [CollectorSlot]) { self.slots = slots }

    deinit { state.change { $0.isStopped = true } }

    /// Runs the slots with these indices; returns when all have ended or after `timeout` seconds. Returns those that
    /// have not ended.
    func run(_ indices: [Int], timeout: Double) -> Set<Int> {
        rounds.withLock { _ in
            let deadline = Timestamp(
                nanoseconds: Timestamp.monotonic.nanoseconds + Int64(min(max(timeout, 0), 86_400) * 1e9))
            let stuck = begin(indices, until: deadline)
            var lastTaken = -1
            while Timestamp.monotonic < deadline {
                let look = min(
                    deadline,
                    Timestamp(nanoseconds: Timestamp.monotonic.nanoseconds + Int64(Self.patience * 1e9)))
                let isDone: Bool? = state.wait(until: look) { $0.outstanding == 0 ? true : nil }
                if isDone != nil { return stuck }
                let needsHelp = state.withLock { state in
                    defer { lastTaken = state.taken }
                    return !state.queue.isEmpty && state.taken == lastTaken && state.threads < Self.mostThreads
                }
                if needsHelp { startThread() }
            }
            // Whoever still runs belongs to a round that is over.
            return state.change { state in
                let late = state.queue.map(\.slot) + state.running.filter { $0.value == state.round }.map(\.key)
                state.queue.removeAll()
                state.outstanding = 0
                state.round += 1
                return stuck.union(late)
            }
        }
    }

    /// Queues the slots that are not still running from an earlier round; returns those that are.
    private func begin(_ indices: [Int], until deadline: Timestamp) -> Set<Int> {
        let (stuck, needsThread) = state.change { state in
            state.round += 1
            var stuck: Set<Int> = []
            for index in indices.reversed() {
                if state.running[index] != nil {
                    stuck.insert(index)
                } else {
                    state.queue.append(Job(slot: index, round: state.round, deadline: deadline))
                    state.outstanding += 1
                }
            }
            return (stuck, state.idleThreads == 0 && state.threads < Self.mostThreads)
        }
        if needsThread { startThread() }
        return stuck
    }

    private func startThread() {
        state.withLock { $0.threads += 1 }
        // The thread must not keep the crew alive, or it would never be told to stop.
        WorkerThread(name: "collectors") { [state, slots] in Self.work(state, slots) }.detach()
    }

    private static func work(_ state: Condition<State>, _ slots: [CollectorSlot]) {
        var next = take(state)
        while let job = next {
            slots[job.slot].run(until: job.deadline)
            let (following, isRoundOver) = state.withLock { state -> (Job?, Bool) in
                state.running[job.slot] = nil
                if job.round == state.round { state.outstanding -= 1 }
                return (take(from: &state), job.round == state.round && state.outstanding == 0)
            }
            // Whoever waits is woken once a round: each wake-up costs as much as a small collector.
            if isRoundOver { state.change { _ in } }
            next = following ?? take(state)
        }
    }

    /// The next slot to run; nil when the thread is to end.
    private static func take(_ state: Condition<State>) -> Job? {
        state.withLock { $0.idleThreads += 1 }
        while true {
            let idleUntil = Timestamp.monotonic.adding(seconds: idleTime)
            let next: Job?? = state.wait(until: idleUntil) { state in
                state.isStopped ? .some(nil) : take(from: &state).map { .some($0) }
            }
            let isOver = state.withLock { state in
                let isSpare = state.isStopped || next == nil && state.threads > 1
                if isSpare { state.threads -= 1 }
                if isSpare || next != nil { state.idleThreads -= 1 }
                return isSpare
            }
            if isOver { return nil }
            if let next { return next }
        }
    }

    private static func take(from state: inout State) -> Job? {
        guard let next = state.queue.popLast() else { return nil }
        state.running[next.slot] = next.round
        state.taken += 1
        return next
    }
}
