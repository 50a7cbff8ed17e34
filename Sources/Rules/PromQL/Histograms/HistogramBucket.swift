import Bytes
import Glibc

/// A bucket with its bounds.
package struct HistogramBucket: Sendable {
    package var lower: Double
    package var upper: Double
    package var includesLower: Bool
    package var includesUpper: Bool
    package var count: Double

    /// How much of the bucket lies below a value inside it: linear, or on a logarithmic scale, on which exponential buckets are
    /// all of the same width.
    func share(below value: Double, isLinear: Bool) -> Double {
        if isLinear { return (value - lower) / (upper - lower) }
        let (low, high, place) = (log2(lower.magnitude), log2(upper.magnitude), log2(value.magnitude))
        if value > 0 { return (place - low) / (high - low) }
        return 1 - (place - high) / (low - high)
    }
}

extension FloatHistogram {
    /// The upper bound of a positive bucket.
    func upperBound(_ index: Int) -> Double {
        guard hasCustomBounds else { return HistogramBounds.upper(index, schema) }
        if index < 0 { return -.infinity }
        return index < customBounds.count ? customBounds[index] : .infinity
    }

    func positiveBucket(_ place: Int) -> HistogramBucket {
        let index = Int(positive.indices[place])
        let (lower, upper) = (upperBound(index - 1), upperBound(index))
        return HistogramBucket(
            lower: lower, upper: upper, includesLower: hasCustomBounds ? index == 0 : lower < 0,
            includesUpper: hasCustomBounds || upper > 0, count: positive.counts[place])
    }

    func negativeBucket(_ place: Int) -> HistogramBucket {
        let index = Int(negative.indices[place])
        let (lower, upper) = (-upperBound(index), -upperBound(index - 1))
        return HistogramBucket(
            lower: lower, upper: upper, includesLower: lower < 0, includesUpper: upper > 0,
            count: negative.counts[place])
    }

    var zeroBucket: HistogramBucket {
        HistogramBucket(
            lower: -zeroThreshold, upper: zeroThreshold, includesLower: true, includesUpper: true, count: zeroCount)
    }

    /// All buckets from the lowest to the highest, those that reach into the zero bucket cut off there.
    package var buckets: [HistogramBucket] {
        func clipped(_ bucket: HistogramBucket) -> HistogramBucket {
            var bucket = bucket
            if bucket.upper < 0, bucket.upper > -zeroThreshold {
                bucket.upper = -zeroThreshold
            } else if bucket.lower > 0, bucket.lower < zeroThreshold {
                bucket.lower = zeroThreshold
            }
            return bucket
        }
        var result: [HistogramBucket] = []
        result.reserveCapacity(positive.count + negative.count + 1)
        for place in negative.indices.indices.reversed() { result.append(clipped(negativeBucket(place))) }
        if zeroCount > 0 { result.append(zeroBucket) }
        for place in positive.indices.indices { result.append(clipped(positiveBucket(place))) }
        return result
    }
}

extension FloatHistogram: CustomStringConvertible {
    /// `{count:4, sum:5, (1,2]:4}`: as `count_values` names it, buckets from the lowest to the highest, empty ones left out.
    package var description: String {
        var text = "{count:\(GoNumber.general(count)), sum:\(GoNumber.general(sum))"
        func append(_ bucket: HistogramBucket) {
            text += ", " + (bucket.includesLower ? "[" : "(") + GoNumber.general(bucket.lower) + ","
            text += GoNumber.general(bucket.upper) + (bucket.includesUpper ? "]:" : "):")
            text += GoNumber.general(bucket.count)
        }
        for place in negative.indices.indices.reversed() where negative.counts[place] != 0 {
            append(negativeBucket(place))
        }
        if zeroCount != 0 { append(zeroBucket) }
        for place in positive.indices.indices where positive.counts[place] != 0 { append(positiveBucket(place)) }
        return text + "}"
    }

    /// `{{schema:1 count:4 sum:5 buckets:[1 3]}}`: as test scripts write it.
    package var scriptText: String {
        var parts: [String] = []
        func append(_ key: String, _ value: Double) {
            if value != 0 { parts.append("\(key):\(GoNumber.general(value))") }
        }
        func list(_ values: [Double]) -> String { "[" + values.map(GoNumber.general).joined(separator: " ") + "]" }
        append("schema", Double(schema))
        append("count", count)
        append("sum", sum)
        append("z_bucket", zeroCount)
        append("z_bucket_w", zeroThreshold)
        if hasCustomBounds { parts.append("custom_values:" + list(customBounds)) }
        switch counterResetHint {
        case .unknown: break
        case .reset: parts.append("counter_reset_hint:reset")
        case .notReset: parts.append("counter_reset_hint:not_reset")
        case .gauge: parts.append("counter_reset_hint:gauge")
        }
        for (buckets, key, offset) in [(positive, "buckets", "offset"), (negative, "n_buckets", "n_offset")] {
            var kept = buckets
            kept.removeEmpty()
            guard let first = kept.indices.first, let last = kept.indices.last else { continue }
            append(offset, Double(first))
            // Buckets far from each other would make a long list of zeros.
            let isShort = Int(last) - Int(first) < 1000
            parts.append(key + ":" + list(isShort ? kept.filledGaps(upTo: .max).counts : kept.counts))
        }
        return "{{" + parts.joined(separator: " ") + "}}"
    }
}

extension HistogramBuckets {
    /// Without empty buckets, but for those in gaps of at most so many between others.
    func filledGaps(upTo limit: Int) -> HistogramBuckets {
        var result = HistogramBuckets()
        for (index, count) in zip(indices, counts) where count != 0 {
            if let last = result.indices.last {
                let gap = Int(index) - Int(last) - 1
                if gap <= limit { for step in 0..<max(gap, 0) { result.append(last &+ Int32(step) &+ 1, 0) } }
            }
            result.append(index, count)
        }
        return result
    }
}
