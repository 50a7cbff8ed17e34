import Synchronization
import Telemetry

/// Lets only so many bans a minute through, so that a filter gone wrong, or somebody who makes the host ban others, is seen before
/// thousands are kept out. What is beyond waits and is told once a minute. Safe from any thread.
///
/// Jails take turns: the next ban is the oldest of the jail, among those with bans that wait, whose last turn was the longest ago. So one that
/// is flooded delays the others by a ban of its own at a time. Bans of people, of lists, and those from before the start are never held.
package final class BanThrottle: Sendable {
    /// What waits of one jail, in the order it came. Stays when it is empty, for the turn: there are no more than jails.
    private struct Queue {
        private var bans: [Ban] = []
        private var first = 0
        /// The number of the last ban that was let through; 0 for none.
        var turn: UInt64 = 0

        var count: Int { bans.count - first }
        mutating func append(_ ban: Ban) { bans.append(ban) }

        /// There must be one.
        mutating func removeFirst() -> Ban {
            let ban = bans[first]
            first += 1
            if 2 * first > bans.count {
                bans.removeFirst(first)
                first = 0
            }
            return ban
        }

        /// Returns those that were removed.
        mutating func remove(_ target: BanTarget) -> [Ban] {
            guard bans[first...].contains(where: { $0.target == target }) else { return [] }
            let gone = bans[first...].filter { $0.target == target }
            bans = bans[first...].filter { $0.target != target }
            first = 0
            return gone
        }
    }

    private struct State {
        var tokens: Double
        var last: Double?
        /// By jails.
        var queues: [String: Queue] = [:]
        /// In all of them.
        var waiting = 0
        /// Of the lines and groups of those.
        var byteCount = 0
        /// Bans let through so far, of those that may be held.
        var turns: UInt64 = 0
        var told = -Double.infinity
    }

    private let perMinute: Double
    private let mostWaiting: Int
    /// So many of one jail may wait whatever waits of others.
    private let share: Int
    private let state: Mutex<State>
    /// Beyond so many bytes bans wait without their lines and groups, which are on disk by then.
    private static let mostBytes = 2 << 20
    private let waitingGauge: Gauge
    private let dropped: Counter
    private let note: @Sendable (String) -> Void

    /// - Parameters:
    ///   - perMinute: that come at once, and again each minute. 1,000 is more than hosts ban under attack from botnets.
    ///   - mostWaiting: beyond which bans are not kept, but for a tenth of it that each jail may have in any case; who is not banned fails again
    ///     and comes back.
    package init(
        perMinute: Int = 1000, mostWaiting: Int = 10_000, metrics: MetricRegistry,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.perMinute = Double(max(1, perMinute))
        self.mostWaiting = max(0, mostWaiting)
        share = (max(0, mostWaiting) + 9) / 10
        state = Mutex(State(tokens: Double(max(1, perMinute))))
        waitingGauge = metrics.gauge("f2b_bans_waiting", help: "Bans that wait, as there are too many a minute.")
        dropped = metrics.counter(
            "f2b_bans_dropped_total", help: "Bans that were not made, as too many were waiting already.")
        self.note = note
    }

    /// Whether any wait.
    package var isHolding: Bool { state.withLock { $0.waiting > 0 } }

    /// Those of `bans` that are to be made now; the others wait. `now` in seconds, of any clock that goes on evenly.
    package func admit(_ bans: [Ban], now: Double) -> [Ban] {
        let (admitted, text) = state.withLock { state -> ([Ban], String?) in
            refill(&state, now)
            var admitted: [Ban] = []
            var lost = 0
            for ban in bans {
                if !isHeld(ban) {
                    admitted.append(ban)
                } else if state.waiting == 0, state.tokens >= 1 {
                    state.tokens -= 1
                    state.turns += 1
                    state.queues[ban.jail, default: Queue()].turn = state.turns
                    admitted.append(ban)
                } else if canWait(state, ban.jail) {
                    var ban = ban
                    let size = BanTexts.size(matches: ban.matches, groups: ban.groups)
                    if state.byteCount + size <= Self.mostBytes {
                        state.byteCount += size
                    } else {
                        (ban.matches, ban.groups) = ([], [:])
                    }
                    state.waiting += 1
                    state.queues[ban.jail, default: Queue()].append(ban)
                } else {
                    lost += 1
                }
            }
            dropped.add(lost)
            waitingGauge.set(state.waiting)
            return (admitted, state.waiting == 0 && lost == 0 ? nil : warning(&state, now))
        }
        if let text { note(text) }
        return admitted
    }

    /// Whether one more new ban of a jail can be made or can wait; where not, it is counted as dropped.
    package func hasRoom(_ jail: String, now: Double) -> Bool {
        let (hasRoom, text) = state.withLock { state -> (Bool, String?) in
            if canWait(state, jail) { return (true, nil) }
            refill(&state, now)
            if state.waiting == 0, state.tokens >= 1 { return (true, nil) }
            dropped.add()
            return (false, warning(&state, now))
        }
        if let text { note(text) }
        return hasRoom
    }

    private func canWait(_ state: State, _ jail: String) -> Bool {
        state.waiting < mostWaiting || state.queues[jail]?.count ?? 0 < share
    }

    /// What is told, once a minute.
    private func warning(_ state: inout State, _ now: Double) -> String? {
        guard now - state.told >= 60 else { return nil }
        state.told = now
        return
            "more than \(Int(perMinute)) bans within a minute: \(state.waiting) wait, \(dropped.current) were dropped since the start; look whether a filter takes others for attackers"
    }

    /// Those whose turn it is and whose time is not over at `wallClock`, seconds since 1970; those that are over are counted as dropped.
    package func due(now: Double, wallClock: Double) -> [Ban] {
        state.withLock { state in
            refill(&state, now)
            guard state.waiting > 0 else { return [] }
            var due: [Ban] = []
            while state.tokens >= 1, let jail = next(state), let ban = state.queues[jail]?.removeFirst() {
                leave(ban, &state)
                guard ban.remaining(at: wallClock) > 0 else {
                    dropped.add()
                    continue
                }
                state.tokens -= 1
                state.turns += 1
                state.queues[jail]?.turn = state.turns
                due.append(ban)
            }
            waitingGauge.set(state.waiting)
            return due
        }
    }

    /// The jail whose turn it is; nil where nothing waits. O(jails).
    private func next(_ state: State) -> String? {
        var next: (jail: String, turn: UInt64)?
        for (jail, queue) in state.queues where queue.count > 0 {
            // Names decide between jails that have had none, so that the order is always the same.
            if let next, (next.turn, next.jail) < (queue.turn, jail) { continue }
            next = (jail, queue.turn)
        }
        return next?.jail
    }

    /// Forgets what waits of this target in a jail.
    ///
    /// - Parameter isOver: its time is; it is counted as dropped then.
    /// - Returns: whether there was any.
    @discardableResult
    package func cancel(_ target: BanTarget, jail: String, isOver: Bool = false) -> Bool {
        state.withLock { state in
            guard state.waiting > 0, let gone = state.queues[jail]?.remove(target), !gone.isEmpty else { return false }
            for ban in gone { leave(ban, &state) }
            if isOver { dropped.add(gone.count) }
            waitingGauge.set(state.waiting)
            return true
        }
    }

    private func leave(_ ban: Ban, _ state: inout State) {
        state.waiting -= 1
        state.byteCount -= BanTexts.size(matches: ban.matches, groups: ban.groups)
    }

    private func isHeld(_ ban: Ban) -> Bool {
        if ban.isRestored { return false }
        switch ban.origin {
        case .failures, .peer: return true
        case .manual, .list: return false
        }
    }

    private func refill(_ state: inout State, _ now: Double) {
        if let last = state.last, now > last {
            state.tokens = min(perMinute, state.tokens + (now - last) * perMinute / 60)
        }
        state.last = max(state.last ?? now, now)
    }
}
