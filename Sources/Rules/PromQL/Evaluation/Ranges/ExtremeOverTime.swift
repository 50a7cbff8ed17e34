/// `min_over_time` and `max_over_time`, and the times of those samples.
///
/// As windows only ever move on, candidates are kept from step to step: samples that no later one beats, the best first. Every
/// sample comes and goes once, whatever the windows' length.
struct ExtremeOverTime: WindowFunction {
    let isMaximum: Bool
    /// The time is that of the last such sample, where the value is that of the first.
    let givesTime: Bool

    /// Places of candidates, ascending; those before `head` have left.
    private var candidates: [Int] = []
    private var head = 0
    /// What was looked at.
    private var next = 0
    private var start = 0

    init(isMaximum: Bool, givesTime: Bool) {
        self.isMaximum = isMaximum
        self.givesTime = givesTime
    }

    mutating func begin(_ columns: borrowing SampleColumns, _ starts: SampleStarts) { forget(from: 0) }

    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double {
        // With `@` in another place for each step windows could go back.
        if window.first < start || window.end < next { forget(from: window.first) }
        start = window.first
        if next < window.first { forget(from: window.first) }
        while next < window.end {
            let value = columns.values[next]
            // NaN counts only where there is nothing else.
            if !value.isNaN {
                while candidates.count > head, isBeaten(columns.values[candidates[candidates.count - 1]], by: value) {
                    candidates.removeLast()
                }
                candidates.append(next)
            }
            next += 1
        }
        while head < candidates.count, candidates[head] < window.first { head += 1 }
        if head > 1024, head * 2 > candidates.count {
            candidates.removeFirst(head)
            head = 0
        }
        // Without a candidate all are NaN, and the last of them is taken.
        let place = head < candidates.count ? candidates[head] : window.end - 1
        return givesTime ? Double(columns.timestamps[place]) / 1000 : columns.values[place]
    }

    private mutating func forget(from place: Int) {
        candidates.removeAll(keepingCapacity: true)
        head = 0
        next = place
        start = place
    }

    @inline(__always)
    private func isBeaten(_ old: Double, by new: Double) -> Bool {
        if givesTime { return isMaximum ? new >= old : new <= old }
        return isMaximum ? new > old : new < old
    }
}
