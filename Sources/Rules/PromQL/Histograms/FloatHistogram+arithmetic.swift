extension FloatHistogram {
    /// The sum with another histogram, or the difference where the sign is -1.
    func adding(
        _ other: FloatHistogram, times sign: Double = 1, _ remarks: inout HistogramSum.Remarks
    ) throws(HistogramSum.IncompatibleLayouts) -> FloatHistogram {
        var sum = HistogramSum(self)
        remarks = try sum.add(other, times: sign)
        return sum.plain
    }

    /// Whether the counter began anew between another histogram and this one (Prometheus `FloatHistogram.DetectReset`).
    func isReset(after previous: FloatHistogram) -> Bool {
        switch counterResetHint {
        case .reset: return true
        case .notReset: return false
        case .unknown, .gauge: break
        }
        if count < previous.count { return true }
        if hasCustomBounds {
            guard previous.hasCustomBounds else { return true }
            if customBounds != previous.customBounds { return hasFallenInSharedBounds(since: previous) }
            return FloatHistogram.hasFallen(positive, since: previous.positive)
        }
        guard !previous.hasCustomBounds, schema <= previous.schema, !(zeroThreshold < previous.zeroThreshold) else {
            return true
        }
        let zero = ZeroBucket(previous).widened(to: zeroThreshold)
        if zero.threshold != zeroThreshold || zeroCount < zero.count.sum { return true }
        let earlier = previous.reduced(to: schema)
        return FloatHistogram.hasFallen(outsideZero(positive), since: outsideZero(earlier.positive))
            || FloatHistogram.hasFallen(outsideZero(negative), since: outsideZero(earlier.negative))
    }

    /// Without buckets that lie in the zero bucket.
    private func outsideZero(_ buckets: HistogramBuckets) -> HistogramBuckets {
        guard zeroThreshold != 0 else { return buckets }
        let isInside = { (index: Int32) in HistogramBounds.upper(Int(index), schema) <= zeroThreshold }
        return CompensatedBuckets(buckets).dropping(while: isInside).plain
    }

    private static func hasFallen(_ current: HistogramBuckets, since previous: HistogramBuckets) -> Bool {
        var place = 0
        for (index, count) in zip(previous.indices, previous.counts) {
            while place < current.count, current.indices[place] < index { place += 1 }
            if place < current.count, current.indices[place] == index {
                if current.counts[place] < count { return true }
            } else if count != 0 {
                return true
            }
        }
        return false
    }

    /// The same where only some of the custom bounds are those of both.
    private func hasFallenInSharedBounds(since previous: FloatHistogram) -> Bool {
        let shared = CustomBounds.shared(customBounds, previous.customBounds)
        func sums(_ histogram: FloatHistogram) -> HistogramBuckets {
            CustomBounds.mapped(
                CompensatedBuckets(histogram.positive), from: histogram.customBounds, to: shared
            ).plain
        }
        return FloatHistogram.hasFallen(sums(self), since: sums(previous))
    }
}
