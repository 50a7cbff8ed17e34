import Telemetry

/// The buckets of a classic histogram at one step, by rising upper bounds.
struct ClassicBuckets {
    struct Bucket {
        var bound: Double
        var count: Double
    }

    private(set) var buckets: [Bucket] = []
    /// How the counts had to be changed to rise; nil where they did.
    private(set) var fix: (lowest: Double, highest: Double, difference: Double)?

    var isEmpty: Bool { buckets.isEmpty }

    mutating func removeAll() {
        buckets.removeAll(keepingCapacity: true)
        fix = nil
    }

    /// Takes buckets in order of their bounds; equal bounds are added up.
    mutating func append(_ bound: Double, _ count: Double) {
        if let last = buckets.last, last.bound == bound {
            buckets[buckets.count - 1].count += count
        } else {
            buckets.append(Bucket(bound: bound, count: count))
        }
    }

    private var endsInInfinity: Bool { buckets.last?.bound == .infinity }

    /// Removes what goes down: silently where it is rounding, with a note where it is more.
    private mutating func makeMonotonic() {
        guard var previous = buckets.first?.count else { return }
        for index in buckets.indices.dropFirst() {
            let count = buckets[index].count
            if count == previous { continue }
            if ClassicBuckets.isAlmostEqual(previous, count) {
                buckets[index].count = previous
            } else if count < previous {
                buckets[index].count = previous
                let bound = buckets[index].bound
                let old = fix ?? (bound, bound, 0)
                fix = (min(old.lowest, bound), max(old.highest, bound), max(old.difference, previous - count))
            } else {
                previous = count
            }
        }
    }

    private static func isAlmostEqual(_ a: Double, _ b: Double) -> Bool {
        AlmostEqual.areEqual(a, b, tolerance: 1e-12)
    }

    /// `histogram_quantile`: linear inside the bucket in which the quantile falls.
    mutating func quantile(_ quantile: Double) -> Double {
        if quantile.isNaN { return .nan }
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        guard endsInInfinity else { return .nan }
        makeMonotonic()
        guard buckets.count >= 2 else { return .nan }
        let observations = buckets[buckets.count - 1].count
        if observations == 0 { return .nan }
        var rank = quantile * observations
        // The first bucket with at least `rank`; the last one in any case.
        var (low, high) = (0, buckets.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if buckets[middle].count >= rank { high = middle } else { low = middle + 1 }
        }
        if low == buckets.count - 1 { return buckets[buckets.count - 2].bound }
        if low == 0, buckets[0].bound <= 0 { return buckets[0].bound }
        var start = 0.0
        var count = buckets[low].count
        if low > 0 {
            start = buckets[low - 1].bound
            count -= buckets[low - 1].count
            rank -= buckets[low - 1].count
        }
        return start + (buckets[low].bound - start) * (rank / count)
    }

    /// `histogram_fraction`: how much of the observations lies between two values.
    func fraction(from lower: Double, to upper: Double) -> Double {
        guard endsInInfinity, let total = buckets.last?.count else { return .nan }
        if total == 0 || lower.isNaN || upper.isNaN { return .nan }
        if lower >= upper { return 0 }
        return (min(rank(of: upper), total) - min(rank(of: lower), total)) / total
    }

    /// How many observations lie below a value.
    private func rank(of value: Double) -> Double {
        var rank = 0.0
        var low = buckets[0].bound <= 0 ? -Double.infinity : 0
        for bucket in buckets {
            if low >= value { return rank }
            if bucket.bound > value {
                // Nothing is known of how observations lie in a bucket without end.
                if low == -.infinity { return bucket.count }
                return rank + (bucket.count - rank) * (value - low) / (bucket.bound - low)
            }
            rank = bucket.count
            low = bucket.bound
        }
        return buckets[buckets.count - 1].count
    }
}

/// Equality up to a relative tolerance, as Prometheus's `util/almost` has it.
package enum AlmostEqual {
    package static func areEqual(_ a: Double, _ b: Double, tolerance: Double) -> Bool {
        if a.isAbsent || b.isAbsent { return a.isAbsent && b.isAbsent }
        if a.isNaN, b.isNaN { return true }
        if a == b { return true }
        let sum = a.magnitude + b.magnitude
        let difference = (a - b).magnitude
        if a == 0 || b == 0 || sum < .leastNormalMagnitude { return difference < tolerance * .leastNormalMagnitude }
        return difference / min(sum, .greatestFiniteMagnitude) < tolerance
    }
}
