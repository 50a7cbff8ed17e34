import Glibc

extension FloatHistogram {
    /// A number worked out of a histogram, and whether observations of NaN have a part in it.
    struct Estimate {
        var value: Double
        var nan: NaNEffect?

        enum NaNEffect { case isNaN, isSkewed, isExcluded }
    }

    /// Which buckets there are decides where the zero bucket is taken to end.
    private func narrowed(_ bucket: HistogramBucket) -> HistogramBucket {
        var bucket = bucket
        if negative.isEmpty, !positive.isEmpty {
            bucket.lower = 0
        } else if positive.isEmpty, !negative.isEmpty {
            bucket.upper = 0
        }
        return bucket
    }

    /// `histogram_quantile` (Prometheus `promql/quantile.go`, `HistogramQuantile`): from the end that is nearer, by the logarithm inside
    /// exponential buckets.
    func quantile(_ quantile: Double) -> Estimate {
        if quantile < 0 { return Estimate(value: -.infinity) }
        if quantile > 1 { return Estimate(value: .infinity) }
        if count == 0 || quantile.isNaN { return Estimate(value: .nan) }
        // NaN is in no bucket, so the count from above is not known.
        let isForward = sum.isNaN || quantile < 0.5
        let buckets = isForward ? self.buckets : self.buckets.reversed()
        var rank = (isForward ? quantile : 1 - quantile) * count
        var bucket = HistogramBucket(lower: 0, upper: 0, includesLower: false, includesUpper: false, count: 0)
        var counted = 0.0
        var next = 0
        while next < buckets.count {
            bucket = buckets[next]
            next += 1
            if bucket.count == 0 { continue }
            counted += bucket.count
            if counted >= rank { break }
        }
        if !hasCustomBounds, bucket.lower < 0, bucket.upper > 0 {
            bucket = narrowed(bucket)
        } else if hasCustomBounds {
            if bucket.lower == -.infinity {
                if bucket.upper <= 0 { return Estimate(value: bucket.upper) }
                bucket.lower = 0
            } else if bucket.upper == .infinity {
                return Estimate(value: bucket.lower)
            }
        }
        if counted > count { counted = count }
        if counted < rank {
            return sum.isNaN ? Estimate(value: .nan, nan: .isNaN) : Estimate(value: bucket.upper)
        }
        rank = isForward ? rank - (counted - bucket.count) : counted - rank
        let share = rank / bucket.count
        var estimate = Estimate(value: FloatHistogram.place(share, in: bucket, isLinear: hasCustomBounds))
        if sum.isNaN {
            for rest in buckets[next...] {
                counted += rest.count
                bucket = rest
            }
            if counted < count { estimate.nan = .isSkewed }
        }
        return estimate
    }

    private static func place(_ share: Double, in bucket: HistogramBucket, isLinear: Bool) -> Double {
        if isLinear || (bucket.lower <= 0 && bucket.upper >= 0) {
            return bucket.lower + (bucket.upper - bucket.lower) * share
        }
        let (low, high) = (log2(bucket.lower.magnitude), log2(bucket.upper.magnitude))
        return bucket.lower > 0 ? exp2(low + (high - low) * share) : -exp2(high + (low - high) * (1 - share))
    }

    /// `histogram_fraction` (Prometheus `HistogramFraction`): how much of the observations lies between two values.
    func fraction(from lower: Double, to upper: Double) -> Estimate {
        if count == 0 || lower.isNaN || upper.isNaN { return Estimate(value: .nan) }
        if lower >= upper { return Estimate(value: 0) }
        let buckets = self.buckets
        var (lowerRank, upperRank): (Double?, Double?)
        var rank = 0.0
        for var bucket in buckets {
            let isZero = bucket.lower <= 0 && bucket.upper >= 0
            if isZero { bucket = narrowed(bucket) }
            func find(_ value: Double, _ found: inout Double?) {
                if found != nil { return }
                if bucket.lower >= value {
                    found = rank
                } else if bucket.upper > value {
                    // Nothing is known of how observations lie in a bucket without a beginning.
                    let isLinear = hasCustomBounds || isZero
                    found =
                        isLinear && bucket.lower == -.infinity
                        ? bucket.count : rank + bucket.count * bucket.share(below: value, isLinear: isLinear)
                }
            }
            find(lower, &lowerRank)
            find(upper, &upperRank)
            if lowerRank != nil, upperRank != nil { break }
            rank += bucket.count
        }
        var total = count
        var effect: Estimate.NaNEffect?
        if sum.isNaN {
            total = buckets.reduce(0) { $0 + $1.count }
            if total < count { effect = .isExcluded }
        }
        func limited(_ rank: Double?) -> Double {
            guard let rank, !(rank > total) else { return total }
            return rank
        }
        return Estimate(value: (limited(upperRank) - limited(lowerRank)) / count, nan: effect)
    }

    /// `histogram_stdvar`: every observation is taken to lie in the middle of its bucket.
    var variance: Double {
        let mean = sum / count
        var variance = KahanSum()
        for bucket in buckets where bucket.count != 0 {
            let middle: Double
            if hasCustomBounds {
                middle = (bucket.upper + bucket.lower) / 2
            } else if bucket.lower <= 0, bucket.upper >= 0 {
                middle = 0
            } else {
                let root = (bucket.upper * bucket.lower).squareRoot()
                middle = bucket.upper < 0 ? -root : root
            }
            let distance = middle - mean
            variance.add(bucket.count * distance * distance)
        }
        return variance.total / count
    }
}
