import Telemetry

/// What rules read from and write to.
struct RuleSurroundings: Sendable {
    var language: RuleLanguage
    var source: any SampleSource
    var output: any SampleSink
    var alerts: any AlertSink
    /// nil keeps nothing, as for a backtest.
    var log: AlertStateLog?
}

/// Why an evaluation brought nothing.
struct RuleError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// How a rule's evaluations go.
package struct RuleStatus: Sendable {
    package enum Health: String, Sendable {
        case ok, err, unknown
    }

    package var health = Health.unknown
    /// Empty for none.
    package var lastError = ""
    /// Seconds that the last evaluation took.
    package var evaluationTime = 0.0
    /// Milliseconds since 1970; nil before the first.
    package var lastEvaluation: Int64?
    /// What the query engine remarked on the expression.
    package var remarks: [String] = []

    package init() {}
}

extension RuleSurroundings {
    /// The samples of a query at a time, a scalar as one without labels.
    func vector(_ query: any PreparedQuery, at time: Int64, remarks: inout [String]) throws -> [VectorSample] {
        let result = try source.read { reader in try query.instant(at: time, in: reader) }
        remarks = result.annotations.map(\.message)
        switch result.value {
        case .vector(let samples):
            guard samples.allSatisfy({ $0.histogram == nil }) else {
                throw RuleError("the result has native histograms, and a rule takes numbers only")
            }
            return samples
        case .scalar(let value): return [VectorSample(labels: LabelSet(), timestamp: time, value: value)]
        case .string, .matrix: throw RuleError("rule result is not a vector or scalar")
        }
    }
}
