/// A native histogram with counts that need not be whole numbers (Prometheus `model/histogram/float_histogram.go`).
package struct FloatHistogram: Sendable, Equatable {
    /// Whether observations were lost between the histogram before this one and this one.
    package enum CounterResetHint: Sendable {
        /// The two have to be compared.
        case unknown
        case reset, notReset
        /// It is no counter.
        case gauge
    }

    /// The schema whose buckets have bounds of their own.
    package static let customSchema = -53
    /// Schemas whose bounds are powers of 2^(2^-schema).
    package static let exponentialSchemas = -4...8

    package var counterResetHint = CounterResetHint.unknown
    package var schema = 0
    /// Observations between it and its negative count as 0.
    package var zeroThreshold = 0.0
    package var zeroCount = 0.0
    /// NaN is counted here and in no bucket.
    package var count = 0.0
    package var sum = 0.0
    package var positive = HistogramBuckets()
    package var negative = HistogramBuckets()
    /// Ascending; the last bucket ends in infinity, which is not among them.
    package var customBounds: [Double] = []

    package init() {}

    package var hasCustomBounds: Bool { schema == FloatHistogram.customSchema }

    /// How many numbers it holds, about.
    var size: Int { 12 + 2 * (positive.count + negative.count) + customBounds.count }

    /// Equal to the bit; the hint has no say.
    package static func == (a: FloatHistogram, b: FloatHistogram) -> Bool {
        a.schema == b.schema && a.count.bitPattern == b.count.bitPattern && a.sum.bitPattern == b.sum.bitPattern
            && a.zeroThreshold == b.zeroThreshold && a.zeroCount.bitPattern == b.zeroCount.bitPattern
            && (!a.hasCustomBounds || a.customBounds == b.customBounds)
            && a.positive == b.positive && a.negative == b.negative
    }

    /// Without empty buckets.
    package func compacted() -> FloatHistogram {
        var result = self
        result.positive.removeEmpty()
        result.negative.removeEmpty()
        return result
    }

    package func multiplied(by factor: Double) -> FloatHistogram {
        var result = self
        result.scale { $0 * factor }
        if factor < 0 { result.counterResetHint = .gauge }
        return result
    }

    /// By 0 the buckets are gone.
    package func divided(by divisor: Double) -> FloatHistogram {
        var result = self
        result.scale { $0 / divisor }
        if divisor == 0 {
            result.positive = HistogramBuckets()
            result.negative = HistogramBuckets()
        } else if divisor < 0 {
            result.counterResetHint = .gauge
        }
        return result
    }

    private mutating func scale(_ change: (Double) -> Double) {
        zeroCount = change(zeroCount)
        count = change(count)
        sum = change(sum)
        positive.counts = positive.counts.map(change)
        negative.counts = negative.counts.map(change)
    }

    /// The same in wider buckets; what is no coarser exponential schema changes nothing.
    func reduced(to target: Int) -> FloatHistogram {
        guard !hasCustomBounds, target < schema, FloatHistogram.exponentialSchemas.contains(target) else { return self }
        var result = self
        result.positive = CompensatedBuckets(positive).reduced(from: schema, to: target).plain
        result.negative = CompensatedBuckets(negative).reduced(from: schema, to: target).plain
        result.schema = target
        result.counterResetHint = .unknown
        return result
    }

    /// Only what `histogram_count`, `histogram_sum` and `histogram_avg` look at.
    var statistics: FloatHistogram {
        var result = FloatHistogram()
        result.counterResetHint = counterResetHint
        result.schema = schema
        result.count = count
        result.sum = sum
        return result
    }
}

/// The buckets on one side of zero: an index and a count each, by rising index. Some may be empty.
package struct HistogramBuckets: Sendable, Equatable {
    package private(set) var indices: [Int32] = []
    package var counts: [Double] = []

    package init() {}

    /// - Precondition: as many indices as counts, in rising order.
    init(indices: [Int32], counts: [Double]) {
        assert(indices.count == counts.count)
        self.indices = indices
        self.counts = counts
    }

    /// Buckets side by side.
    package init(from first: Int32, _ counts: [Double]) {
        indices = counts.indices.map { first &+ Int32(truncatingIfNeeded: $0) }
        self.counts = counts
    }

    package var count: Int { indices.count }

    package var isEmpty: Bool { indices.isEmpty }

    package mutating func append(_ index: Int32, _ count: Double) {
        indices.append(index)
        counts.append(count)
    }

    package mutating func removeEmpty() {
        guard counts.contains(0) else { return }
        var kept = HistogramBuckets()
        for (index, count) in zip(indices, counts) where count != 0 { kept.append(index, count) }
        self = kept
    }

    /// Adds empty buckets where others have some, so that all have the same.
    func filled(with others: HistogramBuckets) -> HistogramBuckets {
        if others.indices == indices { return self }
        var result = HistogramBuckets()
        var (mine, theirs) = (0, 0)
        while mine < count || theirs < others.count {
            if theirs == others.count || mine < count && indices[mine] <= others.indices[theirs] {
                if theirs < others.count, indices[mine] == others.indices[theirs] { theirs += 1 }
                result.append(indices[mine], counts[mine])
                mine += 1
            } else {
                result.append(others.indices[theirs], 0)
                theirs += 1
            }
        }
        return result
    }

    /// Compared to the bit.
    package static func == (a: HistogramBuckets, b: HistogramBuckets) -> Bool {
        a.indices == b.indices && zip(a.counts, b.counts).allSatisfy { $0.bitPattern == $1.bitPattern }
    }
}

/// A histogram held outside of what carries it, which then is no larger than with a number.
package final class SharedHistogram: Sendable {
    package let value: FloatHistogram

    package init(_ value: FloatHistogram) { self.value = value }
}
