import Telemetry

/// Watches for what an expression finds (Prometheus `rules/alerting.go`). For one thread at a time.
final class AlertingRule {
    /// What one evaluation is about. Times in milliseconds since 1970.
    struct Moment {
        /// The evaluation's slot.
        var time: Int64
        /// The time at which data is asked for.
        var queryTime: Int64
        var interval: Int64
        var limit: Int
        var options: RuleOptions
    }

    /// Where findings come from that no query brings.
    typealias BuiltIn = @Sendable () -> [AlertSet.Finding]

    let definition: RuleDefinition
    /// What the state is kept under.
    let key: String
    var status = RuleStatus()
    var output = RuleOutput()
    private(set) var alerts: AlertSet
    private(set) var watch: AbsenceWatch
    private let surroundings: RuleSurroundings
    private let prepare: RuleLanguage.Preparer
    private let builtIn: BuiltIn?
    private let query: any PreparedQuery
    /// The expression without its last comparison, where it has one.
    private let measure: (any PreparedQuery)?
    /// Whether `measure` gives something wherever the data is there.
    private let measuresAll: Bool
    private let selectors: [any PreparedQuery]
    private let labelTexts: [AlertText]
    private let annotationTexts: [AlertText]
    private var templateQueries: [String: any PreparedQuery] = [:]
    /// Until when a lack of data is laid to a restart.
    private var settlesUntil: Int64?
    /// What a restart or a reload left to do at the first evaluation.
    private var resumption: Resumption?

    private struct Resumption {
        var lastEvaluation: Int64?
        var isRestart: Bool
    }

    init(
        _ definition: RuleDefinition, key: String, _ surroundings: RuleSurroundings,
        _ prepare: @escaping RuleLanguage.Preparer, builtIn: BuiltIn? = nil
    ) {
        self.prepare = prepare
        self.definition = definition
        self.key = key
        self.surroundings = surroundings
        self.builtIn = builtIn
        let expression = definition.expression.parsed
        let text = definition.expression.text
        query = RuleLanguage.query(expression, text, prepare)
        let measured = builtIn == nil ? ExpressionParts.withoutComparison(expression) : nil
        measure = measured.map { RuleLanguage.query($0, text, prepare) }
        measuresAll = ExpressionParts.isTotal(measured ?? expression)
        selectors = ExpressionParts.selectors(expression).map { selector in
            // Whether there is anything at all is asked of the newest samples, whatever range is wanted.
            var plain = selector
            plain.rangeExtension = nil
            return RuleLanguage.query(.vectorSelector(plain), text, prepare)
        }
        labelTexts = definition.labels.map { AlertText(name: $0.name, $0.value, alert: definition.name) }
        annotationTexts = definition.annotations.map { AlertText(name: $0.name, $0.value, alert: definition.name) }
        alerts = AlertSet()
        watch = AbsenceWatch()
    }

    /// Goes on with what was saved before a restart.
    func restore(_ saved: SavedRule, lastEvaluation: Int64?) {
        alerts = AlertSet(saved.alerts.values)
        watch = AbsenceWatch(saved.watched)
        resumption = Resumption(lastEvaluation: lastEvaluation, isRestart: true)
        for alert in alerts.alerts.values where !alert.isResolved {
            output.expect(Self.series("ALERTS", alert))
            output.expect(Self.series("ALERTS_FOR_STATE", alert))
        }
    }

    /// Goes on with what another rule of this name and these labels had before a reload.
    func adopt(alerts: AlertSet, watch: AbsenceWatch, output: RuleOutput, status: RuleStatus) {
        self.alerts = alerts
        self.watch = watch
        self.output = output
        self.status = status
        resumption = Resumption(lastEvaluation: nil, isRestart: false)
    }

