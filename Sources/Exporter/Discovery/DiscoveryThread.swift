import Telemetry

/// The one thread on which targets are looked for. It runs as long as there is something to look for.
///
/// A discovery that hangs (Docker for its ten seconds) holds up the others, not the scrapes.
final class DiscoveryThread: Sendable {
    private struct Item {
        let job: ScrapeJobState
        let discoverer: any TargetDiscoverer
        let take: (ScrapeJobState, Result<[TargetGroup], any Error>) -> Void
        /// Monotonic.
        var due: Timestamp
        /// The last problem, so that it is told once.
        var problem = ""
    }

    private struct State {
        var items: [Item] = []
        var isRunning = false
        var isStopped = false
    }

    /// What waits and what is looked at; a job's state is only handed on.
    private let state = Condition(State())
    private let stopToken: StopToken
    /// After a failure, seconds.
    private static let retryTime = 5.0

    init(stop: StopToken) { stopToken = stop }

    /// Looks by `discoverer` at once and then in its periods; hands what is new, and problems that are, to `take`.
    func add(
        _ job: ScrapeJobState, _ discoverer: any TargetDiscoverer,
        _ take: @escaping (ScrapeJobState, Result<[TargetGroup], any Error>) -> Void
    ) {
        let item = Item(job: job, discoverer: discoverer, take: take, due: .monotonic)
        let starts = state.change { state in
            guard !state.isStopped else { return false }
            state.items.append(item)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if starts { WorkerThread(name: "discovery") { [self] in work() }.detach() }
    }

    func remove(_ job: ScrapeJobState) { state.change { $0.items.removeAll { $0.job === job } } }

    func stop() { state.change { $0.isStopped = true } }

    private func work() {
        while let item = next() {
            let result: Result<[TargetGroup]?, any Error> = Result { try item.discoverer.look() }
            if stopToken.isStopped { stop() }
            var problem = ""
            var period = item.discoverer.period
            switch result {
            case .success(.some(let groups)): item.take(item.job, .success(groups))
            case .success(nil): break
            case .failure(let error):
                problem = "\(error)"
                period = min(period, Self.retryTime)
                if problem != item.problem { item.take(item.job, .failure(error)) }
            }
            let due = Timestamp(nanoseconds: Timestamp.monotonic.nanoseconds + Int64(period * 1e9))
            state.withLock { state in
                guard let index = state.items.firstIndex(where: { $0.discoverer === item.discoverer }) else { return }
                state.items[index].due = due
                state.items[index].problem = problem
            }
        }
    }

    /// Waits for the next item that is due; nil where there is nothing left to do.
    private func next() -> Item? {
        while true {
            let first = state.withLock { $0.items.map(\.due).min() } ?? .monotonic
            let step: Item?? = state.wait(until: first) { state -> Item?? in
                if state.isStopped || state.items.isEmpty {
                    state.isRunning = false
                    return .some(nil)
                }
                guard let item = state.items.min(by: { $0.due < $1.due }), item.due <= .monotonic else { return nil }
                return item
            }
            if let step { return step }
        }
    }
}
