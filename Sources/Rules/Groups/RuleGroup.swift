import Telemetry

/// A group's rules and how an evaluation goes through them, one after the other, each seeing what those before it wrote
/// (Prometheus `rules/group.go`). For one thread at a time.
final class RuleGroup {
    private enum Rule {
        case recording(RecordingRule)
        case alerting(AlertingRule)
    }

    /// What a rule of the group before a reload leaves to one of the same name and labels after it.
    struct Handover: Sendable {
        struct Rule: Sendable {
            var identity: String
            var key: String
            var definition: RuleDefinition
            var alerts: AlertSet
            var watch: AbsenceWatch
            var output: RuleOutput
            var status: RuleStatus
        }

        var rules: [Rule]
        var lastEvaluation: Int64?
    }

    /// What an evaluation did, for metrics and the log.
    struct Outcome {
        var evaluations = 0
        var failures = 0
        /// Samples written, stale markers not counted.
        var samples = 0
        var durations: [Double] = []
        var transitions: [(rule: String, transition: AlertTransition)] = []
        /// Of rules that failed and did not before, or the other way round (empty).
        var changes: [(rule: String, error: String)] = []
    }

    let definition: RuleGroupDefinition
    let options: RuleOptions
    private let surroundings: RuleSurroundings
    private let prepare: RuleLanguage.Preparer
    private var rules: [Rule] = []
    /// Left over from before a reload; ended at the next evaluation.
    private var leftovers: [AlertingRule] = []
    private var orphans: [RuleOutput] = []
    private var batch = SeriesBatch()
    private var lastEvaluation: Int64?

    var interval: Int64 { definition.interval ?? options.evaluationInterval }
    private var queryOffset: Int64 { definition.queryOffset ?? options.queryOffset }

    /// - Parameter builtIn: what an alerting rule finds, by its name, where no query says so.
    init(
        _ definition: RuleGroupDefinition, _ options: RuleOptions, _ surroundings: RuleSurroundings,
        builtIn: [String: AlertingRule.BuiltIn] = [:]
    ) {
        self.definition = definition
        self.options = options
        self.surroundings = surroundings
        let prepare = surroundings.language.makePreparer()
        self.prepare = prepare
        var ordinals: [String: Int] = [:]
        for rule in definition.rules {
            let identity = rule.identity
            let ordinal = ordinals[identity, default: 0]
            ordinals[identity] = ordinal + 1
            let key = RuleKey.of(rule, group: definition.key, ordinal: ordinal)
            switch rule.kind {
            case .recording: rules.append(.recording(RecordingRule(rule, prepare)))
            case .alerting:
                let made = AlertingRule(rule, key: key, surroundings, prepare, builtIn: builtIn[rule.name])
                if let (saved, last) = surroundings.log?.saved(key, group: definition.key) {
                    made.restore(saved, lastEvaluation: last)
                }
                rules.append(.alerting(made))
            }
        }
    }

    /// Evaluates all rules as of `slot`, milliseconds since 1970.
    func evaluate(at slot: Int64) -> Outcome {
        var outcome = Outcome()
        let moment = moment(slot)
        for rule in rules {
            batch.removeAll()
            let began = Timestamp.monotonic
            var failure = ""
            do {
                switch rule {
                case .recording(let rule):
                    try rule.evaluate(
                        at: moment.queryTime, limit: definition.limit, in: surroundings, into: &batch)
                case .alerting(let rule):
                    let transitions = try rule.evaluate(moment, into: &batch)
                    outcome.transitions += transitions.map { (rule.definition.name, $0) }
                }
            } catch {
                failure = "\(error)"
            }
            if !batch.samples.isEmpty { surroundings.output.append(batch) }
            let seconds = Timestamp.monotonic.seconds(since: began)
            outcome.evaluations += 1
            outcome.durations.append(seconds)
            outcome.samples += batch.samples.count { !StaleMarker.isStale($0.value) }
            if !failure.isEmpty { outcome.failures += 1 }
            note(rule, failure, seconds, slot, &outcome)
        }
        outcome.transitions += endLeftovers(moment)
        if let log = surroundings.log, rules.contains(where: Self.hasState) {
            log.mark(group: definition.key, at: slot)
        }
        lastEvaluation = slot
        return outcome
    }