    /// One evaluation: brings the alerts on, saves what changed, sends what is to be sent, and adds `ALERTS` and
    /// `ALERTS_FOR_STATE` to the batch. Throws with alerts and batch as they were, but for a limit that is exceeded: that takes
    /// all alerts. Returns what changed.
    func evaluate(_ moment: Moment, into batch: inout SeriesBatch) throws -> [AlertTransition] {
        if let active = definition.active, !active.contains(time: moment.time / 1000) {
            alerts.endAll(at: moment.time, because: "outside of the rule's active times")
            return finish(moment, [], into: &batch)
        }
        let findings = try findings(moment)
        var demoted: [Alert] = []
        var transitions: [AlertTransition] = []
        var changed: Set<LabelSet> = []
        if let resumption {
            self.resumption = nil
            if resumption.isRestart, alerts.activeCount > 0 { settlesUntil = moment.time + Self.settleTime }
            demoted = alerts.resume(
                at: moment.time, last: resumption.lastEvaluation, tolerance: moment.options.outageTolerance,
                hold: definition.hold)
            transitions = alerts.transitions
            changed = alerts.changed
        }
        let absence = AbsenceJudge(self, moment)
        alerts.step(
            findings, at: moment.time, AlertSet.Times(hold: definition.hold, keepFiring: definition.keepFiring),
            absence: { absence.judge($0) }, resolve: { self.annotationsAtEnd($0, moment) })
        if moment.limit > 0, alerts.activeCount > moment.limit {
            let count = alerts.activeCount
            alerts.removeAll()
            save(moment, alerts.changed, durably: true)
            throw RuleError("exceeded limit of \(moment.limit) with \(count) alerts")
        }
        return finish(moment, demoted, transitions, changed, into: &batch)
    }

    /// What is left of a restart's lack of data: until then alerts are held rather than ended.
    private static let settleTime: Int64 = 5 * 60_000

    private func finish(
        _ moment: Moment, _ demoted: [Alert], _ earlier: [AlertTransition] = [], _ before: Set<LabelSet> = [],
        into batch: inout SeriesBatch
    ) -> [AlertTransition] {
        let transitions = earlier + alerts.transitions
        // On disk before anybody is told.
        save(moment, alerts.changed.union(before), durably: !transitions.isEmpty)
        alerts.forgetChanges()
        send(moment, demoted)
        save(moment, alerts.changed, durably: false)
        alerts.forgetChanges()
        write(moment, into: &batch)
        return transitions
    }

    /// Ends everything, as the rule is no more. Its firing alerts are told to have ended.
    func end(_ moment: Moment, into batch: inout SeriesBatch) {
        alerts.endAll(at: moment.time, because: "the rule is no more")
        send(moment, [])
        output.end(at: moment.queryTime, into: &batch)
        surroundings.log?.remove(key)
    }
}

extension AlertingRule {
    private func findings(_ moment: Moment) throws -> [AlertSet.Finding] {
        if let builtIn { return builtIn() }
        var samples = try surroundings.vector(query, at: moment.queryTime, remarks: &status.remarks)
        if let wait = definition.absentFor { samples = watch.step(samples, at: moment.time, wait: wait) }
        let environment = environment(moment)
        var findings: [AlertSet.Finding] = []
        var seen: Set<LabelSet> = []
        for sample in samples {
            let finding = finding(sample, moment, environment)
            guard seen.insert(finding.labels).inserted else {
                throw RuleError("vector contains metrics with the same labelset after applying alert labels")
            }
            findings.append(finding)
        }
        if findings.isEmpty, definition.absentFor == nil, (definition.noData ?? moment.options.noData) == .fire {
            let nothing = finding(
                VectorSample(labels: LabelSet(), timestamp: moment.queryTime, value: .nan), moment, environment)
            let others = alerts.alerts.values.contains { !$0.isResolved && $0.labels != nothing.labels }
            if !others, !selectors.isEmpty, !AbsenceJudge(self, moment).hasAnyData { findings.append(nothing) }
        }
        return findings
    }

