import Telemetry

/// Records what an expression gives as a series of its own (Prometheus `rules/recording.go`). For one thread at a time.
final class RecordingRule {
    let definition: RuleDefinition
    var status = RuleStatus()
    var output = RuleOutput()
    private let query: any PreparedQuery

    init(_ definition: RuleDefinition, _ prepare: RuleLanguage.Preparer) {
        self.definition = definition
        query = RuleLanguage.query(definition.expression.parsed, definition.expression.text, prepare)
    }

    /// Adds what is recorded at `time` to the batch, with stale markers for what is gone; throws with the batch as it was.
    func evaluate(
        at time: Int64, limit: Int, in surroundings: RuleSurroundings, into batch: inout SeriesBatch
    ) throws {
        let samples = try surroundings.vector(query, at: time, remarks: &status.remarks)
        if limit > 0, samples.count > limit {
            throw RuleError("exceeded limit of \(limit) with \(samples.count) series")
        }
        var recorded: [LabelSet] = []
        recorded.reserveCapacity(samples.count)
        for sample in samples { recorded.append(labels(sample.labels)) }
        if samples.count > 1, Set(recorded).count < samples.count {
            throw RuleError("vector contains metrics with the same labelset after applying rule labels")
        }
        output.begin()
        for (labels, sample) in zip(recorded, samples) { output.write(labels, sample.value, at: time, into: &batch) }
        output.finish(at: time, into: &batch)
    }

    private func labels(_ source: LabelSet) -> LabelSet {
        var labels = source
        labels["__name__"] = definition.name
        for label in definition.labels { labels[label.name] = label.value }
        return labels
    }
}
