/// A sum of histograms, every number of it with its compensation (Prometheus `FloatHistogram.KahanAdd`).
///
/// Histograms of another resolution or with another zero bucket are brought to what both can be expressed in; custom bounds to
/// those that both have.
struct HistogramSum {
    /// What had to be done to add a histogram.
    struct Remarks {
        /// One says that the counter was reset, the other that it was not.
        var resetsConflict = false
        var boundsWereReconciled = false
    }

    /// Exponential and custom buckets have nothing in common.
    struct IncompatibleLayouts: Error {}

    private var counterResetHint: FloatHistogram.CounterResetHint
    private var schema: Int
    private var customBounds: [Double]
    private var zeroThreshold: Double
    private var zeroCount: KahanSum
    private var count: KahanSum
    private var sum: KahanSum
    private var positive: CompensatedBuckets
    private var negative: CompensatedBuckets

    init(_ first: FloatHistogram) {
        counterResetHint = first.counterResetHint
        schema = first.schema
        customBounds = first.customBounds
        zeroThreshold = first.zeroThreshold
        zeroCount = KahanSum(sum: first.zeroCount)
        count = KahanSum(sum: first.count)
        sum = KahanSum(sum: first.sum)
        positive = CompensatedBuckets(first.positive)
        negative = CompensatedBuckets(first.negative)
    }

    private var hasCustomBounds: Bool { schema == FloatHistogram.customSchema }

    /// The sum as it is, without what was lost.
    var plain: FloatHistogram { histogram(zeroCount.sum, count.sum, sum.sum, positive.plain, negative.plain) }

    var total: FloatHistogram { histogram(zeroCount.total, count.total, sum.total, positive.total, negative.total) }

    private func histogram(
        _ zeroCount: Double, _ count: Double, _ sum: Double, _ positive: HistogramBuckets, _ negative: HistogramBuckets
    ) -> FloatHistogram {
        var result = FloatHistogram()
        result.counterResetHint = counterResetHint
        result.schema = schema
        result.customBounds = customBounds
        result.zeroThreshold = zeroThreshold
        result.zeroCount = zeroCount
        result.count = count
        result.sum = sum
        result.positive = positive
        result.negative = negative
        return result
    }

    var isInfinite: Bool {
        zeroCount.sum.isInfinite || count.sum.isInfinite || sum.sum.isInfinite || positive.hasInfinity
            || negative.hasInfinity || customBounds.contains { $0.isInfinite }
    }

    mutating func scale(_ change: (Double) -> Double) {
        func changed(_ number: KahanSum) -> KahanSum {
            KahanSum(sum: change(number.sum), compensation: change(number.compensation))
        }
        zeroCount = changed(zeroCount)
        count = changed(count)
        sum = changed(sum)
        positive.scale(change)
        negative.scale(change)
    }

    // MARK: - Adding

    /// Adds a histogram, times 1 or -1.
    mutating func add(
        _ other: FloatHistogram, times sign: Double = 1
    ) throws(IncompatibleLayouts) -> Remarks {
        guard other.hasCustomBounds == hasCustomBounds else { throw IncompatibleLayouts() }
        var remarks = Remarks()
        remarks.resetsConflict = adjustHint(to: other.counterResetHint)
        if !hasCustomBounds { zeroCount.add(reconcileZeroBucket(with: other), times: sign) }
        count.add(other.count * sign)
        sum.add(other.sum * sign)
        var (above, below) = (CompensatedBuckets(other.positive), CompensatedBuckets(other.negative))
        if hasCustomBounds {
            if other.customBounds != customBounds {
                remarks.boundsWereReconciled = true
                let shared = CustomBounds.shared(customBounds, other.customBounds)
                positive = CustomBounds.mapped(positive, from: customBounds, to: shared)
                above = CustomBounds.mapped(above, from: other.customBounds, to: shared)
                customBounds = shared
                positive.add(above, times: sign)
                positive.removeEmpty()
            } else {
                positive.add(above, times: sign)
            }
            return remarks
        }
        if other.schema < schema {
            positive = positive.reduced(from: schema, to: other.schema)
            negative = negative.reduced(from: schema, to: other.schema)
            schema = other.schema
        } else if other.schema > schema {
            above = above.reduced(from: other.schema, to: schema)
            below = below.reduced(from: other.schema, to: schema)
        }
        // What lies in the zero bucket is counted there.
        let (schema, threshold) = (schema, zeroThreshold)
        let isInside = { (index: Int32) in HistogramBounds.upper(Int(index), schema) <= threshold }
        positive.add(above.dropping(while: isInside), times: sign)
        negative.add(below.dropping(while: isInside), times: sign)
        return remarks
    }

    /// Whether the two contradict each other.
    private mutating func adjustHint(to other: FloatHistogram.CounterResetHint) -> Bool {
        if other == counterResetHint || counterResetHint == .gauge { return false }
        if other == .gauge {
            counterResetHint = .gauge
            return false
        }
        let isConflict = counterResetHint != .unknown && other != .unknown
        counterResetHint = .unknown
        return isConflict
    }

