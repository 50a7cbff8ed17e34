/// Buckets whose counts are sums, each with its compensation.
struct CompensatedBuckets {
    private(set) var indices: [Int32] = []
    private(set) var counts: [KahanSum] = []

    init() {}

    init(_ buckets: HistogramBuckets) {
        indices = buckets.indices
        counts = buckets.counts.map { KahanSum(sum: $0) }
    }

    /// The sums as they are.
    var plain: HistogramBuckets { HistogramBuckets(indices: indices, counts: counts.map(\.sum)) }

    /// The sums with what was lost.
    var total: HistogramBuckets { HistogramBuckets(indices: indices, counts: counts.map(\.total)) }

    var hasInfinity: Bool { counts.contains { $0.sum.isInfinite } }

    mutating func append(_ index: Int32, _ count: KahanSum) {
        indices.append(index)
        counts.append(count)
    }

    mutating func scale(_ change: (Double) -> Double) {
        for place in counts.indices {
            counts[place] = KahanSum(sum: change(counts[place].sum), compensation: change(counts[place].compensation))
        }
    }

    mutating func clear(_ places: some Sequence<Int>) {
        for place in places { counts[place] = KahanSum() }
    }

    mutating func removeEmpty() {
        var kept = CompensatedBuckets()
        for (index, count) in zip(indices, counts) where count.sum != 0 || count.compensation != 0 {
            kept.append(index, count)
        }
        self = kept
    }

    /// In the buckets of a coarser exponential schema.
    func reduced(from schema: Int, to target: Int) -> CompensatedBuckets {
        var result = CompensatedBuckets()
        for (index, count) in zip(indices, counts) {
            let index = HistogramBounds.index(index, from: schema, to: target)
            if result.indices.last == index {
                result.counts[result.counts.count - 1].add(count)
            } else {
                result.append(index, count)
            }
        }
        return result
    }

    /// Adds other buckets, times 1 or -1.
    mutating func add(_ others: CompensatedBuckets, times sign: Double) {
        if others.indices.isEmpty { return }
        if others.indices == indices {
            for place in counts.indices { counts[place].add(others.counts[place], times: sign) }
            return
        }
        var result = CompensatedBuckets()
        var (mine, theirs) = (0, 0)
        while mine < indices.count || theirs < others.indices.count {
            if theirs == others.indices.count || mine < indices.count && indices[mine] < others.indices[theirs] {
                result.append(indices[mine], counts[mine])
                mine += 1
                continue
            }
            let index = others.indices[theirs]
            let isShared = mine < indices.count && indices[mine] == index
            var count = isShared ? counts[mine] : KahanSum()
            if isShared { mine += 1 }
            count.add(others.counts[theirs], times: sign)
            result.append(index, count)
            theirs += 1
        }
        self = result
    }

    /// Without the first buckets, as long as they end below a bound.
    func dropping(while isBelow: (Int32) -> Bool) -> CompensatedBuckets {
        var result = CompensatedBuckets()
        let first = indices.firstIndex { !isBelow($0) } ?? indices.count
        result.indices = Array(indices[first...])
        result.counts = Array(counts[first...])
        return result
    }
}

extension KahanSum {
    /// Adds another sum and its compensation, times 1 or -1.
    mutating func add(_ other: KahanSum, times sign: Double = 1) {
        add(other.sum * sign)
        if other.compensation != 0 { add(other.compensation * sign) }
    }
}
