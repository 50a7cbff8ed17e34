import Telemetry

/// A classic histogram at one time, gathered from its series, which becomes a native one with custom bounds
/// (Prometheus `util/convertnhcb`).
struct ClassicHistogram {
    /// By rising bounds, cumulative.
    private var buckets: [(bound: Double, count: Double)] = []
    private var count: Double?
    private var sum = 0.0
    private var problem: String?

    enum Part {
        case bucket(Double)
        case count, sum

        /// nil where the series is no part of a histogram.
        init?(_ labels: LabelSet) {
            let name = labels.metricName
            if name.hasSuffix("_bucket") {
                guard let bound = Double(labels["le"] ?? ""), !bound.isNaN else { return nil }
                self = .bucket(bound)
            } else if name.hasSuffix("_count") {
                self = .count
            } else if name.hasSuffix("_sum") {
                self = .sum
            } else {
                return nil
            }
        }

        private var suffix: String {
            switch self {
            case .bucket: "_bucket"
            case .count: "_count"
            case .sum: "_sum"
            }
        }

        /// The histogram's labels, of those of its part.
        func histogram(of labels: LabelSet) -> LabelSet {
            var result = labels
            result[metricNameLabel] = String(labels.metricName.dropLast(suffix.count))
            result["le"] = nil
            return result
        }
    }

    mutating func set(_ part: Part, _ value: Double) {
        switch part {
        case .sum: sum = value
        case .count:
            if value < 0 { problem = problem ?? "the count is negative" }
            count = value
        case .bucket(let bound):
            if value < 0 { problem = problem ?? "the count of a bucket is negative" }
            let place = buckets.firstIndex { $0.bound >= bound } ?? buckets.count
            if place < buckets.count, buckets[place].bound == bound { return }
            let isRising =
                (place == 0 || !(value < buckets[place - 1].count))
                && (place == buckets.count || !(value > buckets[place].count))
            if !isRising { problem = problem ?? "the counts of the buckets do not rise" }
            buckets.insert((bound, value), at: place)
        }
    }

    struct Failure: Error { var reason: String }

    /// With custom bounds, the last bucket ending in infinity.
    func native() throws(Failure) -> FloatHistogram {
        if let problem { throw Failure(reason: problem) }
        var buckets = buckets
        let count = count ?? buckets.last?.count ?? 0
        if buckets.last?.bound != .infinity { buckets.append((.infinity, count)) }
        guard buckets.last?.count == count else { throw Failure(reason: "the count is not that of the last bucket") }
        var result = FloatHistogram()
        result.schema = FloatHistogram.customSchema
        result.count = count
        result.sum = sum
        result.customBounds = buckets.dropLast().map(\.bound)
        var previous = 0.0
        for (index, bucket) in buckets.enumerated() {
            result.positive.append(Int32(index), bucket.count - previous)
            previous = bucket.count
        }
        // Whole numbers are kept as such, and then short gaps are not cut out.
        let isWhole = buckets.allSatisfy { Int64(exactly: $0.count) != nil } && Int64(exactly: count) != nil
        result.positive = result.positive.filledGaps(upTo: isWhole ? 2 : 0)
        return result
    }
}