    /// Widens both zero buckets until they are the same; what the other one then holds.
    private mutating func reconcileZeroBucket(with other: FloatHistogram) -> KahanSum {
        var otherCount = KahanSum(sum: other.zeroCount)
        var otherThreshold = other.zeroThreshold
        // A threshold that is no number is neither larger nor smaller, and stays.
        while otherThreshold < zeroThreshold || otherThreshold > zeroThreshold {
            if otherThreshold < zeroThreshold {
                (otherCount, otherThreshold) = ZeroBucket(other).widened(to: zeroThreshold)
            }
            if otherThreshold > zeroThreshold {
                let zero = ZeroBucket(
                    schema: schema, threshold: zeroThreshold, count: zeroCount, positive: positive, negative: negative)
                (zeroCount, zeroThreshold) = zero.widened(to: otherThreshold)
                clearZeroBucket()
            }
        }
        return otherCount
    }

    /// Removes buckets that the zero bucket has come to hold.
    private mutating func clearZeroBucket() {
        let (schema, threshold) = (schema, zeroThreshold)
        let reaches = { (index: Int32) in HistogramBounds.upper(Int(index) - 1, schema) < threshold }
        positive.clear(positive.indices.indices.prefix { reaches(positive.indices[$0]) })
        negative.clear(negative.indices.indices.prefix { reaches(negative.indices[$0]) })
        positive.removeEmpty()
        negative.removeEmpty()
    }
}

/// The zero bucket of an exponential histogram and what lies around it.
struct ZeroBucket {
    var schema: Int
    var threshold: Double
    var count: KahanSum
    var positive: CompensatedBuckets
    var negative: CompensatedBuckets

    init(
        schema: Int, threshold: Double, count: KahanSum, positive: CompensatedBuckets, negative: CompensatedBuckets
    ) {
        self.schema = schema
        self.threshold = threshold
        self.count = count
        self.positive = positive
        self.negative = negative
    }

    init(_ histogram: FloatHistogram) {
        self.init(
            schema: histogram.schema, threshold: histogram.zeroThreshold, count: KahanSum(sum: histogram.zeroCount),
            positive: CompensatedBuckets(histogram.positive), negative: CompensatedBuckets(histogram.negative))
    }

    /// What a zero bucket holds that reaches as far as a larger threshold, or farther where that lies inside a bucket that is not
    /// empty; and how far it reaches.
    func widened(to larger: Double) -> (count: KahanSum, threshold: Double) {
        if larger == threshold { return (count, threshold) }
        var larger = larger
        while true {
            var sum = count
            _ = take(positive, &larger, &sum)
            // The negative side may demand a wider one, and then the positive side is asked again.
            if !take(negative, &larger, &sum) { return (sum, larger) }
        }
    }

    /// Whether the bucket that the threshold lies in has moved it.
    private func take(_ buckets: CompensatedBuckets, _ threshold: inout Double, _ sum: inout KahanSum) -> Bool {
        for (index, count) in zip(buckets.indices, buckets.counts) {
            if HistogramBounds.upper(Int(index) - 1, schema) >= threshold { return false }
            sum.add(count)
            let upper = HistogramBounds.upper(Int(index), schema)
            guard upper > threshold else { continue }
            guard count.sum != 0 else { return false }
            threshold = upper
            return true
        }
        return false
    }
}

/// Custom bounds of two histograms (Prometheus `intersectCustomBucketBounds`, `addCustomBucketsWithMismatches`).
enum CustomBounds {
    /// Those that both have.
    static func shared(_ first: [Double], _ second: [Double]) -> [Double] {
        var result: [Double] = []
        var (mine, theirs) = (0, 0)
        while mine < first.count, theirs < second.count {
            if first[mine] == second[theirs] {
                result.append(first[mine])
                mine += 1
                theirs += 1
            } else if first[mine] < second[theirs] {
                mine += 1
            } else {
                theirs += 1
            }
        }
        return result
    }

    /// The buckets of some of the bounds.
    static func mapped(
        _ buckets: CompensatedBuckets, from bounds: [Double], to target: [Double]
    ) -> CompensatedBuckets {
        var sums = [KahanSum](repeating: KahanSum(), count: target.count + 1)
        var place = 0
        for (index, count) in zip(buckets.indices, buckets.counts) {
            guard index >= 0, Int(index) < bounds.count else {
                sums[target.count].add(count)
                continue
            }
            while place < target.count, target[place] < bounds[Int(index)] { place += 1 }
            sums[place].add(count)
        }
        var result = CompensatedBuckets()
        for (index, sum) in sums.enumerated() where sum.sum != 0 || sum.compensation != 0 {
            result.append(Int32(index), sum)
        }
        return result
    }
}
