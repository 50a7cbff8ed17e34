import Bytes

/// What depends only on the window's ends: `count_over_time`, `present_over_time`, `first_over_time`,
/// `last_over_time` and their times.
struct EdgeOverTime: WindowFunction {
    enum Kind { case count, present, first, last, timeOfFirst, timeOfLast }

    let kind: Kind

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        switch kind {
        case .count: Double(window.count)
        case .present: 1
        case .first: columns.values[window.first]
        case .last: columns.values[window.end - 1]
        case .timeOfFirst: Double(columns.timestamps[window.first]) / 1000
        case .timeOfLast: Double(columns.timestamps[window.end - 1]) / 1000
        }
    }
}

/// `stdvar_over_time` and `stddev_over_time` (Welford's way, compensated).
struct VarianceOverTime: WindowFunction {
    let isDeviation: Bool

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        var count = 0.0
        var mean = KahanSum()
        var squares = KahanSum()
        for index in window.first..<window.end {
            let value = columns.values[index]
            count += 1
            let delta = value - mean.total
            mean.add(delta / count)
            squares.add(delta * (value - mean.total))
        }
        let variance = squares.total / count
        return isDeviation ? variance.squareRoot() : variance
    }
}

/// `quantile_over_time`
struct QuantileOverTime: WindowFunction {
    private var quantiles: [Double] = []
    private var sorted: [Double] = []

    mutating func prepare(_ arguments: [[Double]]) { quantiles = arguments.first ?? [] }

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        sorted.removeAll(keepingCapacity: true)
        for index in window.first..<window.end { sorted.append(columns.values[index]) }
        return Quantile.of(&sorted, quantiles[window.step])
    }
}

/// `mad_over_time`: the median of the distances from the median.
struct MedianDeviationOverTime: WindowFunction {
    private var sorted: [Double] = []

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        sorted.removeAll(keepingCapacity: true)
        for index in window.first..<window.end {
            guard !columns.values[index].isNaN else { return .nan }
            sorted.append(columns.values[index])
        }
        let median = Quantile.of(&sorted, 0.5)
        for index in sorted.indices { sorted[index] = (sorted[index] - median).magnitude }
        return Quantile.of(&sorted, 0.5)
    }
}

/// Quantiles of plain values.
enum Quantile {
    /// Sorts the values, NaN first, and takes the weighted mean of the two around the place.
    static func of(_ values: inout [Double], _ quantile: Double) -> Double {
        if values.isEmpty || quantile.isNaN { return .nan }
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        values.sort { $0.isNaN ? !$1.isNaN : $0 < $1 }
        let rank = quantile * Double(values.count - 1)
        let lower = max(0, rank.rounded(.down))
        let upper = min(Double(values.count - 1), lower + 1)
        let weight = rank - rank.rounded(.down)
        return values[Int(lower)] * (1 - weight) + values[Int(upper)] * weight
    }

    /// The remark on a quantile outside 0…1; nil where it is inside.
    static func complaint(_ quantile: Double) -> String? {
        guard quantile.isNaN || quantile < 0 || quantile > 1 else { return nil }
        return "quantile value should be between 0 and 1, got \(Bytes.GoNumber.general(quantile))"
    }
}
