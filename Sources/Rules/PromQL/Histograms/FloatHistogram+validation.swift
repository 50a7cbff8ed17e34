extension FloatHistogram {
    /// Why no series may hold it, as Prometheus's store refuses it; nil where it is sound.
    package var flaw: String? {
        if count < 0 { return "the count of observations is negative" }
        if positive.counts.contains(where: { $0 < 0 }) || negative.counts.contains(where: { $0 < 0 }) || zeroCount < 0 {
            return "the count of a bucket is negative"
        }
        guard hasCustomBounds else { return customBounds.isEmpty ? nil : "an exponential schema has no custom bounds" }
        if customBounds.contains(where: \.isNaN) { return "a custom bound is NaN" }
        if zip(customBounds, customBounds.dropFirst()).contains(where: { $0 >= $1 }) {
            return "the custom bounds do not rise"
        }
        if customBounds.last == .infinity { return "the bound +Inf is implied" }
        if zeroCount != 0 || zeroThreshold != 0 || !negative.isEmpty {
            return "with custom bounds there are neither a zero bucket nor negative ones"
        }
        if positive.indices.contains(where: { $0 < 0 || $0 > customBounds.count }) {
            return "there are more buckets than custom bounds"
        }
        return nil
    }
}
