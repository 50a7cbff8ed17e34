import Synchronization
import Telemetry

/// The threads that evaluate groups at their slots: as few as keep up, at most `mostThreads`.
///
/// One thread always watches for the next slot. When it takes a group, another is started to watch, if none idles; those idle
/// for long end. So a slow group costs a thread and delays nobody, until `mostThreads` are slow at once.
final class RuleCrew: Sendable {
    private struct State {
        var groups: [RunningGroup] = []
        /// By identity.
        var busy: Set<ObjectIdentifier> = []
        var threads = 0
        var idle = 0
        var isStopped = false
    }

    private let state = Condition(State())
    private let now: @Sendable () -> Int64

    static let mostThreads = 4
    private static let idleTime: Int64 = 70_000_000_000

    /// - Parameter now: the wall clock, milliseconds since 1970.
    init(now: @escaping @Sendable () -> Int64) { self.now = now }

    /// Whom to evaluate from now on.
    func replace(_ groups: [RunningGroup]) {
        let needsThread = state.change { state in
            state.groups = groups
            guard !state.isStopped, state.threads == 0, !groups.isEmpty else { return false }
            state.threads = 1
            return true
        }
        if needsThread { startThread() }
    }

    /// Ends all threads; waits for those in the middle of an evaluation for at most `seconds`.
    func stop(within seconds: Double) {
        state.change { $0.isStopped = true }
        _ = state.wait(until: Timestamp.monotonic.adding(seconds: seconds)) { $0.threads == 0 ? true : nil }
    }

    private func startThread() {
        WorkerThread(name: "rules", stackSize: QueryEngine.stackSize) { [self] in work() }.detach()
    }

    private func work() {
        while let group = next() {
            group.run(at: now())
            state.change { _ = $0.busy.remove(ObjectIdentifier(group)) }
        }
    }

    private enum Step {
        case take(RunningGroup, isAlone: Bool)
        /// Something has become due earlier than was waited for.
        case again
        case end
    }

    /// Waits for a group that is due and takes it; nil where the thread is to end.
    private func next() -> RunningGroup? {
        state.withLock { $0.idle += 1 }
        let since = Timestamp.monotonic.nanoseconds
        while true {
            // A slot is never further than this; a clock that is set shows by then.
            let first = state.withLock { Self.first($0, now())?.due } ?? .max
            let wait = max(0, min(first == .max ? 60_000 : first - now(), 60_000))
            let limit = Timestamp(nanoseconds: Timestamp.monotonic.nanoseconds + wait * 1_000_000)
            let step: Step? = state.wait(until: limit) { state in
                if state.isStopped {
                    state.idle -= 1
                    state.threads -= 1
                    return .end
                }
                let now = now()
                guard let (due, group) = Self.first(state, now) else { return nil }
                guard due <= now else { return due < first ? .again : nil }
                state.busy.insert(ObjectIdentifier(group))
                state.idle -= 1
                let isAlone = state.idle == 0 && state.threads < Self.mostThreads
                if isAlone { state.threads += 1 }
                return .take(group, isAlone: isAlone)
            }
            switch step {
            case .take(let group, let isAlone):
                if isAlone { startThread() }
                return group
            case .end:
                state.change { _ in }
                return nil
            case .again, nil: break
            }
            if Timestamp.monotonic.nanoseconds - since > Self.idleTime, leavesAsSpare() { return nil }
        }
    }

    /// The group that is due first of those that nobody evaluates.
    private static func first(_ state: State, _ now: Int64) -> (due: Int64, group: RunningGroup)? {
        var first: (due: Int64, group: RunningGroup)?
        for group in state.groups where !state.busy.contains(ObjectIdentifier(group)) {
            guard let due = group.due(at: now) else { continue }
            if due < first?.due ?? .max { first = (due, group) }
        }
        return first
    }

    private func leavesAsSpare() -> Bool {
        state.withLock { state in
            guard state.idle > 1 else { return false }
            state.idle -= 1
            state.threads -= 1
            return true
        }
    }
}
