import Bytes
import Configuration
import Synchronization
import Telemetry

/// All rule groups of the agent: evaluates them at their times, keeps their alerts' state, hands alerts on.
///
/// Safe from any thread. `apply` touches only groups that changed, and those keep the state of the rules that stay. A group
/// that cannot be loaded leaves the others alone: what was loaded of it before goes on, and `RuleLoadFailed` tells.
package final class RuleGroups: Sendable {
    private struct State {
        var groups: [RunningGroup] = []
        /// Gone from the files, and to end soon.
        var leaving: [RunningGroup] = []
        var builtIn: RunningGroup?
        var options = RuleOptions()
        var hasApplied = false
        var hasStopped = false
    }

    private let state = Mutex(State())
    private let language: RuleLanguage
    private let surroundings: RuleSurroundings
    private let log: AlertStateLog
    private let crew: RuleCrew
    private let metrics: RuleMetrics
    private let builtIns = BuiltInAlerts()
    private let now: @Sendable () -> Int64
    private let runsByItself: Bool
    private let readiness: Readiness?
    private let onProblem: @Sendable (_ group: String, _ rule: String, _ problem: String) -> Void
    private let onTransitions: @Sendable (_ group: String, [AlertTransition]) -> Void

    /// Reads the state that was kept in `directory`, `alerts/` of the state directory.
    ///
    /// - Parameters:
    ///   - source: what expressions are evaluated on.
    ///   - output: where recorded series and `ALERTS` go; what it takes has to show in `source` at once.
    ///   - alerts: who is told of alerts.
    ///   - readiness: told of what is wrong, as part `rules`.
    ///   - now: the wall clock, milliseconds since 1970.
    ///   - runsByItself: whether threads evaluate the groups at their slots; else `evaluate(at:)` does.
    ///   - onTransitions: told of what became of a group's alerts at an evaluation.
    ///   - onProblem: told of a rule's error when it is another than before, empty when it is gone.
    package init(
        directory: String, language: RuleLanguage, source: any SampleSource, output: any SampleSink,
        alerts: any AlertSink, metrics: MetricRegistry, readiness: Readiness? = nil,
        now: @escaping @Sendable () -> Int64 = { Timestamp.now.milliseconds },
        runsByItself: Bool = true, faults: DiskFaults = DiskFaults(),
        onTransitions: @escaping @Sendable (String, [AlertTransition]) -> Void = { _, _ in },
        onProblem: @escaping @Sendable (String, String, String) -> Void = { _, _, _ in }
    ) {
        log = AlertStateLog(directory: directory, faults: faults)
        self.language = language
        surroundings = RuleSurroundings(
            language: language, source: source, output: output, alerts: alerts, log: log)
        self.now = now
        self.runsByItself = runsByItself
        self.readiness = readiness
        self.onProblem = onProblem
        self.onTransitions = onTransitions
        self.metrics = RuleMetrics(metrics)
        crew = RuleCrew(now: now)
        for trouble in log.trouble { onProblem("", "", trouble) }
        for state in ["pending", "firing"] {
            metrics.computed(
                "tocsin_rule_alerts", help: "Alerts by state.", ["alertstate": state]
            ) { [weak self] in Double(self?.count(state) ?? 0) }
        }
        metrics.computed(
            "tocsin_rule_load_failures", help: "Rule files and groups that cannot be loaded now."
        ) { [builtIns] in Double(builtIns.count) }
        metrics.computed(
            "tocsin_rule_state_write_failed", help: "Whether the last change of alerts' states could not be written."
        ) { [log] in log.failure == nil ? 0 : 1 }
    }

    /// Brings what runs into line with these files.
    package func apply(_ files: [RuleFile], _ options: RuleOptions) {
        state.withLock { state in
            guard !state.hasStopped else { return }
            let now = now()
            var old = Dictionary(
                (state.leaving + state.groups).map { ($0.definition.key, $0) }, uniquingKeysWith: { _, new in new })
            var kept: [RunningGroup] = []
            var failures: [BuiltInAlerts.LoadFailure] = []
            for file in files {
                for definition in file.groups { kept.append(run(definition, options, &old, &state, now)) }
                for failure in file.failures { keep(file, failure, &old, &kept, &failures) }
            }
            builtIns.replace(failures)
            tellReadiness()
            state.leaving = state.leaving.filter { !$0.isOver && old[$0.definition.key] === $0 }
            for group in state.groups where old[group.definition.key] === group {
                group.leave(at: now + 2 * (group.definition.interval ?? group.options.evaluationInterval))
                state.leaving.append(group)
            }
            if state.builtIn == nil || state.options != options {
                state.builtIn = makeBuiltIn(options, after: state.builtIn, now)
            }
            state.groups = kept
            state.options = options
            if !state.hasApplied {
                state.hasApplied = true
                endStrangers(state, failures, now)
            }
            guard runsByItself else { return }
            crew.replace(state.groups + state.leaving + (state.builtIn.map { [$0] } ?? []))
        }
    }

    private func run(
        _ definition: RuleGroupDefinition, _ options: RuleOptions, _ old: inout [String: RunningGroup],
        _ state: inout State, _ now: Int64
    ) -> RunningGroup {
        let before = old.removeValue(forKey: definition.key)
        let isLeaving = state.leaving.contains { $0 === before }
        if let before, !isLeaving, before.definition == definition, before.options == options { return before }
        return RunningGroup(
            definition, options, surroundings, after: before.flatMap { $0.isOver ? nil : $0 }, now: now,
            metrics: metrics, onProblem: onProblem, onTransitions: onTransitions,
            onEvaluated: { [weak self] in self?.tellReadiness() })
    }

    /// What could not be loaded goes on as it was.
    private func keep(
        _ file: RuleFile, _ failure: RuleFile.Failure, _ old: inout [String: RunningGroup],
        _ kept: inout [RunningGroup], _ failures: inout [BuiltInAlerts.LoadFailure]
    ) {
        var keepsOld = false
        for (key, group) in old where group.definition.file == file.path {
            guard failure.group == nil || failure.group == group.definition.name, !group.isOver else { continue }
            if case .some = old.removeValue(forKey: key) {
                kept.append(group)
                group.stay()
                keepsOld = true
            }
        }
        let problem = failure.problems.prefix(3).map(\.description).joined(separator: "; ")
        let entry = BuiltInAlerts.LoadFailure(
            file: file.path, group: failure.group ?? "", problem: problem, keepsOld: keepsOld)
        // Two groups of one file may lack a name.
        if !failures.contains(where: { ($0.file, $0.group) == (entry.file, entry.group) }) { failures.append(entry) }
    }

    private func makeBuiltIn(_ options: RuleOptions, after old: RunningGroup?, _ now: Int64) -> RunningGroup {
        RunningGroup(
            BuiltInAlerts.definition, options, surroundings, after: old, now: now, metrics: metrics,
            builtIn: [
                BuiltInAlerts.loadFailed: { [builtIns] in builtIns.loadFindings() },
                BuiltInAlerts.evaluationFailing: { [weak self] in
                    self.map { BuiltInAlerts.evaluationFindings($0.report) } ?? []
                },
            ], onProblem: onProblem, onTransitions: onTransitions, onEvaluated: { [weak self] in self?.tellReadiness() }
        )
    }

    /// Of rules that went while the agent was down: their firing alerts are told to have ended. Those of files and groups that
    /// only cannot be loaded now are kept.
    private func endStrangers(_ state: State, _ failures: [BuiltInAlerts.LoadFailure], _ now: Int64) {
        var known: Set<String> = []
        for group in state.groups + (state.builtIn.map { [$0] } ?? []) {
            var ordinals: [String: Int] = [:]
            for rule in group.definition.rules {
                let ordinal = ordinals[rule.identity, default: 0]
                ordinals[rule.identity] = ordinal + 1
                known.insert(RuleKey.of(rule, group: group.definition.key, ordinal: ordinal))
            }
        }
        for (key, saved) in log.rules where !known.contains(key) {
            let group = RuleKey.group(of: key)
            let mayReturn = failures.contains { failure in
                failure.group.isEmpty
                    ? group.hasPrefix(failure.file + ";")
                    : group == RuleGroupDefinition.key(file: failure.file, name: failure.group)
            }
            if mayReturn { continue }
            let notices = saved.alerts.values.compactMap { alert -> AlertNotice? in
                guard case .firing(let since, _) = alert.state else { return nil }
                return AlertNotice(
                    labels: alert.labels, annotations: alert.annotations, state: .resolved, startsAt: since,
                    endsAt: now,
                    generatorURL: "", value: alert.value)
            }
            if !notices.isEmpty { surroundings.alerts.take(notices) }
            log.remove(key)
        }
    }

    /// Ends everything; waits for evaluations that run for at most `deadline` seconds. Writes no stale markers and resolves
    /// nothing, as the next start goes on.
    package func stop(deadline: Double = 4) {
        state.withLock { $0.hasStopped = true }
        crew.stop(within: deadline)
    }

    /// All groups as their last evaluations left them.
    package var report: RulesReport { RulesReport(groups: state.withLock { $0.groups }.map(\.report)) }

    /// As `report`, with the alerts about rules themselves.
    package var fullReport: RulesReport {
        let groups = state.withLock { state in state.groups + (state.builtIn.map { [$0] } ?? []) }
        return RulesReport(groups: groups.map(\.report))
    }

    /// Evaluates all groups as of `slot`, milliseconds since 1970, on the caller's thread, and ends those that have left.
    package func evaluate(at slot: Int64) {
        let (groups, leaving) = state.withLock { state in
            (state.groups + (state.builtIn.map { [$0] } ?? []), state.leaving)
        }
        for group in groups { group.evaluate(at: slot) }
        for group in leaving { group.run(at: slot) }
    }

    /// For those who look at a rule from outside.
    var reading: RuleSurroundings { surroundings }
    var currentTime: Int64 { now() }

    /// Tries out groups of a file on what the store has now.
    ///
    /// - Parameter cancellation: ends the query that runs; the run itself asks `isStopped`.
    package func backtest(_ groups: [RuleGroupDefinition], cancellation: QueryCancellation) -> RuleBacktest {
        RuleBacktest(
            groups, state.withLock { $0.options }, language: language.canceled(by: cancellation),
            source: surroundings.source)
    }

    /// Reads a rule file as the running ones are read.
    package func read(_ bytes: [UInt8], path: String) -> RuleFile {
        RuleFile(bytes, path: path, language: language, timeIntervals: state.withLock { $0.options.timeIntervals })
    }

    /// As part `rules`: what cannot be loaded or written down.
    private func tellReadiness() {
        guard let readiness else { return }
        if let failure = log.failure {
            readiness.set(
                "rules", .degraded("the states of alerts cannot be written (\(failure)): make room, or see to the disk")
            )
        } else if let first = builtIns.first {
            let others = builtIns.count > 1 ? ", and \(builtIns.count - 1) more" : ""
            readiness.set("rules", .degraded("cannot load \(first)\(others): correct it, and it is loaded again"))
        } else {
            readiness.set("rules", .ok)
        }
    }

    private func count(_ state: String) -> Int {
        fullReport.groups.reduce(0) { sum, group in
            sum + group.rules.reduce(0) { $0 + $1.alerts.values.count { $0.stateName == state } }
        }
    }
}
