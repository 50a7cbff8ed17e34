import Synchronization
import Telemetry

/// What an action shares with the lane that calls it: when it has to end, and what went wrong. Safe from any thread.
package final class ActionContext: Sendable {
    private struct Report {
        var failures: [BanChange.Kind: Int] = [:]
        var problem: String?
        var cut = 0
    }

    /// As the action's `name`.
    package let name: String
    /// Stopped when what waits is to be broken off.
    package let stop = StopToken()
    /// On the monotonic clock; `Int64.max` as long as nothing ends.
    private let end = Atomic<Int64>(.max)
    private let report = Mutex(Report())

    package init(name: String) { self.name = name }

    /// Only what must be done before the end is done from now on.
    package var isEnding: Bool { end.load(ordering: .acquiring) != .max }

    /// By when everything has to be over, on the monotonic clock.
    package var deadline: Timestamp { Timestamp(nanoseconds: end.load(ordering: .acquiring)) }

    package func end(within seconds: Double) {
        end.store(Timestamp.monotonic.adding(seconds: seconds).nanoseconds, ordering: .releasing)
    }

    /// A change that could not be made, where the action goes on all the same.
    package func failed(_ kind: BanChange.Kind, _ problem: String) {
        report.withLock {
            $0.failures[kind, default: 0] += 1
            $0.problem = problem
        }
    }

    /// A change that waits without its lines, for want of room.
    package func cut() { report.withLock { $0.cut += 1 } }

    /// What is wrong until something succeeds.
    package func trouble(_ problem: String?) { report.withLock { $0.problem = problem } }

    package var problem: String? { report.withLock { $0.problem } }

    /// The changes that failed since this was last asked.
    func takeFailures() -> [BanChange.Kind: Int] {
        report.withLock { report in
            defer { report.failures = [:] }
            return report.failures
        }
    }

    /// So many were cut since this was last asked.
    func takeCut() -> Int {
        report.withLock { report in
            defer { report.cut = 0 }
            return report.cut
        }
    }
}

extension BanChange {
    package enum Kind: String, Sendable, CaseIterable {
        case ban, prolong, unban
    }

    package var kind: Kind {
        switch self {
        case .ban: .ban
        case .prolong: .prolong
        case .unban: .unban
        }
    }
}

/// An action with work of its own time: requests that are tried again, changes that are written together.
package protocol WakingBanAction: BanAction {
    /// Does what has become due, and returns when there is more to do; nil where only a change brings that. Called on the lane's
    /// thread after every batch and at the time returned; it does a second's work or so at a time, for the sake of what
    /// has changed meanwhile.
    func wake(now: Double) -> Double?
}

/// An action that looks after what it made.
package protocol CheckingBanAction: BanAction {
    /// A banned address still reaches this host: looks whether what enforces the bans is there, and mends it.
    func check(now: Double)

    /// The configuration was read again, and this action is in it as before.
    func reload(now: Double)
}
