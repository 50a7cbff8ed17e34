/// A sum with Neumaier's compensation, step by step as Prometheus's `util/kahansum` does it, so that results agree.
struct KahanSum {
    var sum: Double
    var compensation: Double

    init(sum: Double = 0, compensation: Double = 0) {
        self.sum = sum
        self.compensation = compensation
    }

    @inline(__always)
    mutating func add(_ value: Double) {
        let total = sum + value
        if total.isInfinite {
            compensation = 0
        } else if sum.magnitude >= value.magnitude {
            compensation += (sum - total) + value
        } else {
            compensation += (value - total) + sum
        }
        sum = total
    }

    var total: Double { sum + compensation }
}

/// A mean that sums up as long as the sum does not overflow, and goes on with the running mean from there.
struct KahanMean {
    private var sum: KahanSum
    private var count = 1.0
    private var isIncremental = false

    init(first: Double) { sum = KahanSum(sum: first) }

    @inline(__always)
    mutating func add(_ value: Double) {
        count += 1
        if !isIncremental {
            var next = sum
            next.add(value)
            if !next.sum.isInfinite {
                sum = next
                return
            }
            isIncremental = true
            sum.sum /= count - 1
            sum.compensation /= count - 1
        }
        let share = (count - 1) / count
        sum.sum *= share
        sum.compensation *= share
        sum.add(value / count)
    }

    var mean: Double { isIncremental ? sum.total : sum.sum / count + sum.compensation / count }
}
