import Configuration
import Telemetry

/// One test's series, rules and clock. For one thread.
final class RuleTestStage {
    /// A series whose values are filled in as the clock gets there: a query must not see the future.
    private struct Feed {
        var series: SeriesDescription
        var next = 0
    }

    private struct Output: SampleSink {
        let samples: MemorySamples

        func append(_ batch: borrowing SeriesBatch) {
            for sample in batch.samples { samples.append(sample.series.labels, sample.timestamp, sample.value) }
        }
    }

    private struct NoReceiver: AlertSink {
        func take(_ alerts: [AlertNotice]) {}
    }

    private let test: RuleTest
    private let file: RuleTestFile
    private let samples = MemorySamples()
    private let engine: QueryEngine
    private var feeds: [Feed] = []
    private let groups: [RuleGroup]
    private var failures: [String] = []

    init(_ test: RuleTest, _ file: RuleTestFile, _ paths: [String]) throws(RuleTestError) {
        self.test = test
        self.file = file
        var options = QueryOptions()
        options.subqueryStep = file.evaluationInterval
        engine = QueryEngine(options)
        var problems: [String] = []
        for input in test.input {
            do {
                let series = try SeriesDescription.parse("\(input.series) \(input.values)")
                // A series that is given twice has the values of the last.
                feeds.removeAll { $0.series.labels == series.labels }
                feeds.append(Feed(series: series))
            } catch {
                problems.append("    series \"\(input.series)\": \(error)")
            }
        }
        let language = RuleLanguage.promQL(options)
        var ruleOptions = RuleOptions()
        ruleOptions.evaluationInterval = test.interval
        ruleOptions.externalLabels = test.externalLabels
        ruleOptions.externalURL = test.externalURL
        let surroundings = RuleSurroundings(
            language: language, source: samples, output: Output(samples: samples), alerts: NoReceiver(), log: nil)
        var definitions: [RuleGroupDefinition] = []
        for path in paths {
            let read = RuleFile(path: path, language: language)
            problems += read.problems.map(\.description)
            definitions += read.groups
        }
        guard problems.isEmpty else { throw RuleTestError(texts: problems) }
        // As in promtool, groups that the order does not name come with its first.
        let order = Dictionary(file.groupOrder.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let sorted = definitions.enumerated().sorted { a, b in
            (order[a.element.name] ?? 0, a.offset) < (order[b.element.name] ?? 0, b.offset)
        }
        groups = sorted.map { RuleGroup($0.element, ruleOptions, surroundings) }
    }

    /// What went wrong, as promtool prints it.
    func run() -> [String] {
        let times = Set(test.alertTests.map(\.time)).sorted()
        var next = 0
        var time: Int64 = 0
        while time <= test.lastTime {
            feed(through: time)
            if !evaluate(at: time) { return failures }
            // A time between two evaluations is judged by the one before it.
            while next < times.count, times[next] < time + file.evaluationInterval {
                compareAlerts(at: times[next])
                next += 1
            }
            time += file.evaluationInterval
        }
        for expression in test.expressionTests { compare(expression) }
        return failures
    }

    private func feed(through time: Int64) {
        for index in feeds.indices {
            let values = feeds[index].series.values
            while feeds[index].next < values.count, Int64(feeds[index].next) * test.interval <= time {
                let stamp = test.start + Int64(feeds[index].next) * test.interval
                switch values[feeds[index].next] {
                case .value(let value): samples.append(feeds[index].series.labels, stamp, value)
                case .omitted: break
                case .histogram(let histogram, _):
                    samples.append(feeds[index].series.labels, stamp, histogram.value)
                }
                feeds[index].next += 1
            }
        }
    }

    /// False where a rule cannot be evaluated, which ends the test.
    private func evaluate(at time: Int64) -> Bool {
        var errors: [String] = []
        for group in groups {
            _ = group.evaluate(at: test.start + time)
            for rule in group.ruleReports where !rule.status.lastError.isEmpty {
                errors.append(
                    "    rule: \(rule.definition.name), time: \(GoTime.duration(time * 1_000_000)), "
                        + "err: \(rule.status.lastError)")
            }
        }
        failures += errors
        return errors.isEmpty
    }

    private var label: String { test.name.isEmpty ? "" : "    name: \(test.name),\n" }

    // MARK: Alerts

    private func compareAlerts(at time: Int64) {
        for expected in test.alertTests where expected.time == time {
            let alerts = groups.flatMap(\.ruleReports)
                .filter { $0.definition.kind == .alerting && $0.definition.name == expected.alert }
                .flatMap { $0.alerts.values }
            check(expected, "", expected.firing, alerts.filter(\.isFiring))
            if let pending = expected.pending {
                check(expected, "_pending", pending, alerts.filter { $0.state == .pending })
            }
        }
    }

    private func check(_ test: AlertRuleTest, _ suffix: String, _ expected: [ExpectedAlert], _ alerts: [Alert]) {
        let got = alerts.map { ExpectedAlert(labels: $0.labels, annotations: $0.annotations) }.sorted(by: Self.precedes)
        let wanted = expected.sorted(by: Self.precedes)
        if got == wanted { return }
        failures.append(
            "\(label)    alertname: \(test.alert), time: \(PrometheusDuration.text(test.time)), \n"
                + "        exp\(suffix):\(RuleTestText.list(wanted)), \n        got\(suffix):\(RuleTestText.list(got))")
    }

    private static func precedes(_ a: ExpectedAlert, _ b: ExpectedAlert) -> Bool {
        if a.labels != b.labels { return a.labels.precedes(b.labels) }
        return a.annotations != b.annotations && a.annotations.precedes(b.annotations)
    }

    // MARK: Expressions

    private func compare(_ expected: ExpressionTest) {
        let place =
            "    expr: \(GoQuoted.quote(expected.expression)), time: \(PrometheusDuration.text(expected.time)),"
        var wanted: [VectorSample] = []
        let got: [VectorSample]
        do {
            got = try result(expected.expression, at: test.start + expected.time).sorted {
                $0.labels.precedes($1.labels)
            }
            for sample in expected.samples {
                wanted.append(try self.sample(sample))
            }
        } catch let error as RuleTestError {
            return failures.append("\(place) err: \(error.texts.joined())")
        } catch {
            return failures.append("\(place) err: \(error)")
        }
        wanted.sort { $0.labels.precedes($1.labels) }
        let isEqual =
            got.count == wanted.count
            && zip(got, wanted).allSatisfy { $0.labels == $1.labels && equals($0, $1) }
        if isEqual { return }
        failures.append("\(place)\n        exp: \(RuleTestText.list(wanted))\n        got: \(RuleTestText.list(got))")
    }

    private func sample(_ expected: ExpressionTest.Sample) throws(RuleTestError) -> VectorSample {
        let labels: LabelSet
        do throws(QueryError) {
            labels = try SeriesDescription.parseLabels(expected.labels)
        } catch {
            throw RuleTestError(texts: ["labels \(GoQuoted.quote(expected.labels)): \(error)"])
        }
        guard let text = expected.histogram else {
            return VectorSample(labels: labels, timestamp: 0, value: expected.value)
        }
        do throws(QueryError) {
            let values = try SeriesDescription.parse("{} " + text).values
            guard values.count == 1, case .histogram(let histogram, _)? = values.first else {
                throw QueryError.syntax("one native histogram was expected")
            }
            return VectorSample(labels: labels, timestamp: 0, value: .nan, histogram: histogram)
        } catch {
            throw RuleTestError(texts: ["histogram \(GoQuoted.quote(text)): \(error)"])
        }
    }

    private func result(_ expression: String, at time: Int64) throws -> [VectorSample] {
        let query = try engine.prepare(expression)
        switch try query.instant(at: time, in: samples).value {
        case .vector(let vector): return vector
        case .scalar(let value): return [VectorSample(labels: LabelSet(), timestamp: time, value: value)]
        case .string, .matrix: throw RuleTestError(texts: ["rule result is not a vector or scalar"])
        }
    }

    /// Native histograms have to look the same, empty buckets aside.
    private func equals(_ a: VectorSample, _ b: VectorSample) -> Bool {
        if a.histogram != nil || b.histogram != nil {
            return a.histogram?.value.scriptText == b.histogram?.value.scriptText
        }
        return equals(a.value, b.value)
    }

    private func equals(_ a: Double, _ b: Double) -> Bool {
        if a == b || (a.isNaN && b.isNaN) { return true }
        return file.isFuzzy && (a.nextUp == b || a.nextDown == b)
    }
}