    private func finding(
        _ sample: VectorSample, _ moment: Moment, _ environment: TemplateEnvironment
    ) -> AlertSet.Finding {
        let data = data(sample.labels, sample.value, nil, moment)
        var labels = sample.labels
        labels["__name__"] = nil
        for text in labelTexts { labels[text.name] = text.expanded(data, environment) }
        labels["alertname"] = definition.name
        var annotations = LabelSet()
        for text in annotationTexts { annotations.keep(text.name, text.expanded(data, environment)) }
        return AlertSet.Finding(
            labels: labels, source: sample.labels, annotations: annotations, value: sample.value)
    }

    /// The annotations of an alert that ended: as they were, but for those that tell what was measured at the end.
    private func annotationsAtEnd(_ alert: Alert, _ moment: Moment) -> LabelSet {
        var annotations = alert.annotations
        for text in annotationTexts where text.tellsResolvedValue {
            let data = data(alert.source, alert.value, alert.resolvedValue, moment)
            annotations.keep(text.name, text.expanded(data, environment(moment)))
        }
        return annotations
    }

    private func data(_ labels: LabelSet, _ value: Double, _ resolved: Double?, _ moment: Moment) -> TemplateData {
        TemplateData(
            labels: labels, value: value, externalLabels: moment.options.externalLabels,
            externalURL: moment.options.externalURL, resolvedValue: resolved)
    }

    private func environment(_ moment: Moment) -> TemplateEnvironment {
        TemplateEnvironment(
            now: moment.time, externalURL: moment.options.externalURL,
            query: { [self] text throws(QueryError) in try templateQuery(text, at: moment.queryTime) })
    }

    private func templateQuery(_ text: String, at time: Int64) throws(QueryError) -> [VectorSample] {
        let query: any PreparedQuery
        if let known = templateQueries[text] {
            query = known
        } else {
            query = try prepare(try surroundings.language.parse(text), text)
            // A text that has values in it is another one each time.
            if templateQueries.count >= 32 { templateQueries.removeAll() }
            templateQueries[text] = query
        }
        var remarks: [String] = []
        do {
            return try surroundings.vector(query, at: time, remarks: &remarks)
        } catch let error as QueryError {
            throw error
        } catch {
            throw .execution("\(error)")
        }
    }

    private func save(_ moment: Moment, _ changed: Set<LabelSet>, durably: Bool) {
        guard let log = surroundings.log, !changed.isEmpty || !watch.changed.isEmpty else { return }
        var change = SavedChange(rule: key, time: moment.time)
        for labels in changed {
            if let alert = alerts.alerts[labels] { change.alerts.append(alert) } else { change.removed.append(labels) }
        }
        for labels in watch.changed {
            if let entry = watch.entries[labels] {
                change.watched[labels] = entry
            } else {
                change.unwatched.append(labels)
            }
        }
        watch.forgetChanges()
        log.write([change], durably: durably)
    }

    private func send(_ moment: Moment, _ demoted: [Alert]) {
        let validUntil = moment.time + 4 * max(moment.interval, moment.options.resendDelay)
        let url = AlertLink.text(externalURL: moment.options.externalURL, expression: definition.expression.description)
        var notices: [AlertNotice] = []
        for alert in demoted where alert.lastSent != nil {
            guard case .firing(let since, _) = alert.state else { continue }
            notices.append(notice(alert, .resolved, since, moment.time, url))
        }
        let due = alerts.alerts.values.filter {
            $0.needsSending(at: moment.time, resendDelay: moment.options.resendDelay)
        }
        for alert in due.sorted(by: { $0.labels.isListed(before: $1.labels) }) {
            switch alert.state {
            case .pending: continue
            case .firing(let since, _): notices.append(notice(alert, .firing, since, validUntil, url))
            case .resolved(let since, let end): notices.append(notice(alert, .resolved, since, end, url))
            }
            alerts.markSent(alert.labels, at: moment.time)
        }
        if !notices.isEmpty { surroundings.alerts.take(notices) }
    }

