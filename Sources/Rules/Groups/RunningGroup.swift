import Synchronization
import Telemetry

/// A group while it runs: evaluated by the crew, looked at by others.
final class RunningGroup: Sendable {
    let definition: RuleGroupDefinition
    let options: RuleOptions
    private let group: Mutex<RuleGroup>
    private let schedule: Mutex<GroupSchedule>
    private let snapshot: Mutex<RulesReport.Group>
    private let predecessor: Mutex<RunningGroup?>
    private let counters: RuleGroupMetrics
    private let onProblem: @Sendable (_ group: String, _ rule: String, _ problem: String) -> Void
    private let onEvaluated: @Sendable () -> Void
    private let onTransitions: @Sendable (_ group: String, [AlertTransition]) -> Void
    private let retirement = Mutex<Retirement>(.none)

    private enum Retirement {
        case none
        /// Another has taken its place; it does nothing any more.
        case replaced
        /// It is gone from the files, and ends at this time, milliseconds since 1970, unless it comes back.
        case leaving(Int64)
        case over
    }

    init(
        _ definition: RuleGroupDefinition, _ options: RuleOptions, _ surroundings: RuleSurroundings,
        after predecessor: RunningGroup?, now: Int64, metrics: RuleMetrics,
        builtIn: [String: AlertingRule.BuiltIn] = [:],
        onProblem: @escaping @Sendable (String, String, String) -> Void,
        onTransitions: @escaping @Sendable (String, [AlertTransition]) -> Void = { _, _ in },
        onEvaluated: @escaping @Sendable () -> Void = {}
    ) {
        self.definition = definition
        self.options = options
        self.onProblem = onProblem
        self.onTransitions = onTransitions
        self.onEvaluated = onEvaluated
        let interval = definition.interval ?? options.evaluationInterval
        group = Mutex(RuleGroup(definition, options, surroundings, builtIn: builtIn))
        schedule = Mutex(GroupSchedule(key: definition.key, interval: interval, start: now))
        var report = RulesReport.Group(
            name: definition.name, file: definition.file, interval: interval, limit: definition.limit)
        report.rules = group.withLock { $0.ruleReports }
        snapshot = Mutex(report)
        self.predecessor = Mutex(predecessor)
        counters = metrics.group(definition, interval: interval)
        predecessor?.replace()
    }

    var report: RulesReport.Group { snapshot.withLock { $0 } }

    /// When it next wants to run, seen from `now`, milliseconds since 1970; nil for never.
    func due(at now: Int64) -> Int64? {
        switch retirement.withLock({ $0 }) {
        case .none: return schedule.withLock { $0.due(at: now) }
        case .leaving(let end): return end
        case .replaced, .over: return nil
        }
    }

    /// Takes the slot that is due at `now`, if one is, and evaluates it.
    func run(at now: Int64) {
        switch retirement.withLock({ $0 }) {
        case .none: break
        case .leaving(let end):
            if now >= end { finish(at: now) }
            return
        case .replaced, .over: return
        }
        guard let (slot, missed) = schedule.withLock({ $0.take(at: now) }) else { return }
        counters.miss(missed)
        evaluate(at: slot)
    }

    func evaluate(at slot: Int64) {
        let began = Timestamp.monotonic
        if let old = predecessor.withLock({ $0.take() }) {
            let handover = old.handOver()
            group.withLock { $0.adopt(handover) }
        }
        let outcome = group.withLock { $0.evaluate(at: slot) }
        let seconds = Timestamp.monotonic.seconds(since: began)
        counters.take(outcome, slot: slot, seconds: seconds)
        publish(slot, seconds)
        for change in outcome.changes { onProblem(definition.key, change.rule, change.error) }
        tell(outcome.transitions.map(\.transition))
        onEvaluated()
    }

    private func tell(_ transitions: [AlertTransition]) {
        if !transitions.isEmpty { onTransitions(definition.key, transitions) }
    }

    private func publish(_ slot: Int64, _ seconds: Double) {
        let rules = group.withLock { $0.ruleReports }
        snapshot.withLock {
            $0.rules = rules
            $0.lastEvaluation = slot
            $0.evaluationTime = seconds
        }
    }

    private func handOver() -> RuleGroup.Handover {
        // Where this one never ran, what came before it is still with its own predecessor.
        if let old = predecessor.withLock({ $0.take() }) {
            let handover = old.handOver()
            group.withLock { $0.adopt(handover) }
        }
        return group.withLock { $0.handOver() }
    }

    private func replace() { retirement.withLock { $0 = .replaced } }

    /// Gone from the files: ends in a while, or is taken over when it comes back.
    func leave(at time: Int64) { retirement.withLock { $0 = .leaving(time) } }

    /// It goes on after all.
    func stay() {
        retirement.withLock { state in
            if case .leaving = state { state = .none }
        }
    }

    var isOver: Bool {
        switch retirement.withLock({ $0 }) {
        case .replaced, .over: true
        case .none, .leaving: false
        }
    }

    private func finish(at now: Int64) {
        let isLeaving = retirement.withLock { state in
            guard case .leaving = state else { return false }
            state = .over
            return true
        }
        guard isLeaving else { return }
        if let old = predecessor.withLock({ $0.take() }) {
            let handover = old.handOver()
            group.withLock { $0.adopt(handover) }
        }
        tell(group.withLock { $0.end(at: now) })
        counters.remove()
    }
}

extension Optional {
    /// What is there, which then is no more.
    fileprivate mutating func take() -> Wrapped? {
        defer { self = nil }
        return self
    }
}
