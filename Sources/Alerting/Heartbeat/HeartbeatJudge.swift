import Rules
import Telemetry

/// Whether the agent really keeps watch: rules are evaluated on time, and notifications leave. Times are milliseconds since
/// 1970, and come in.
package struct HeartbeatJudge: Sendable {
    /// Why there is no heartbeat.
    package struct Trouble: Sendable, Equatable {
        package enum Kind: String, Sendable, CaseIterable {
            case rules, delivery, outbox
        }

        package var kind: Kind
        /// A sentence.
        package var reason: String
    }

    /// A group of rules.
    package struct Group: Sendable {
        package var name: String
        package var interval: Int64
        /// nil before the first.
        package var lastEvaluation: Int64?

        package init(name: String, interval: Int64, lastEvaluation: Int64?) {
            self.name = name
            self.interval = interval
            self.lastEvaluation = lastEvaluation
        }
    }

    /// What waits in alerting.
    package struct Backlog: Sendable {
        /// Since when the oldest notification has been under way.
        package var oldest: Int64?
        /// Since when something is to be done that nobody does.
        package var due: Int64?
        /// The longest time for which a notification is tried.
        package var longestDelivery: Int64 = 0

        package init() {}
    }

    /// Of each group its interval, and when it was evaluated or first seen.
    private var known: [String: (interval: Int64, time: Int64)] = [:]
    /// Milliseconds for which deliveries may fail or hang.
    private let failingFor: Int64
    /// A group may be late by so many of its intervals, and this many milliseconds.
    private static let intervals: Int64 = 3
    private static let patience: Int64 = 10_000

    package init(failingFor: Int64) { self.failingFor = failingFor }

    /// What is wrong at `now`; nothing where all is well.
    package mutating func troubles(
        groups: [Group], backlog: Backlog, failures: [DeliveryHealth.Failure], at now: Int64
    ) -> [Trouble] {
        var troubles: [Trouble] = []
        var current: [String: (interval: Int64, time: Int64)] = [:]
        for group in groups {
            var time = group.lastEvaluation ?? .min
            // A group that was reloaded goes on where it was, with another interval from now on.
            if let before = known[group.name], before.interval == group.interval { time = max(time, before.time) }
            if time == .min { time = now }
            current[group.name] = (group.interval, time)
            let late = now - time
            guard late > Self.intervals * group.interval + Self.patience else { continue }
            troubles.append(
                Trouble(
                    kind: .rules,
                    reason: "the rules of \(group.name) were last evaluated \(Self.text(late)) ago, expected every "
                        + Self.text(group.interval)))
        }
        known = current
        if !groups.contains(where: { $0.lastEvaluation != nil }) {
            troubles.append(Trouble(kind: .rules, reason: "no rules have been evaluated yet"))
        }
        for failure in failures where failure.isLasting(for: failingFor, backlog.longestDelivery, at: now) {
            troubles.append(
                Trouble(
                    kind: .delivery,
                    reason: "\(failure.receiver)/\(failure.integration) has been failing for "
                        + "\(Self.text(now - failure.since)): \(failure.error)"))
        }
        if let oldest = backlog.oldest, now - oldest > backlog.longestDelivery + failingFor {
            troubles.append(
                Trouble(
                    kind: .outbox, reason: "a notification has been under way for \(Self.text(now - oldest))"))
        }
        if let due = backlog.due, now - due > failingFor {
            troubles.append(
                Trouble(kind: .outbox, reason: "groups of alerts have been waiting for \(Self.text(now - due))"))
        }
        return troubles
    }

    private static func text(_ milliseconds: Int64) -> String {
        PrometheusDuration.text(milliseconds >= 1000 ? milliseconds / 1000 * 1000 : milliseconds)
    }
}

extension AlertDispatcher {
    /// What waits, for a heartbeat.
    package var backlog: HeartbeatJudge.Backlog {
        read { engine, now in
            var backlog = HeartbeatJudge.Backlog()
            backlog.oldest = engine.underWay.values.compactMap { engine.state.attempts[$0.key]?.since }.min()
            let wake = engine.nextWake
            if wake < now { backlog.due = wake }
            backlog.longestDelivery = engine.tree.routes.reduce(AlertingEngine.shortestFlush) {
                max($0, $1.groupInterval)
            }
            return backlog
        }
    }
}
