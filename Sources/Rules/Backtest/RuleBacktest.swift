import Telemetry

/// Rules tried out on what the store has: the real state machine at the slots that there were, with nobody told.
package struct RuleBacktest: Sendable {
    /// A change of an alert.
    package struct Event: Sendable {
        package var group: String
        package var rule: String
        package var transition: AlertTransition
    }

    package struct Summary: Sendable {
        /// Of rules.
        package var evaluations = 0
        package var failures = 0
        /// The first error of each rule that had one.
        package var errors: [(rule: String, error: String)] = []
        /// Whether the rules recorded more than is kept, so that what came later lacks it.
        package var isIncomplete = false
        /// Whether it was ended before its time.
        package var isStopped = false
    }

    private let definitions: [RuleGroupDefinition]
    private let options: RuleOptions
    private let language: RuleLanguage
    private let source: any SampleSource

    /// More evaluations of rules than that are refused.
    package static let mostEvaluations = 2_000_000

    package init(
        _ groups: [RuleGroupDefinition], _ options: RuleOptions, language: RuleLanguage, source: any SampleSource
    ) {
        definitions = groups
        self.options = options
        self.language = language
        self.source = source
    }

    /// How many evaluations of rules a run takes.
    package func evaluations(from start: Int64, through end: Int64) -> Int {
        definitions.reduce(0) { sum, group in
            sum + Int(max(0, end - start) / max(1, group.interval ?? options.evaluationInterval)) * group.rules.count
        }
    }

    /// Evaluates every group at its slots after `start` up to `end`, milliseconds since 1970, and hands on each change.
    package func run(
        from start: Int64, through end: Int64, isStopped: () -> Bool = { false }, _ body: (Event) -> Void
    ) -> Summary {
        var names: Set<String> = ["ALERTS", "ALERTS_FOR_STATE"]
        for group in definitions { for rule in group.rules where rule.kind == .recording { names.insert(rule.name) } }
        let overlay = OverlaySource(source, hiding: names)
        let surroundings = RuleSurroundings(
            language: language, source: overlay, output: overlay, alerts: Nobody(), log: nil)
        var running = definitions.map { definition in
            (
                group: RuleGroup(definition, options, surroundings),
                schedule: GroupSchedule(
                    key: definition.key, interval: definition.interval ?? options.evaluationInterval, start: start)
            )
        }
        var summary = Summary()
        while let index = running.indices.min(by: { running[$0].schedule.next < running[$1].schedule.next }) {
            let slot = running[index].schedule.next
            guard slot <= end else { break }
            if isStopped() {
                summary.isStopped = true
                break
            }
            _ = running[index].schedule.take(at: slot)
            let group = running[index].group
            let outcome = group.evaluate(at: slot)
            summary.evaluations += outcome.evaluations
            summary.failures += outcome.failures
            for change in outcome.changes where !change.error.isEmpty {
                if !summary.errors.contains(where: { $0.rule == change.rule }) {
                    summary.errors.append((change.rule, change.error))
                }
            }
            for (rule, transition) in outcome.transitions {
                body(Event(group: group.definition.name, rule: rule, transition: transition))
            }
        }
        summary.isIncomplete = overlay.isFull
        return summary
    }

    private struct Nobody: AlertSink {
        func take(_ alerts: [AlertNotice]) {}
    }
}
