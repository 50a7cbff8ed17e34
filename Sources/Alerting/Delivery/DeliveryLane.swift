import Telemetry

/// The way to one entry of a receiver: a queue and a few threads of its own, so that one that hangs is nobody else's trouble.
///
/// A notification that a service cannot take now waits in the queue for its next attempt without keeping a thread, until its
/// deadline. The queue is bounded by the number of groups: each has one notification under way here at most.
final class DeliveryLane: Sendable {
    private struct Job: Sendable {
        var delivery: Delivery
        /// On the monotonic clock.
        var notBefore: Timestamp
        var deadline: Timestamp
        var backoff: DeliveryBackoff
        /// Attempts that were made.
        var attempts = 0
    }

    private struct State {
        var jobs: [Job] = []
        var threads = 0
    }

    private let integration: any Integration
    private let stop: StopToken
    private let firstPause: Double
    private let report: @Sendable (Delivery, DeliveryResult) -> Void
    private let observe: @Sendable (DeliveryAttempt) -> Void
    private let state = Condition(State())
    /// Notifications that are sent at the same time.
    private static let mostThreads = 4
    /// Seconds between two looks at whether all is to end.
    private static let patience = 0.5

    /// - Parameters:
    ///   - observe: told of each attempt, on a thread of the lane.
    ///   - report: told how each delivery ended, likewise.
    init(
        _ integration: any Integration, stop: StopToken, firstPause: Double = 0.5,
        observe: @escaping @Sendable (DeliveryAttempt) -> Void = { _ in },
        report: @escaping @Sendable (Delivery, DeliveryResult) -> Void
    ) {
        self.integration = integration
        self.stop = stop
        self.firstPause = firstPause
        self.observe = observe
        self.report = report
    }

    /// Takes a notification up, to be tried for so many seconds.
    func add(_ delivery: Delivery, seconds: Double) {
        let now = Timestamp.monotonic
        let job = Job(
            delivery: delivery, notBefore: now, deadline: now.adding(seconds: seconds),
            backoff: DeliveryBackoff(first: firstPause))
        let mustStart = state.change { state in
            state.jobs.append(job)
            guard state.threads < min(Self.mostThreads, state.jobs.count) else { return false }
            state.threads += 1
            return true
        }
        if mustStart { WorkerThread(name: "notify") { [self] in work() }.detach() }
    }

    private func work() {
        while let job = next() { attempt(job) }
    }

    /// nil when there is nothing left to do, and the thread has been signed off.
    private func next() -> Job? {
        while !stop.isStopped {
            let (job, isOver, wake) = state.withLock { state -> (Job?, Bool, Timestamp) in
                let now = Timestamp.monotonic
                if let index = state.jobs.firstIndex(where: { $0.notBefore <= now }) {
                    return (state.jobs.remove(at: index), false, now)
                }
                guard let first = state.jobs.map(\.notBefore).min() else {
                    state.threads -= 1
                    return (nil, true, now)
                }
                return (nil, false, min(first, now.adding(seconds: Self.patience)))
            }
            if let job { return job }
            if isOver { return nil }
            stop.wait(seconds: max(0.001, wake.seconds(since: .monotonic)))
        }
        state.withLock { $0.threads -= 1 }
        return nil
    }

    private func attempt(_ job: Job) {
        var job = job
        func note(_ result: DeliveryResult, _ seconds: Double, isLast: Bool) {
            observe(
                DeliveryAttempt(
                    delivery: job.delivery, kind: integration.kind, number: job.attempts, result: result,
                    seconds: seconds, isLast: isLast))
        }
        let began = Timestamp.monotonic
        let left = job.deadline.seconds(since: began)
        guard left > 0 else {
            let result = DeliveryResult.retry(
                reason: "not sent in time: earlier notifications took too long", after: nil)
            note(result, 0, isLast: true)
            return report(job.delivery, result)
        }
        let result = integration.deliver(
            job.delivery.notification, memory: job.delivery.memory, stop: StopToken(stop, seconds: left))
        let seconds = Timestamp.monotonic.seconds(since: began)
        job.attempts += 1
        // What was cut short by the end of the process is in doubt, and is told again after the next start.
        if case .delivered = result {} else if stop.isStopped { return note(result, seconds, isLast: false) }
        guard case .retry(_, let after) = result else {
            note(result, seconds, isLast: true)
            return report(job.delivery, result)
        }
        let pause = job.backoff.pause(asked: after)
        guard pause < job.deadline.seconds(since: .monotonic) else {
            note(result, seconds, isLast: true)
            return report(job.delivery, result)
        }
        note(result, seconds, isLast: false)
        job.notBefore = Timestamp.monotonic.adding(seconds: pause)
        let later = job
        state.change { $0.jobs.append(later) }
    }
}

/// One attempt at a notification.
package struct DeliveryAttempt: Sendable {
    package var delivery: Delivery
    /// `webhook`, `slack` …
    package var kind: String
    /// The first is 1; 0 where it came to none.
    package var number: Int
    package var result: DeliveryResult
    /// How long it took.
    package var seconds: Double
    /// Whether there will be no other before the next look at the group.
    package var isLast: Bool
}