    private func notice(
        _ alert: Alert, _ state: AlertNotice.State, _ start: Int64, _ end: Int64, _ url: String
    ) -> AlertNotice {
        AlertNotice(
            labels: alert.labels, annotations: alert.annotations, state: state, startsAt: start, endsAt: end,
            generatorURL: url, value: alert.value, resolvedValue: state == .resolved ? alert.resolvedValue : nil)
    }

    private func write(_ moment: Moment, into batch: inout SeriesBatch) {
        output.begin()
        for alert in alerts.alerts.values where !alert.isResolved {
            output.write(Self.series("ALERTS", alert), 1, at: moment.queryTime, into: &batch)
            let activeAt = (Double(alert.activeAt) / 1000).rounded(.down)
            output.write(Self.series("ALERTS_FOR_STATE", alert), activeAt, at: moment.queryTime, into: &batch)
        }
        output.finish(at: moment.queryTime, into: &batch)
    }

    private static func series(_ name: String, _ alert: Alert) -> LabelSet {
        var labels = alert.labels
        labels["__name__"] = name
        if name == "ALERTS" { labels["alertstate"] = alert.stateName }
        return labels
    }
}

/// Finds out, when it is asked for the first time, why alerts were not found.
private final class AbsenceJudge {
    private let rule: AlertingRule
    private let moment: AlertingRule.Moment
    private lazy var measured: [VectorSample] = rule.measured(at: moment.queryTime)
    private(set) lazy var hasAnyData = rule.hasAnyData(at: moment.queryTime)

    init(_ rule: AlertingRule, _ moment: AlertingRule.Moment) {
        self.rule = rule
        self.moment = moment
    }

    func judge(_ alert: Alert) -> AlertSet.Absence {
        if rule.definition.absentFor != nil || rule.isBuiltIn { return .ended(value: nil) }
        let isSettling = rule.isSettling(at: moment.time)
        let policy = rule.definition.noData ?? moment.options.noData
        if policy == .resolve, !isSettling, alert.state == .pending { return .ended(value: nil) }
        if let value = value(of: alert) { return .ended(value: value) }
        let isMissing = rule.canMissSeries ? true : !hasAnyData
        guard isMissing else { return .ended(value: nil) }
        switch policy {
        case .resolve: return isSettling ? .held : .ended(value: nil, lacksData: true)
        case .fire: return .counted
        case .keep:
            guard let since = alert.heldSince, moment.time - since >= moment.options.noDataLimit else { return .held }
            return .ended(value: nil, lacksData: true)
        }
    }

    /// What the expression without its comparison gives for the alert's labels, as far as it has them.
    private func value(of alert: Alert) -> Double? {
        var wanted = alert.source
        wanted["__name__"] = nil
        var found: Double?
        for sample in measured {
            var labels = sample.labels
            labels["__name__"] = nil
            if labels == wanted { return sample.value }
            guard wanted.labels.allSatisfy({ labels[$0.name] == $0.value }) else { continue }
            // A comparison of vectors can leave labels out; then the value is only clear if there is one.
            guard found == nil else { return nil }
            found = sample.value
        }
        return found
    }
}

extension AlertingRule {
    fileprivate var isBuiltIn: Bool { builtIn != nil }

    /// Whether a label set that is not measured is one whose data is missing.
    fileprivate var canMissSeries: Bool { measure != nil && measuresAll }

    fileprivate func isSettling(at time: Int64) -> Bool { settlesUntil.map { time < $0 } ?? false }

    fileprivate func measured(at time: Int64) -> [VectorSample] {
        guard let measure else { return [] }
        var remarks: [String] = []
        // What cannot be measured is not told; the alert ends all the same.
        return (try? surroundings.vector(measure, at: time, remarks: &remarks)) ?? []
    }

    fileprivate func hasAnyData(at time: Int64) -> Bool {
        var remarks: [String] = []
        return selectors.isEmpty
            || selectors.contains {
                ((try? surroundings.vector($0, at: time, remarks: &remarks)) ?? []).isEmpty == false
            }
    }
}
