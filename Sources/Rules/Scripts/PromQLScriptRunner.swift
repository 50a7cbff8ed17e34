import Telemetry

/// What became of the evaluations of a script.
package struct PromQLScriptReport {
    package struct Failure {
        /// From 1.
        package var line: Int
        package var query: String
        package var reason: String
        /// Whether only native histograms stand in the way.
        package var needsNativeHistograms: Bool
    }

    package var passed = 0
    package var failures: [Failure] = []
}

/// Runs scripts: each evaluation as it stands, with `@` fixed and evaluated at other times, and in the middle of a range query,
/// as Prometheus's runner does.
package struct PromQLScriptRunner {
    private var samples = MemorySamples()
    private var report = PromQLScriptReport()
    private let engine: QueryEngine

    private init(_ options: QueryOptions) { engine = QueryEngine(options) }

    /// What a failure says that has to do with native histograms.
    package static let nativeHistogramReason = "needs native histograms"

    package static func run(_ text: String, _ options: QueryOptions = QueryOptions()) -> PromQLScriptReport {
        var runner = PromQLScriptRunner(options)
        var parser = PromQLScriptParser(text)
        while true {
            do throws(PromQLScriptError) {
                guard let command = try parser.next() else { return runner.report }
                runner.execute(command)
            } catch {
                runner.report.failures.append(
                    .init(line: error.line, query: "", reason: error.reason, needsNativeHistograms: false))
            }
        }
    }

    /// What the script's `load` commands put into the store.
    package static func samples(of text: String) throws(PromQLScriptError) -> MemorySamples {
        var runner = PromQLScriptRunner(QueryOptions())
        var parser = PromQLScriptParser(text)
        while let command = try parser.next() {
            if case .load = command { runner.execute(command) }
        }
        return runner.samples
    }

    private mutating func execute(_ command: PromQLScript.Command) {
        switch command {
        case .clear: samples = MemorySamples()
        case .load(let load): self.load(load)
        case .evaluate(let evaluation):
            switch outcome(of: evaluation) {
            case nil: report.passed += 1
            case .difference(let reason):
                report.failures.append(
                    .init(line: evaluation.line, query: evaluation.query, reason: reason, needsNativeHistograms: false))
            case .nativeHistograms:
                report.failures.append(
                    .init(
                        line: evaluation.line, query: evaluation.query,
                        reason: PromQLScriptRunner.nativeHistogramReason, needsNativeHistograms: true))
            }
        }
    }

    // MARK: - Data

    private func load(_ load: PromQLScript.Load) {
        for (series, starts) in load.series {
            for (index, value) in series.values.enumerated() {
                let time = Int64(index) * load.step
                let start = starts?[index].map { time + $0 } ?? 0
                switch value {
                case .omitted: continue
                case .value(let number): samples.append(series.labels, time, number, start: start)
                case .histogram:
                    samples.append(series.labels, time, Double(bitPattern: SampleBits.histogram), start: start)
                }
            }
            if load.addsNativeHistograms { addNativeHistogram(series, load.step) }
        }
    }

    /// Marks where a native histogram would stand that is made of this series; reading it is refused.
    private func addNativeHistogram(_ series: SeriesDescription, _ step: Int64) {
        let name = series.labels["__name__"] ?? ""
        guard let suffix = ["_bucket", "_count", "_sum"].first(where: name.hasSuffix) else { return }
        if suffix == "_bucket" {
            guard let bound = Double(series.labels["le"] ?? ""), !bound.isNaN else { return }
        }
        var labels = series.labels
        labels["le"] = nil
        labels["__name__"] = String(name.dropLast(suffix.count))
        for (index, value) in series.values.enumerated() {
            guard case .value = value else { continue }
            samples.append(labels, Int64(index) * step, Double(bitPattern: SampleBits.histogram))
        }
    }

    // MARK: - Evaluations

    private enum Trouble {
        case difference(String)
        case nativeHistograms

        init(_ error: QueryError, _ context: String) {
            self = error.isRefusalOfNativeHistograms ? .nativeHistograms : .difference(context + "\(error)")
        }

        func inContext(_ context: String) -> Trouble {
            if case .difference(let text) = self { .difference(context + text) } else { self }
        }
    }

    /// nil where all is as expected.
    private func outcome(of evaluation: PromQLScript.Evaluation) -> Trouble? {
        if evaluation.expectation.holdsNativeHistograms { return .nativeHistograms }
        let expression: Expression
        do throws(QueryError) {
            expression = try Expression.parse(evaluation.query)
        } catch {
            return trouble(of: error, evaluation)
        }
        switch evaluation.time {
        case .range(let start, let end, let step):
            return rangeOutcome(of: evaluation, expression, start, end, step)
        case .instant(let time):
            if let trouble = instantOutcome(of: evaluation, expression, at: time) { return trouble }
            guard let pinned = expression.pinned(to: time) else { return nil }
            let others = time == 0 ? [-1000, 0, 1000] : [-10 * time, 0, time / 5, time, 10 * time]
            for other in others {
                if let trouble = instantOutcome(of: evaluation, pinned, at: other) {
                    return trouble.inContext("fixed by @ to \(time) and evaluated at \(other): ")
                }
            }
            return nil
        }
    }

    private func trouble(of error: QueryError, _ evaluation: PromQLScript.Evaluation) -> Trouble? {
        if error.isRefusalOfNativeHistograms { return .nativeHistograms }
        guard let failure = evaluation.expectation.failure else { return .difference("\(error)") }
        return failure.matches("\(error)") ? nil : .difference("expected another error, got: \(error)")
    }

    private func rangeOutcome(
        of evaluation: PromQLScript.Evaluation, _ expression: Expression, _ start: Int64, _ end: Int64, _ step: Int64
    ) -> Trouble? {
        do throws(QueryError) {
            let query = try engine.prepare(expression, text: evaluation.query)
            let result = try query.range(from: start, through: end, step: step, in: samples)
            if evaluation.expectation.failure != nil { return .difference("expected an error, got none") }
            let comparison = ScriptComparison(expectation: evaluation.expectation)
            let difference =
                comparison.difference(of: result.annotations)
                ?? comparison.difference(of: result.value, steps: (start, end, step))
            return difference.map { .difference($0) }
        } catch {
            return trouble(of: error, evaluation)
        }
    }

    private func instantOutcome(
        of evaluation: PromQLScript.Evaluation, _ expression: Expression, at time: Int64
    ) -> Trouble? {
        let comparison = ScriptComparison(expectation: evaluation.expectation)
        let query: PromQLQuery
        let result: QueryResult
        do throws(QueryError) {
            query = try engine.prepare(expression, text: evaluation.query)
            result = try query.instant(at: time, in: samples)
        } catch {
            return trouble(of: error, evaluation)
        }
        if evaluation.expectation.failure != nil { return .difference("expected an error, got none") }
        let difference =
            comparison.difference(of: result.annotations) ?? comparison.difference(of: result.value, steps: nil)
        if let difference { return .difference(difference) }
        if evaluation.isInstantOnly || evaluation.dependsOnQueryTimes { return nil }
        return middleOutcome(of: query, at: time, comparison, result.value)
    }

    /// The same query as the middle step of a range query.
    private func middleOutcome(
        of query: PromQLQuery, at time: Int64, _ comparison: ScriptComparison, _ instant: QueryValue
    ) -> Trouble? {
        let context = "as the middle of a range query at \(time): "
        let series: [MatrixSeries]
        do throws(QueryError) {
            let result = try query.range(from: time - 60_000, through: time + 60_000, step: 60_000, in: samples)
            guard case .matrix(let found) = result.value else { return .difference(context + "no matrix") }
            series = found
        } catch {
            return Trouble(error, context)
        }
        if comparison.expectation.isOrdered { return nil }
        if let problem = ScriptComparison.disorder(in: series) { return .difference(context + problem) }
        let middle: [VectorSample] = series.compactMap { one in
            guard let point = one.points.first(where: { $0.timestamp == time }) else { return nil }
            return VectorSample(labels: one.labels, timestamp: time, value: point.value)
        }
        let value: QueryValue
        if case .scalar = instant { value = .scalar(middle.first?.value ?? .nan) } else { value = .vector(middle) }
        return comparison.difference(of: value, steps: nil).map { .difference(context + $0) }
    }
}

extension PromQLScript.Evaluation {
    /// Whether the result has to do with where the query begins and ends.
    fileprivate var dependsOnQueryTimes: Bool {
        ["start()", "end()", "range()", "step()"].contains { query.contains($0) }
    }
}
