/// `rate`, `increase` and `delta`: the difference of the last and first sample, extrapolated to the window's ends as
/// Prometheus does it (`promql/functions.go`, `extrapolatedRate`).
struct ExtrapolatedRate: WindowFunction {
    enum Kind { case rate, increase, delta }

    let kind: Kind
    private var resets = CounterResets()
    private var starts = SampleStarts()

    init(_ kind: Kind) { self.kind = kind }

    mutating func begin(_ columns: borrowing SampleColumns, _ starts: SampleStarts) {
        guard kind != .delta else { return }
        self.starts = starts
        resets.begin(columns, starts)
    }

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        let first = columns.timestamps[window.first]
        let last = columns.timestamps[window.end - 1]
        var increase = columns.values[window.end - 1] - columns.values[window.first]
        if kind != .delta { resets.correct(&increase, window, columns) }

        var toStart = Double(first - window.from) / 1000
        var toEnd = Double(window.through - last) / 1000
        var sampled = Double(last - first) / 1000
        let gaps = window.count - 1
        let average = gaps > 0 ? sampled / Double(gaps) : 0
        // Samples so close to an end of the window are taken to have gone on up to it.
        let threshold = average * 1.1

        if kind != .delta, let start = starts.start(in: window, columns) {
            // Then the counter stood at 0, so nothing has to be guessed on that side.
            toStart = 0
            sampled = Double(last - start) / 1000
            increase += columns.values[window.first]
        } else if gaps == 0 {
            return .absent
        } else {
            if toStart >= threshold { toStart = average / 2 }
            if kind != .delta, increase > 0, columns.values[window.first] >= 0 {
                // A counter is not extrapolated to below 0.
                toStart = min(toStart, sampled * (columns.values[window.first] / increase))
            }
        }
        if toEnd >= threshold { toEnd = average / 2 }

        var factor = sampled == 0 ? 1 : (sampled + toStart + toEnd) / sampled
        if kind == .rate { factor /= Double(window.through - window.from) / 1000 }
        return increase * factor
    }
}

/// `irate` and `idelta`: the last two samples.
struct InstantRate: WindowFunction {
    let isRate: Bool
    private var starts = SampleStarts()

    init(isRate: Bool) { self.isRate = isRate }

    mutating func begin(_ columns: borrowing SampleColumns, _ starts: SampleStarts) { self.starts = starts }

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        guard window.count >= 2 else { return .absent }
        let (last, previous) = (window.end - 1, window.end - 2)
        let interval = columns.timestamps[last] - columns.timestamps[previous]
        guard interval != 0 else { return .absent }
        let isReset =
            isRate
            && (columns.values[last] < columns.values[previous] || starts.isReset(previous, last, columns))
        let change = isReset ? columns.values[last] : columns.values[last] - columns.values[previous]
        return isRate ? change / (Double(interval) / 1000) : change
    }
}

/// `resets`: how often the value went down. Anchored, the sample at or before the window's start counts as well.
struct Resets: WindowFunction {
    let isAnchored: Bool
    private var resets = CounterResets()

    init(isAnchored: Bool) { self.isAnchored = isAnchored }

    mutating func begin(_ columns: borrowing SampleColumns, _ starts: SampleStarts) { resets.begin(columns, starts) }

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        guard let window = isAnchored ? window.anchored(in: columns) : window else { return .absent }
        return Double(resets.count(window))
    }
}

/// `changes`: how often the value became another.
struct Changes: WindowFunction {
    let isAnchored: Bool
    /// At every sample how many changes there were up to it.
    private var counts: [Int] = []

    init(isAnchored: Bool) { self.isAnchored = isAnchored }

    mutating func begin(_ columns: borrowing SampleColumns, _ starts: SampleStarts) {
        counts.removeAll(keepingCapacity: true)
        counts.append(0)
        var count = 0
        for index in 1..<max(columns.count, 1) {
            let (value, previous) = (columns.values[index], columns.values[index - 1])
            if value != previous, !(value.isNaN && previous.isNaN) { count += 1 }
            counts.append(count)
        }
    }

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        guard let window = isAnchored ? window.anchored(in: columns) : window else { return .absent }
        return Double(counts[window.end - 1] - counts[window.first])
    }
}