    /// Ends everything as the group is no more: stale markers, and firing alerts are told to have ended.
    /// Returns what became of them.
    func end(at time: Int64) -> [AlertTransition] {
        let moment = moment(time)
        for rule in rules {
            switch rule {
            case .recording(let rule): orphans.append(rule.output)
            case .alerting(let rule): leftovers.append(rule)
            }
        }
        rules = []
        return endLeftovers(moment).map(\.transition)
    }

    /// What a group that takes this one's place goes on with; this one has nothing afterwards.
    func handOver() -> Handover {
        defer { rules = [] }
        return Handover(
            rules: rules.map { rule in
                switch rule {
                case .recording(let rule):
                    Handover.Rule(
                        identity: rule.definition.identity, key: "", definition: rule.definition, alerts: AlertSet(),
                        watch: AbsenceWatch(), output: rule.output, status: rule.status)
                case .alerting(let rule):
                    Handover.Rule(
                        identity: rule.definition.identity, key: rule.key, definition: rule.definition,
                        alerts: rule.alerts, watch: rule.watch, output: rule.output, status: rule.status)
                }
            }, lastEvaluation: lastEvaluation)
    }

    /// Goes on where another left off: rules are matched by name and labels, in their order.
    func adopt(_ handover: Handover) {
        var old = handover.rules
        lastEvaluation = handover.lastEvaluation
        for rule in rules {
            switch rule {
            case .recording(let rule):
                guard let index = old.firstIndex(where: { $0.identity == rule.definition.identity }) else { continue }
                let left = old.remove(at: index)
                rule.output = left.output
                rule.status = left.status
            case .alerting(let rule):
                guard let index = old.firstIndex(where: { $0.identity == rule.definition.identity }) else { continue }
                let left = old.remove(at: index)
                rule.adopt(alerts: left.alerts, watch: left.watch, output: left.output, status: left.status)
            }
        }
        for left in old {
            if left.key.isEmpty {
                orphans.append(left.output)
            } else {
                let rule = AlertingRule(left.definition, key: left.key, surroundings, prepare)
                rule.adopt(alerts: left.alerts, watch: left.watch, output: left.output, status: left.status)
                leftovers.append(rule)
            }
        }
    }

    private static func hasState(_ rule: Rule) -> Bool {
        if case .alerting(let rule) = rule { !rule.alerts.alerts.isEmpty } else { false }
    }

    private func moment(_ slot: Int64) -> AlertingRule.Moment {
        AlertingRule.Moment(
            time: slot, queryTime: slot - queryOffset, interval: interval, limit: definition.limit, options: options)
    }

    private func endLeftovers(
        _ moment: AlertingRule.Moment
    ) -> [(rule: String, transition: AlertTransition)] {
        guard !leftovers.isEmpty || !orphans.isEmpty else { return [] }
        batch.removeAll()
        var transitions: [(rule: String, transition: AlertTransition)] = []
        for rule in leftovers {
            rule.end(moment, into: &batch)
            transitions += rule.alerts.transitions.map { (rule.definition.name, $0) }
        }
        for index in orphans.indices { orphans[index].end(at: moment.queryTime, into: &batch) }
        leftovers = []
        orphans = []
        if !batch.samples.isEmpty { surroundings.output.append(batch) }
        return transitions
    }

    private func note(_ rule: Rule, _ failure: String, _ seconds: Double, _ slot: Int64, _ outcome: inout Outcome) {
        func update(_ status: inout RuleStatus, _ name: String) {
            if status.lastError != failure { outcome.changes.append((name, failure)) }
            status.health = failure.isEmpty ? .ok : .err
            status.lastError = failure
            status.evaluationTime = seconds
            status.lastEvaluation = slot
        }
        switch rule {
        case .recording(let rule): update(&rule.status, rule.definition.name)
        case .alerting(let rule): update(&rule.status, rule.definition.name)
        }
    }

    /// How its rules are doing.
    var ruleReports: [RulesReport.Rule] {
        rules.map { rule in
            switch rule {
            case .recording(let rule): RulesReport.Rule(definition: rule.definition, status: rule.status, alerts: [:])
            case .alerting(let rule):
                RulesReport.Rule(definition: rule.definition, status: rule.status, alerts: rule.alerts.alerts)
            }
        }
    }
}
