import Telemetry

/// For how long samples are kept, by series.
struct StoreRetention: Sendable {
    struct Longer: Sendable {
        var matchers: [LabelMatcher]
        /// Milliseconds.
        var duration: Int64
    }

    /// Milliseconds for which all are kept.
    var minimum: Int64
    var longer: [Longer] = []

    init(minimum: Int64) { self.minimum = minimum }

    /// Seconds, rounded up: the longest that any selector wants which takes the series.
    func horizon(of labels: LabelSet) -> UInt32 {
        var longest = max(0, minimum)
        for selector in longer where selector.duration > longest {
            if selector.matchers.allSatisfy({ $0.matches(labels) }) { longest = selector.duration }
        }
        return UInt32(clamping: (longest &+ 999) / 1000)
    }
}
