extension SampleWindow {
    /// From the newest sample at or before the window's start; nil where nothing comes after the start.
    func anchored(in columns: borrowing SampleColumns) -> SampleWindow? {
        var after = first
        while after < end, columns.timestamps[after] <= from { after += 1 }
        guard after < end else { return nil }
        var window = self
        window.first = max(first, after - 1)
        return window
    }
}

/// `rate`, `increase` and `delta` of an `anchored` or `smoothed` range: from one end of the window to the other without
/// extrapolation (Prometheus `promql/functions.go`, `extendedRate`).
struct ExtendedRate: WindowFunction {
    let kind: ExtrapolatedRate.Kind
    let isSmoothed: Bool

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        let final = window.end - 1
        var first = window.first
        // The newest sample at or before the start, where there is one.
        while first + 1 <= final, columns.timestamps[first + 1] <= window.from { first += 1 }
        if first == final, columns.timestamps[final] <= window.from { return .absent }
        var last = final
        if isSmoothed {
            last = window.first
            while last < final, columns.timestamps[last] < window.through { last += 1 }
            if columns.timestamps[first] > window.through { return .absent }
        }
        if columns.timestamps[last] <= window.from { return .absent }

        let isCounter = kind != .delta
        let left =
            isSmoothed && columns.timestamps[first] < window.from
            ? columns.interpolated(first, first + 1, window.from, isCounter) : columns.values[first]
        let right =
            isSmoothed && last > window.first && columns.timestamps[last] > window.through
            ? columns.interpolated(last - 1, last, window.through, isCounter) : columns.values[last]
        var result = right - left
        if isCounter {
            // Samples at or outside the ends are in `left` and `right` already.
            let begin = columns.timestamps[first] <= window.from ? first + 1 : first
            let end = columns.timestamps[last] >= window.through ? last - 1 : last
            var previous = left
            if begin <= end {
                for index in begin...end {
                    if columns.values[index] < previous { result += previous }
                    previous = columns.values[index]
                }
            }
            if right < previous { result += previous }
        }
        if kind == .rate { result /= Double(window.through - window.from) / 1000 }
        return result
    }
}

extension SampleColumns {
    /// The value on the line between two samples; a counter that went down between them is taken to have begun at 0.
    func interpolated(_ earlier: Int, _ later: Int, _ time: Int64, _ isCounter: Bool) -> Double {
        let isReset = isCounter && values[later] < values[earlier]
        let base = isReset ? 0 : values[earlier]
        let share = Double(time - timestamps[earlier]) / Double(timestamps[later] - timestamps[earlier])
        return base + (values[later] - base) * share
    }
}
