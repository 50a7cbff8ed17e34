extension FloatHistogram {
    /// `h </ bound` and `h >/ bound` (Prometheus `FloatHistogram.TrimBuckets`): without observations above the bound, or below it. A
    /// bucket that it cuts through keeps the part that interpolation finds on the side that stays; the sum is estimated anew.
    func trimmed(at bound: Double, keepsLower: Bool) -> FloatHistogram {
        var result = self
        var trim = Trim(bound: bound, keepsLower: keepsLower, isCustom: hasCustomBounds)
        for place in positive.indices.indices where positive.counts[place] != 0 {
            result.positive.counts[place] = trim.kept(of: positiveBucket(place), isPositive: true)
        }
        for place in negative.indices.indices where negative.counts[place] != 0 {
            result.negative.counts[place] = trim.kept(of: negativeBucket(place), isPositive: false)
        }
        if zeroCount > 0 {
            var bucket = zeroBucket
            let hasPositive = positive.counts.contains { $0 != 0 }
            let hasNegative = negative.counts.contains { $0 != 0 }
            if hasNegative, !hasPositive { bucket.upper = 0 }
            if hasPositive, !hasNegative { bucket.lower = 0 }
            result.zeroCount = trim.kept(ofZero: bucket)
        }
        guard trim.hasChanged else { return self }
        result.count = trim.count
        result.sum = trim.sum
        return result.compacted()
    }

    /// What is left so far.
    private struct Trim {
        let bound: Double
        let keepsLower: Bool
        let isCustom: Bool
        var count = 0.0
        var sum = 0.0
        var hasChanged = false

        private mutating func keep(_ kept: Double, of bucket: HistogramBucket, at middle: Double) -> Double {
            count += kept
            sum += middle * kept
            if kept != bucket.count { hasChanged = true }
            return kept
        }

        mutating func kept(of bucket: HistogramBucket, isPositive: Bool) -> Double {
            let isWhole = keepsLower ? bucket.upper <= bound : bucket.lower >= bound
            if isWhole { return keep(bucket.count, of: bucket, at: middle(bucket.lower, bucket.upper, isPositive)) }
            guard keepsLower ? bucket.lower < bound : bucket.upper > bound else {
                hasChanged = true
                return 0
            }
            if bucket.lower == -.infinity || bucket.upper == .infinity {
                let (part, middle) = endless(bucket)
                return keep(part, of: bucket, at: middle)
            }
            let below =
                bound <= bucket.lower
                ? 0
                : bound >= bucket.upper ? bucket.count : bucket.count * bucket.share(below: bound, isLinear: isCustom)
            return keepsLower
                ? keep(below, of: bucket, at: middle(bucket.lower, bound, isPositive))
                : keep(bucket.count - below, of: bucket, at: middle(bound, bucket.upper, isPositive))
        }

        mutating func kept(ofZero bucket: HistogramBucket) -> Double {
            let (lower, upper) = (bucket.lower, bucket.upper)
            if keepsLower ? bound >= upper : bound <= lower {
                return keep(bucket.count, of: bucket, at: (lower + upper) / 2)
            }
            if keepsLower ? bound <= lower : bound >= upper { return keep(0, of: bucket, at: 0) }
            let share = (keepsLower ? bound - lower : upper - bound) / (upper - lower)
            return keep(bucket.count * share, of: bucket, at: ((keepsLower ? lower : upper) + bound) / 2)
        }

        /// Of a bucket without a beginning or an end, inside of which nothing can be interpolated but from 0.
        private func endless(_ bucket: HistogramBucket) -> (kept: Double, middle: Double) {
            func finite(_ value: Double) -> Double { value.isInfinite ? 0 : value }
            let reaches = bucket.upper != .infinity
            if bucket.lower == -.infinity {
                if keepsLower {
                    if bound >= bucket.upper { return (bucket.count, 0) }
                    if bound > 0, bucket.upper > 0, reaches {
                        return (bucket.count * bound / bucket.upper, bound / 2)
                    }
                    return bucket.upper <= 0 ? (bucket.count, bound) : (0, finite(bucket.upper))
                }
                if bound <= bucket.lower { return (bucket.count, 0) }
                if bound >= 0, bucket.upper > bound, reaches {
                    return (bucket.count * (1 - bound / bucket.upper), (bound + bucket.upper) / 2)
                }
                return (0, finite(bucket.upper))
            }
            if !keepsLower, bound >= bucket.lower { return (bucket.count, bound) }
            return (0, finite(bucket.lower))
        }

        /// Where the observations of an interval lie on average.
        private func middle(_ lower: Double, _ upper: Double, _ isPositive: Bool) -> Double {
            if lower.isInfinite {
                if upper.isInfinite { return 0 }
                return upper > 0 ? upper / 2 : upper
            }
            if upper.isInfinite { return lower }
            if isCustom { return (lower + upper) / 2 }
            let mean = (lower * upper).magnitude.squareRoot()
            return isPositive ? mean : -mean
        }
    }
}
