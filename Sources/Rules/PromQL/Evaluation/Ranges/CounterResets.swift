/// Where a series' samples go down, found once per series, so that a sliding window costs nothing per sample.
struct CounterResets {
    /// Indices of samples that are lower than the one before, or began after it.
    private var resets: [Int] = []
    private var next = 0

    mutating func begin(_ columns: borrowing SampleColumns, _ starts: SampleStarts) {
        resets.removeAll(keepingCapacity: true)
        next = 0
        for index in 1..<max(columns.count, 1)
        where columns.values[index] < columns.values[index - 1] || starts.isReset(index - 1, index, columns) {
            resets.append(index)
        }
    }

    /// What was lost to resets between the samples of a window, added to `increase` in order of time.
    mutating func correct(
        _ increase: inout Double, _ window: SampleWindow, _ columns: borrowing SampleColumns
    ) {
        while next < resets.count, resets[next] <= window.first { next += 1 }
        var index = next
        while index < resets.count, resets[index] < window.end {
            increase += columns.values[resets[index] - 1]
            index += 1
        }
    }

    /// How many resets lie between the samples of a window.
    mutating func count(_ window: SampleWindow) -> Int {
        while next < resets.count, resets[next] <= window.first { next += 1 }
        var index = next
        while index < resets.count, resets[index] < window.end { index += 1 }
        return index - next
    }
}
