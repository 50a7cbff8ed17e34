import Bytes

/// A line through samples by least squares, x in seconds from a given time.
struct LinearRegression {
    let slope: Double
    let intercept: Double

    init(_ window: SampleWindow, _ columns: borrowing SampleColumns, zero: Int64) {
        let first = columns.values[window.first]
        var isConstant = true
        var (x, y, xy, xx) = (KahanSum(), KahanSum(), KahanSum(), KahanSum())
        for index in window.first..<window.end {
            let value = columns.values[index]
            if isConstant, index > window.first, value != first { isConstant = false }
            let seconds = Double(columns.timestamps[index] - zero) / 1000
            x.add(seconds)
            y.add(value)
            xy.add(seconds * value)
            xx.add(seconds * seconds)
        }
        if isConstant {
            slope = first.isInfinite ? .nan : 0
            intercept = first.isInfinite ? .nan : first
            return
        }
        let count = Double(window.count)
        let covariance = xy.total - x.total * y.total / count
        let variance = xx.total - x.total * x.total / count
        slope = covariance / variance
        intercept = y.total / count - slope * x.total / count
    }
}

/// `deriv`
struct Derivative: WindowFunction {
    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        guard window.count >= 2 else { return .absent }
        return LinearRegression(window, columns, zero: columns.timestamps[window.first]).slope
    }
}

/// `predict_linear`
struct PredictLinear: WindowFunction {
    private var durations: [Double] = []

    mutating func prepare(_ arguments: [[Double]]) { durations = arguments.first ?? [] }

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        guard window.count >= 2 else { return .absent }
        let line = LinearRegression(window, columns, zero: window.time)
        return line.slope * durations[window.step] + line.intercept
    }
}

/// `double_exponential_smoothing` (Holt-Winters without seasons).
struct DoubleExponentialSmoothing: WindowFunction {
    static var checksArguments: Bool { true }

    private var smoothing: [Double] = []
    private var trends: [Double] = []

    mutating func prepare(_ arguments: [[Double]]) {
        smoothing = arguments[0]
        trends = arguments[1]
    }

    func check(_ step: Int) throws(QueryError) {
        for (value, name, letters) in [(smoothing[step], "smoothing", "sf"), (trends[step], "trend", "tf")]
        where value <= 0 || value >= 1 {
            throw .execution(
                "invalid \(name) factor. Expected: 0 < \(letters) < 1, got: \(Bytes.GoNumber.fixed(value, places: 6))")
        }
    }

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        guard window.count >= 2 else { return .absent }
        let (factor, trendFactor) = (smoothing[window.step], trends[window.step])
        var level = columns.values[window.first]
        var previous = 0.0
        var trend = columns.values[window.first + 1] - level
        for index in window.first + 1..<window.end {
            if index > window.first + 1 { trend = trendFactor * (level - previous) + (1 - trendFactor) * trend }
            let next = factor * columns.values[index] + (1 - factor) * (level + trend)
            previous = level
            level = next
        }
        return level
    }
}
