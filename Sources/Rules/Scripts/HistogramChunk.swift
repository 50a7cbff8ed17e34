/// A run of native histograms of one series that Prometheus would keep in one chunk: of one layout and, for counters, without a
/// reset (`tsdb/chunkenc/float_histogram.go`). What a histogram says of counter resets is lost there but for this: those after the
/// first are no resets, of the first it is not known; gauges stay gauges.
struct HistogramChunk {
    /// As it is kept.
    private(set) var first: FloatHistogram
    private var last: FloatHistogram
    private var count = 1
    /// The buckets that the others have to be given.
    private(set) var filling: (layout: FloatHistogram, count: Int)?

    init(_ histogram: FloatHistogram) {
        first = histogram
        if histogram.counterResetHint != .gauge { first.counterResetHint = .unknown }
        last = first
    }

    private var isGauge: Bool { first.counterResetHint == .gauge }

    /// The histogram as it is kept after the others; nil where it begins a chunk of its own.
    mutating func join(_ histogram: FloatHistogram) -> FloatHistogram? {
        filling = nil
        guard (histogram.counterResetHint == .gauge) == isGauge, histogram.counterResetHint != .reset,
            histogram.schema == last.schema, histogram.zeroThreshold == last.zeroThreshold,
            !histogram.hasCustomBounds || histogram.customBounds == last.customBounds
        else { return nil }
        var kept = histogram
        if !isGauge {
            kept.counterResetHint = .unknown
            if kept.isReset(after: last) { return nil }
            kept.counterResetHint = .notReset
        }
        kept = kept.filled(with: last)
        if kept.positive.count != last.positive.count || kept.negative.count != last.negative.count {
            filling = (kept, count)
        }
        last = kept
        count += 1
        return kept
    }
}

extension FloatHistogram {
    /// With the buckets of another histogram as well, empty where it has none there.
    func filled(with other: FloatHistogram) -> FloatHistogram {
        var result = self
        result.positive = positive.filled(with: other.positive)
        result.negative = negative.filled(with: other.negative)
        return result
    }
}
