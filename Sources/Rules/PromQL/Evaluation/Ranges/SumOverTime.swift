/// `sum_over_time`
struct SumOverTime: WindowFunction {
    private var sliding = SlidingSum()

    mutating func begin(_ columns: borrowing SampleColumns, _ starts: SampleStarts) { sliding.begin() }

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        if let sum = sliding.sum(window, columns) { return sum.total }
        var sum = KahanSum()
        for index in window.first..<window.end { sum.add(columns.values[index]) }
        return sum.sum.isInfinite ? sum.sum : sum.total
    }
}

/// `avg_over_time`
struct AverageOverTime: WindowFunction {
    private var sliding = SlidingSum()

    mutating func begin(_ columns: borrowing SampleColumns, _ starts: SampleStarts) { sliding.begin() }

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        if let sum = sliding.sum(window, columns) {
            let count = Double(window.count)
            return sum.sum / count + sum.compensation / count
        }
        var mean = KahanMean(first: columns.values[window.first])
        for index in window.first + 1..<max(window.end, window.first + 1) { mean.add(columns.values[index]) }
        return mean.mean
    }
}

/// The sums of windows that move on over a series, in constant time for each sample.
///
/// Nothing is ever subtracted, which would cost what compensation is for: a window is the end of a stretch, whose sums to its end
/// were made once, and what came after it. When the window has left the stretch, the next one is made of what it is then.
struct SlidingSum {
    /// Sums from `first + index` to the end of the stretch.
    private var tails: [KahanSum] = []
    private var first = 0
    private var middle = 0
    /// Of what lies between the stretch and `end`.
    private var rest = KahanSum()
    private var end = 0
    private var calls = 0
    /// Whether no sum of the series' samples, in whatever order, leaves what a number holds.
    private var isTame = false
    /// Of the series' samples.
    private var greatest = 0.0
    /// Whether all sums are of whole numbers that are held exactly.
    private var isExact = false

    /// Shorter windows are summed up as quickly.
    private static let shortest = 32

    mutating func begin() { calls = 0 }

    /// nil where it has to be worked out sample by sample: the first time, for a single step would gain nothing, and where the order
    /// matters, as sums may become infinite or next to nothing is left of large numbers.
    mutating func sum(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> KahanSum? {
        guard window.count >= Self.shortest else { return nil }
        calls += 1
        if calls < 2 { return nil }
        if calls == 2 {
            look(columns)
            middle = 0
        }
        guard isTame else { return nil }
        if window.first >= middle || window.first < first || window.end < end { startStretch(window, columns) }
        while end < window.end {
            rest.add(columns.values[end])
            end += 1
        }
        var sum = tails[window.first - first]
        sum.add(rest.sum)
        sum.add(rest.compensation)
        // What compensated sums in another order may differ by is a billionth of this.
        let floor = 1e-22 * greatest * Double(window.count) * Double(window.count)
        return isExact || sum.total.magnitude >= floor ? sum : nil
    }

    private mutating func startStretch(_ window: SampleWindow, _ columns: borrowing SampleColumns) {
        first = window.first
        middle = window.end
        end = window.end
        rest = KahanSum()
        tails.removeAll(keepingCapacity: true)
        tails.append(contentsOf: repeatElement(KahanSum(), count: window.count))
        var sum = KahanSum()
        for index in (window.first..<window.end).reversed() {
            sum.add(columns.values[index])
            tails[index - first] = sum
        }
    }

    private mutating func look(_ columns: borrowing SampleColumns) {
        greatest = 0
        isTame = true
        isExact = true
        for value in columns.values {
            // NaN and what is infinite, too.
            guard value.magnitude < 1e290 else {
                isTame = false
                return
            }
            greatest = max(greatest, value.magnitude)
            if isExact, value != value.rounded() { isExact = false }
        }
        if greatest * Double(columns.count) >= 0x1p53 { isExact = false }
    }
}
