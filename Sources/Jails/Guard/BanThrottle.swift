import Synchronization
import Telemetry

/// Lets only so many bans a minute through, so that a filter gone wrong, or somebody who makes the host ban others, is seen before
/// thousands are kept out. What is beyond waits in the order it came and is told once a minute. Safe from any thread.
///
/// Bans of people, of lists, and those from before the start are never held.
package final class BanThrottle: Sendable {
    private struct State {
        var tokens: Double
        var last: Double?
        var waiting: [Ban] = []
        /// Of the lines and groups of those.
        var byteCount = 0
        var told = -Double.infinity
    }

    private let perMinute: Double
    private let mostWaiting: Int
    private let state: Mutex<State>
    /// Beyond so many bytes bans wait without their lines and groups, which are on disk by then.
    private static let mostBytes = 2 << 20
    private let waitingGauge: Gauge
    private let dropped: Counter
    private let note: @Sendable (String) -> Void

    /// - Parameters:
    ///   - perMinute: that come at once, and again each minute. 1,000 is more than hosts ban under attack from botnets.
    ///   - mostWaiting: beyond which bans are not kept; who is not banned fails again and comes back.
    package init(
        perMinute: Int = 1000, mostWaiting: Int = 10_000, metrics: MetricRegistry,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.perMinute = Double(max(1, perMinute))
        self.mostWaiting = max(0, mostWaiting)
        state = Mutex(State(tokens: Double(max(1, perMinute))))
        waitingGauge = metrics.gauge("f2b_bans_waiting", help: "Bans that wait, as there are too many a minute.")
        dropped = metrics.counter(
            "f2b_bans_dropped_total", help: "Bans that were not made, as too many were waiting already.")
        self.note = note
    }

    /// Whether any wait.
    package var isHolding: Bool { state.withLock { !$0.waiting.isEmpty } }

    /// Those of `bans` that are to be made now; the others wait. `now` in seconds, of any clock that goes on evenly.
    package func admit(_ bans: [Ban], now: Double) -> [Ban] {
        let (admitted, text) = state.withLock { state -> ([Ban], String?) in
            refill(&state, now)
            var admitted: [Ban] = []
            var lost = 0
            for ban in bans {
                if !isHeld(ban) {
                    admitted.append(ban)
                } else if state.waiting.isEmpty, state.tokens >= 1 {
                    state.tokens -= 1
                    admitted.append(ban)
                } else if state.waiting.count < mostWaiting {
                    var ban = ban
                    let size = BanTexts.size(matches: ban.matches, groups: ban.groups)
                    if state.byteCount + size <= Self.mostBytes {
                        state.byteCount += size
                    } else {
                        (ban.matches, ban.groups) = ([], [:])
                    }
                    state.waiting.append(ban)
                } else {
                    lost += 1
                }
            }
            dropped.add(lost)
            waitingGauge.set(state.waiting.count)
            return (admitted, state.waiting.isEmpty && lost == 0 ? nil : warning(&state, now))
        }
        if let text { note(text) }
        return admitted
    }

    /// Whether one more new ban can be made or can wait; where not, it is counted as dropped.
    package func hasRoom(now: Double) -> Bool {
        let (hasRoom, text) = state.withLock { state -> (Bool, String?) in
            guard state.waiting.count >= mostWaiting else { return (true, nil) }
            refill(&state, now)
            if state.waiting.isEmpty, state.tokens >= 1 { return (true, nil) }
            dropped.add()
            return (false, warning(&state, now))
        }
        if let text { note(text) }
        return hasRoom
    }

    /// What is told, once a minute.
    private func warning(_ state: inout State, _ now: Double) -> String? {
        guard now - state.told >= 60 else { return nil }
        state.told = now
        return
            "more than \(Int(perMinute)) bans within a minute: \(state.waiting.count) wait, \(dropped.current) were dropped since the start; look whether a filter takes others for attackers"
    }

    /// Those that have waited long enough and whose time is not over at `wallClock`, seconds since 1970.
    package func due(now: Double, wallClock: Double) -> [Ban] {
        state.withLock { state in
            refill(&state, now)
            guard !state.waiting.isEmpty else { return [] }
            var (due, index): ([Ban], Int) = ([], 0)
            while index < state.waiting.count {
                let ban = state.waiting[index]
                if ban.remaining(at: wallClock) > 0 {
                    guard state.tokens >= 1 else { break }
                    state.tokens -= 1
                    due.append(ban)
                }
                index += 1
            }
            for ban in state.waiting[..<index] { Self.leave(ban, &state) }
            state.waiting.removeFirst(index)
            waitingGauge.set(state.waiting.count)
            return due
        }
    }

    /// Forgets what waits of this target; nil as jail for all jails. Returns whether there was any.
    @discardableResult
    package func cancel(_ target: BanTarget, jail: String?) -> Bool {
        state.withLock { state in
            let before = state.waiting.count
            let gone = state.waiting.indices.filter {
                state.waiting[$0].target == target && (jail == nil || state.waiting[$0].jail == jail)
            }
            for index in gone.reversed() { Self.leave(state.waiting.remove(at: index), &state) }
            waitingGauge.set(state.waiting.count)
            return state.waiting.count < before
        }
    }

    private static func leave(_ ban: Ban, _ state: inout State) {
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
