import Glibc

/// Where the buckets of exponential schemas end (Prometheus `model/histogram/generic.go`, `getBound`).
enum HistogramBounds {
    /// The upper bound of a bucket; the largest finite number where the next power is out of reach.
    static func upper(_ index: Int, _ schema: Int) -> Double {
        guard schema > 0 else {
            let exponent = index << min(-schema, 4)
            return exponent == 1024 ? .greatestFiniteMagnitude : scaled(1, exponent)
        }
        let schema = min(schema, 8)
        let fraction = fractions[(index & ((1 << schema) - 1)) << (8 - schema)]
        let exponent = (index >> schema) + 1
        return fraction == 0.5 && exponent == 1025 ? .greatestFiniteMagnitude : scaled(fraction, exponent)
    }

    private static func scaled(_ value: Double, _ exponent: Int) -> Double {
        scalbn(value, Int32(min(max(exponent, -5000), 5000)))
    }

    /// 2^(i/256 - 1), as products of square roots, whose rounding gives the numbers that Prometheus has in a table. There the
    /// root of 2 is the number below the nearest.
    private static let fractions: [Double] = {
        var roots = [Double(2).squareRoot()]
        for place in 0..<7 { roots.append(roots[place].squareRoot()) }
        roots[0] = roots[0].nextDown
        return (0..<256).map { place in
            roots.indices.reduce(0.5) { place >> (7 - $1) & 1 == 1 ? $0 * roots[$1] : $0 }
        }
    }()

    /// The index of the bucket of a coarser schema that holds a bucket.
    static func index(_ index: Int32, from schema: Int, to target: Int) -> Int32 {
        ((index &- 1) >> Int32(clamping: schema - target)) &+ 1
    }
}
