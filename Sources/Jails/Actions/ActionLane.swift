import Telemetry

/// One action's own thread, so that one that hangs delays no other: takes changes, hands them to the action in batches, begins anew
/// with all bans that hold where the action has failed or could not keep up.
///
/// At most `Limits.mostQueued` changes wait; where more come, all that wait are dropped (counted), and the action begins anew. Their lines
/// and groups take `Limits.mostBytes` at most; what comes beyond waits without them (counted).
package final class ActionLane: Sendable {
    package struct Limits: Sendable {
        /// Changes.
        package var mostQueued = 20_000
        package var mostBytes = 8 << 20
        package var largestBatch = 4096
        /// Seconds before the first and at most before a later new beginning after a failure.
        package var firstDelay = 1.0
        package var longestDelay = 60.0

        package init() {}
    }

    struct State {
        var queue: [BanChange] = []
        /// Of the lines and groups of those.
        var byteCount = 0
        /// When the oldest of them was decided.
        var since = Timestamp(nanoseconds: 0)
        var mustBegin = true
        var mustCheck = false
        var mustReload = false
        /// Nil until it ends; then whether the action is removed.
        var isRemoved: Bool?
        var isOver = false
        var isStarted = false
    }

    package let action: any BanAction
    private let context: ActionContext
    private let limits: Limits
    private let state = Condition(State())
    private let meter: ActionMeter
    private let holding: @Sendable () -> [Ban]
    private let now: @Sendable () -> Double

    /// - Parameters:
    ///   - context: the one the action was made with.
    ///   - holding: all bans of the jails that use the action, as they hold at the moment.
    ///   - now: seconds since 1970.
    package init(
        _ action: any BanAction, context: ActionContext, limits: Limits = Limits(), metrics: MetricRegistry,
        readiness: Readiness, now: @escaping @Sendable () -> Double = { Timestamp.now.secondsSince1970 },
        holding: @escaping @Sendable () -> [Ban]
    ) {
        self.action = action
        self.context = context
        self.limits = limits
        self.holding = holding
        self.now = now
        meter = ActionMeter(action: action.name, metrics: metrics, readiness: readiness)
    }

    /// Starts the thread, which starts the action. Once.
    package func start() {
        let isFirst = state.withLock { state in
            defer { state.isStarted = true }
            return !state.isStarted
        }
        guard isFirst else { return }
        meter.tell(.starting)
        WorkerThread(name: "action") { [self] in work() }.detach()
    }

    /// Never waits.
    ///
    /// - Parameter since: when the first of them was decided, of the monotonic clock.
    package func submit(_ changes: [BanChange], since: Timestamp = .monotonic) {
        guard !changes.isEmpty else { return }
        state.change { state in
            guard state.isRemoved == nil else { return }
            if state.queue.count + changes.count > limits.mostQueued {
                meter.count(state.queue + changes, as: .dropped)
                (state.queue, state.byteCount) = ([], 0)
                state.mustBegin = true
            } else {
                if state.queue.isEmpty { state.since = since }
                for change in changes {
                    let kept = change.fitting(limits.mostBytes - state.byteCount)
                    let size = kept.textSize
                    if size < change.textSize { meter.cut.add() }
                    state.byteCount += size
                    state.queue.append(kept)
                }
            }
            meter.queued.set(state.queue.count)
        }
    }

    /// A banned address still reaches this host. Never waits.
    package func check() { state.change { $0.mustCheck = true } }

    /// The configuration was read again. Never waits.
    package func reload() { state.change { $0.mustReload = true } }

    /// Has the action end without waiting for it, so that several end at the same time; `stop` waits.
    package func end(isRemoved: Bool, within seconds: Double) {
        state.change { state in
            guard state.isRemoved == nil else { return }
            context.end(within: seconds)
            state.isRemoved = isRemoved
        }
    }

    /// Ends the action: what waits is done first, as far as the time suffices. Returns when it is over, or `seconds` have passed;
    /// false in the latter case.
    @discardableResult
    package func stop(isRemoved: Bool, within seconds: Double) -> Bool {
        end(isRemoved: isRemoved, within: seconds)
        let isRunning = state.withLock { $0.isStarted }
        guard isRunning else { return true }
        let deadline = Timestamp.monotonic.adding(seconds: seconds)
        func waits(until time: Timestamp) -> Bool { state.wait(until: time) { $0.isOver ? true : nil } ?? false }
        // The last of the time is for what is broken off.
        var isOver = waits(until: deadline.adding(seconds: -min(0.5, seconds / 4)))
        if !isOver {
            context.stop.stop()
            isOver = waits(until: deadline)
        }
        if !isOver { meter.forget() }
        return isOver
    }

    private enum Job {
        case begin
        case apply([BanChange], since: Timestamp)
        case check, reload, wake
        case end(isRemoved: Bool)
    }

    private func work() {
        var wakeTime: Timestamp? = nil
        var retryTime: Timestamp? = nil
        var delay = limits.firstDelay
        while true {
            let job = next(wake: wakeTime, retry: retryTime)
            let time = now()
            do throws(BanActionError) {
                switch job {
                case .end(let isRemoved): return finish(isRemoved)
                case .begin:
                    try action.start(restoring: holding(), now: time)
                    retryTime = nil
                    delay = limits.firstDelay
                case .apply(let changes, let since):
                    try apply(changes, time)
                    meter.delay.observe(Timestamp.monotonic.seconds(since: since))
                case .check: (action as? any CheckingBanAction)?.check(now: time)
                case .reload: (action as? any CheckingBanAction)?.reload(now: time)
                case .wake: break
                }
                wakeTime = wake(time)
                meter.cut.add(context.takeCut())
                meter.count(failures: context.takeFailures())
                meter.tell(context.problem.map { .degraded($0) } ?? .ok)
            } catch {
                meter.failed()
                if case .apply(let changes, _) = job { meter.count(changes, as: .failed) }
                _ = context.takeFailures()
                meter.tell(.failed("\(error); it is tried again within \(Int(delay.rounded(.up))) s"))
                state.withLock { $0.mustBegin = true }
                retryTime = Timestamp.monotonic.adding(seconds: delay)
                wakeTime = nil
                delay = min(limits.longestDelay, delay * 2)
            }
        }
    }

    /// The next thing to do; waits for it.
    private func next(wake: Timestamp?, retry: Timestamp?) -> Job {
        while true {
            let deadline = retry ?? wake ?? Timestamp.monotonic.adding(seconds: 3600)
            let isWaiting = retry.map { $0 > Timestamp.monotonic } ?? false
            let job = state.wait(until: deadline) { state -> Job? in
                if isWaiting { return state.isRemoved.map { .end(isRemoved: $0) } }
                if let isRemoved = state.isRemoved, state.mustBegin || state.queue.isEmpty {
                    return .end(isRemoved: isRemoved)
                }
                if state.mustBegin {
                    state.mustBegin = false
                    // `holding` is asked after this, and has them.
                    return .begin
                }
                if !state.queue.isEmpty {
                    let batch = Array(state.queue.prefix(limits.largestBatch))
                    state.queue.removeFirst(batch.count)
                    state.byteCount -= batch.reduce(0) { $0 + $1.textSize }
                    meter.queued.set(state.queue.count)
                    return .apply(batch, since: state.since)
                }
                if state.mustReload {
                    state.mustReload = false
                    return .reload
                }
                if state.mustCheck {
                    state.mustCheck = false
                    return .check
                }
                return nil
            }
            if let job { return job }
            if retry == nil, let wake, Timestamp.monotonic >= wake { return .wake }
        }
    }

    private func apply(_ changes: [BanChange], _ time: Double) throws(BanActionError) {
        try action.apply(changes, now: time)
        meter.count(changes, failures: context.takeFailures())
    }

    private func wake(_ time: Double) -> Timestamp? {
        guard let action = action as? any WakingBanAction, let next = action.wake(now: time) else { return nil }
        // At least once a minute: the action's clock may be set.
        return Timestamp.monotonic.adding(seconds: min(60, max(0, next - now())))
    }

    private func finish(_ isRemoved: Bool) {
        action.stop(isRemoved: isRemoved)
        meter.count(failures: context.takeFailures())
        meter.forget()
        state.change { $0.isOver = true }
    }
}
