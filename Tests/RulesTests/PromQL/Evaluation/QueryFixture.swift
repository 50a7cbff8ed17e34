import Rules
import Telemetry

/// Series for queries, written down as in test scripts.
enum QueryFixture {
    static func samples(_ load: String) throws -> MemorySamples { try PromQLScriptRunner.samples(of: load) }

    static func vector(_ result: QueryResult) -> [LabelSet: Double] {
        guard case .vector(let samples) = result.value else { return [:] }
        return Dictionary(uniqueKeysWithValues: samples.map { ($0.labels, $0.value) })
    }
}
