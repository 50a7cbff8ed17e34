import Bytes
import Synchronization
import Telemetry

/// The threads that scrape: a queue of targets by when they are due, and as few threads as keep up with it.
///
/// One thread always watches the queue. When it takes a target, another is started to watch, if none idles; those idle for
/// long end. So as long as targets answer quickly there are two, and one that hangs costs one thread until its timeout.
/// With `ScrapeLimits.threads` hanging, further targets are late.
final class ScrapeCrew: Sendable {
    private struct State {
        var heap = DueHeap()
        var threads = 0
        var idle = 0
        var isStopped = false
    }

    private let state = Condition(State())
    private let scrape: TargetScrape
    private static let idleTime: Int64 = 30_000_000_000

    init(_ scrape: TargetScrape) { self.scrape = scrape }

    /// Scrapes `target` from now on at its times, until it is retired.
    func add(_ target: ScrapeTarget) {
        let due = Self.due(target)
        let needsThread = state.change { state in
            guard !state.isStopped else { return false }
            state.heap.push(target, at: due)
            if state.threads == 0 {
                state.threads = 1
                return true
            }
            return false
        }
        if needsThread { startThread() }
    }

    /// Ends all threads; waits for those in the middle of a scrape for at most `seconds`.
    func stop(within seconds: Double) {
        state.change { $0.isStopped = true }
        let deadline = Timestamp(nanoseconds: Timestamp.monotonic.nanoseconds + Int64(seconds * 1e9))
        _ = state.wait(until: deadline) { $0.threads == 0 ? true : nil }
    }

    /// The next moment of the target's, monotonic.
    private static func due(_ target: ScrapeTarget) -> Timestamp {
        let now = Timestamp.now
        let next = target.tick(before: now).nanoseconds + target.intervalNanoseconds
        return Timestamp(nanoseconds: Timestamp.monotonic.nanoseconds + next - now.nanoseconds)
    }

    private func startThread() { WorkerThread(name: "scrape") { [self] in work() }.detach() }

    private func work() {
        var page = ByteBuffer()
        while let target = next() { serve(target, &page) }
    }

    /// Waits for a target that is due and takes it; nil where the thread is to end.
    private func next() -> ScrapeTarget? {
        state.withLock { $0.idle += 1 }
        let since = Timestamp.monotonic.nanoseconds
        while true {
            enum Step { case take(ScrapeTarget, isAlone: Bool), again, end }
            let first = state.withLock { $0.heap.first?.time }
            let spare = Timestamp(nanoseconds: since + Self.idleTime)
            let limit = min(first ?? spare, spare)
            let step: Step? = state.wait(until: limit) { state in
                if state.isStopped {
                    state.idle -= 1
                    state.threads -= 1
                    return .end
                }
                guard let due = state.heap.first else { return nil }
                guard due.time <= .monotonic else { return due.time < limit ? .again : nil }
                state.heap.pop()
                state.idle -= 1
                let isAlone = state.idle == 0 && state.threads < ScrapeLimits.threads
                if isAlone { state.threads += 1 }
                return .take(due.target, isAlone: isAlone)
            }
            switch step {
            case .take(let target, let isAlone):
                if isAlone { startThread() }
                return target
            case .end:
                state.change { _ in }
                return nil
            case .again, nil: break
            }
            if Timestamp.monotonic.nanoseconds - since > Self.idleTime, leavesAsSpare() { return nil }
        }
    }

    private func leavesAsSpare() -> Bool {
        state.withLock { state in
            guard state.idle > 1 else { return false }
            state.idle -= 1
            state.threads -= 1
            return true
        }
    }

    private func serve(_ target: ScrapeTarget, _ page: inout ByteBuffer) {
        let (isRetired, isSucceeded, hasSeries) = target.status.withLock {
            ($0.isRetired, $0.isSucceeded, $0.lastScrape != nil || target.predecessor != nil)
        }
        guard isRetired else {
            scrape.run(target, page: &page)
            return put(target, at: Self.due(target))
        }
        if isSucceeded || !hasSeries { return target.status.withLock { $0.isEnded = true } }
        if target.staleTime == 0 {
            // It may come back: its series end when it has not done so by the next scrape that would have been, and a bit.
            target.staleTime = Timestamp.now.milliseconds
            let wait = target.intervalNanoseconds * 11 / 10
            return put(target, at: Timestamp(nanoseconds: Timestamp.monotonic.nanoseconds + wait))
        }
        scrape.end(target)
    }

    private func put(_ target: ScrapeTarget, at time: Timestamp) {
        state.change { state in
            if !state.isStopped { state.heap.push(target, at: time) }
        }
    }
}

/// Targets by when they are due: a binary heap.
struct DueHeap {
    struct Due {
        /// Monotonic.
        var time: Timestamp
        var target: ScrapeTarget
    }

    private var items: [Due] = []

    /// The earliest.
    var first: Due? { items.first }

    mutating func push(_ target: ScrapeTarget, at time: Timestamp) {
        items.append(Due(time: time, target: target))
        var index = items.count - 1
        while index > 0, items[index].time < items[(index - 1) / 2].time {
            items.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// Removes the earliest.
    mutating func pop() {
        guard let last = items.popLast(), !items.isEmpty else { return }
        items[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < items.count && items[child].time < items[least].time {
                least = child
            }
            if least == index { return }
            items.swapAt(index, least)
            index = least
        }
    }
}
