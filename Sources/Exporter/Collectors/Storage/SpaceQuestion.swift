import CLinux
import Synchronization
import Telemetry

/// How full the file system at a path is: asked of the kernel, which may not answer.
///
/// Safe from any thread.
final class SpaceQuestion: Sendable {
    enum Answer: Sendable {
        case space(clinux_space)
        /// An errno.
        case failed(Int32)
    }

    let path: String
    private let ask: @Sendable (_ path: String) -> Answer
    private let answer = Mutex<Answer?>(nil)

    /// - Parameter ask: statfs(2); tests give another.
    init(path: String, ask: @escaping @Sendable (String) -> Answer = SpaceQuestion.statfs) {
        self.path = path
        self.ask = ask
    }

    /// What the last question brought; nil where there is no answer yet.
    var lastAnswer: Answer? { answer.withLock { $0 } }

    func forget() { answer.withLock { $0 = nil } }

    /// Asks on the calling thread, however long that takes.
    func askNow() {
        let result = ask(path)
        answer.withLock { $0 = result }
    }

    static let statfs: @Sendable (String) -> Answer = { path in
        var space = clinux_space()
        let code = clinux_space(path, &space)
        return code == 0 ? .space(space) : .failed(code)
    }
}

/// Asks many file systems how full they are, without waiting for those that do not answer.
///
/// Questions are asked one after the other on one thread. When one takes longer than `patience`, another thread goes on
/// with the rest. A question that has not been answered when time is up keeps its thread, is remembered and not asked
/// again before that thread is back. At most `mostThreads` are held so: at that cap what is left counts as unanswered.
/// A spare thread ends after `idleTime`.
final class SpaceCrew: Sendable {
    private struct State {
        var queue: [SpaceQuestion] = []
        /// Questions on a thread, by identity, and the round they belong to.
        var asked: [ObjectIdentifier: Int] = [:]
        var round = 0
        /// Of this round.
        var outstanding = 0
        /// Questions that threads took, ever.
        var taken = 0
        var threads = 0
        var idleThreads = 0
        var isStopped = false
    }

    private let state = Condition(State())
    private let patience: Double
    private static let mostThreads = 32
    private static let idleTime = 90.0

    /// - Parameter patience: seconds after which another thread helps.
    init(patience: Double = 0.02) { self.patience = patience }

    deinit { state.change { $0.isStopped = true } }

    /// Threads there are, for tests.
    var threadCount: Int { state.withLock { $0.threads } }

    /// Asks all `questions` that are not still being asked; returns when all have an answer or after `timeout` seconds.
    /// A question without an answer then has `lastAnswer` nil.
    func ask(_ questions: [SpaceQuestion], timeout: Double) {
        let deadline = Self.moment(in: timeout)
        let needsThread = state.change { state -> Bool in
            state.round += 1
            state.queue.removeAll(keepingCapacity: true)
            state.outstanding = 0
            for question in questions.reversed() where state.asked[ObjectIdentifier(question)] == nil {
                question.forget()
                state.queue.append(question)
                state.outstanding += 1
            }
            return state.outstanding > 0 && state.idleThreads == 0 && state.threads < Self.mostThreads
        }
        if needsThread { startThread() }
        var lastTaken = -1
        while true {
            let look = min(deadline, Self.moment(in: patience))
            let isDone: Bool? = state.wait(until: look) { $0.outstanding == 0 ? true : nil }
            if isDone != nil || Timestamp.monotonic >= deadline { break }
            let needsHelp = state.withLock { state in
                defer { lastTaken = state.taken }
                return !state.queue.isEmpty && state.taken == lastTaken && state.threads < Self.mostThreads
            }
            if needsHelp { startThread() }
        }
        state.change { state in
            state.queue.removeAll(keepingCapacity: true)
            state.outstanding = 0
        }
    }

    private static func moment(in seconds: Double) -> Timestamp {
        Timestamp(nanoseconds: Timestamp.monotonic.nanoseconds + Int64(min(max(seconds, 0), 86_400) * 1e9))
    }

    private func startThread() {
        state.withLock { $0.threads += 1 }
        // The thread must not keep the crew alive, or it would never be told to stop.
        WorkerThread(name: "file systems", stackSize: 128 << 10) { [state] in Self.work(state) }.detach()
    }

    private static func work(_ state: Condition<State>) {
        while true {
            state.withLock { $0.idleThreads += 1 }
            let taken = state.wait(until: moment(in: idleTime)) { state -> (question: SpaceQuestion?, round: Int)? in
                if state.isStopped { return (nil, 0) }
                guard let question = state.queue.popLast() else { return nil }
                state.asked[ObjectIdentifier(question)] = state.round
                state.taken += 1
                return (question, state.round)
            }
            state.withLock { $0.idleThreads -= 1 }
            guard let (question, round) = taken, let question else {
                state.withLock { $0.threads -= 1 }
                return
            }
            question.askNow()
            state.change { state in
                state.asked[ObjectIdentifier(question)] = nil
                if round == state.round, state.outstanding > 0 { state.outstanding -= 1 }
            }
        }
    }
}
