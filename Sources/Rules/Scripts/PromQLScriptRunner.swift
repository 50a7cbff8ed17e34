import Telemetry

/// What became of the evaluations of a script.
package struct PromQLScriptReport {
    package struct Failure {
        /// From 1.
        package var line: Int
        package var query: String
        package var reason: String
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

    package static func run(_ text: String, _ options: QueryOptions = QueryOptions()) -> PromQLScriptReport {
        var runner = PromQLScriptRunner(options)
        var parser = PromQLScriptParser(text)
        while true {
            do throws(PromQLScriptError) {
                guard let command = try parser.next() else { return runner.report }
                runner.execute(command)
            } catch {
                runner.report.failures.append(
                    .init(line: error.line, query: "", reason: error.reason))
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
        case .load(let load):
            if let problem = PromQLScriptLoader.load(load, into: samples) {
                report.failures.append(.init(line: load.line, query: "", reason: problem))
            }
        case .evaluate(let evaluation):
            if let reason = outcome(of: evaluation) {
                report.failures.append(.init(line: evaluation.line, query: evaluation.query, reason: reason))
            } else {
                report.passed += 1
            }
        }
    }

    // MARK: - Evaluations

    /// nil where all is as expected.
    private func outcome(of evaluation: PromQLScript.Evaluation) -> String? {
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
                    return "fixed by @ to \(time) and evaluated at \(other): " + trouble
                }
            }
            return nil
        }
    }

    private func trouble(of error: QueryError, _ evaluation: PromQLScript.Evaluation) -> String? {
        guard let failure = evaluation.expectation.failure else { return "\(error)" }
        return failure.matches("\(error)") ? nil : "expected another error, got: \(error)"
    }

    private func rangeOutcome(
        of evaluation: PromQLScript.Evaluation, _ expression: Expression, _ start: Int64, _ end: Int64, _ step: Int64
    ) -> String? {
        do throws(QueryError) {
            let query = try engine.prepare(expression, text: evaluation.query)
            let result = try query.range(from: start, through: end, step: step, in: samples)
            if evaluation.expectation.failure != nil { return "expected an error, got none" }
            let comparison = ScriptComparison(expectation: evaluation.expectation)
            let difference =
                comparison.difference(of: result.annotations)
                ?? comparison.difference(of: result.value, steps: (start, end, step))
            return difference
        } catch {
            return trouble(of: error, evaluation)
        }
    }

    private func instantOutcome(
        of evaluation: PromQLScript.Evaluation, _ expression: Expression, at time: Int64
    ) -> String? {
        let comparison = ScriptComparison(expectation: evaluation.expectation)
        let query: PromQLQuery
        let result: QueryResult
        do throws(QueryError) {
            query = try engine.prepare(expression, text: evaluation.query)
            result = try query.instant(at: time, in: samples)
        } catch {
            return trouble(of: error, evaluation)
        }
        if evaluation.expectation.failure != nil { return "expected an error, got none" }
        let difference =
            comparison.difference(of: result.annotations) ?? comparison.difference(of: result.value, steps: nil)
        if let difference { return difference }
        if evaluation.isInstantOnly || evaluation.dependsOnQueryTimes { return nil }
        return middleOutcome(of: query, at: time, comparison, result.value)
    }

    /// The same query as the middle step of a range query.
    private func middleOutcome(
        of query: PromQLQuery, at time: Int64, _ comparison: ScriptComparison, _ instant: QueryValue
    ) -> String? {
        let context = "as the middle of a range query at \(time): "
        let series: [MatrixSeries]
        do throws(QueryError) {
            let result = try query.range(from: time - 60_000, through: time + 60_000, step: 60_000, in: samples)
            guard case .matrix(let found) = result.value else { return context + "no matrix" }
            series = found
        } catch {
            return context + "\(error)"
        }
        if comparison.expectation.isOrdered { return nil }
        if let problem = ScriptComparison.disorder(in: series) { return context + problem }
        let middle: [VectorSample] = series.compactMap { one in
            if let point = one.points.first(where: { $0.timestamp == time }) {
                return VectorSample(labels: one.labels, timestamp: time, value: point.value)
            }
            guard let point = one.histograms.first(where: { $0.timestamp == time }) else { return nil }
            return VectorSample(
                labels: one.labels, timestamp: time, value: .nan, histogram: SharedHistogram(point.histogram))
        }
        let value: QueryValue
        if case .scalar = instant { value = .scalar(middle.first?.value ?? .nan) } else { value = .vector(middle) }
        return comparison.difference(of: value, steps: nil).map { context + $0 }
    }
}

extension PromQLScript.Evaluation {
    /// Whether the result has to do with where the query begins and ends.
    fileprivate var dependsOnQueryTimes: Bool {
        ["start()", "end()", "range()", "step()"].contains { query.contains($0) }
    }
}
