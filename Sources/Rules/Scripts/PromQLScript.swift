import Bytes
import Telemetry

/// A script of Prometheus's `promqltest` language: data, queries, and what they have to give.
/// (https://github.com/prometheus/prometheus/blob/main/promql/promqltest/README.md)
package struct PromQLScript {
    enum Command {
        case clear
        case load(Load)
        case evaluate(Evaluation)
    }

    struct Load {
        /// From 1.
        var line: Int
        /// Milliseconds between two values.
        var step: Int64
        /// Whether classic histograms stand for native ones with custom buckets as well.
        var addsNativeHistograms: Bool
        var series: [(series: SeriesDescription, starts: [Int64?]?)] = []
    }

    struct Evaluation {
        /// From 1.
        var line: Int
        var query: String
        var time: QueryTime
        var expectation = Expectation()
        /// Only the values may be compared, as the query's result at other times is another.
        var isInstantOnly = false
    }

    /// In milliseconds from 0.
    enum QueryTime {
        case instant(Int64)
        case range(start: Int64, end: Int64, step: Int64)
    }

    struct Expectation {
        var failure: TextPattern?
        var warnings: [TextPattern] = []
        var infos: [TextPattern] = []
        var forbidsWarnings = false
        var forbidsInfos = false
        var isOrdered = false
        var scalar: Double?
        var string: String?
        /// Where the values of a range vector stand, in place of the query's own steps.
        var steps: (start: Int64, end: Int64, step: Int64)?
        var series: [SeriesDescription] = []
    }

    /// What a message has to be.
    enum TextPattern {
        case any
        case text(String)
        case regex(Regex)

        func matches(_ text: String) -> Bool {
            switch self {
            case .any: true
            case .text(let expected): expected == text
            case .regex(let regex): regex.isMatch(text)
            }
        }
    }

    var commands: [Command] = []
}

/// A script that is none.
package struct PromQLScriptError: Error, CustomStringConvertible {
    /// From 1.
    package var line: Int
    package var reason: String

    package var description: String { "line \(line): \(reason)" }
}
