/// The sum of histograms or their mean, and what is to be said of it.
struct HistogramTotal {
    private let isAverage: Bool
    private var sum: HistogramSum
    private var count = 1.0
    /// Once the sum overflows, the mean itself is carried on.
    private var isIncremental = false
    private var hasReset = false
    private var hasNoReset = false
    private(set) var boundsWereReconciled = false

    init(_ first: FloatHistogram, isAverage: Bool) {
        self.isAverage = isAverage
        sum = HistogramSum(first)
        note(first)
    }

    /// Whether some say that the counter was reset and others that it was not.
    var resetsConflict: Bool { hasReset && hasNoReset }

    private mutating func note(_ histogram: FloatHistogram) {
        if histogram.counterResetHint == .reset { hasReset = true }
        if histogram.counterResetHint == .notReset { hasNoReset = true }
    }

    mutating func add(_ histogram: FloatHistogram) throws(HistogramSum.IncompatibleLayouts) {
        note(histogram)
        count += 1
        guard isAverage else {
            if try sum.add(histogram).boundsWereReconciled { boundsWereReconciled = true }
            return
        }
        let count = count
        if !isIncremental {
            var next = sum
            if try next.add(histogram).boundsWereReconciled { boundsWereReconciled = true }
            if !next.isInfinite {
                sum = next
                return
            }
            isIncremental = true
            sum.scale { $0 / (count - 1) }
        }
        sum.scale { $0 * ((count - 1) / count) }
        if try sum.add(histogram.divided(by: count)).boundsWereReconciled { boundsWereReconciled = true }
    }

    var result: FloatHistogram {
        guard isAverage, !isIncremental else { return sum.total }
        let count = count
        var mean = sum
        mean.scale { $0 / count }
        return mean.total
    }
}
