/// The samples of a window in which native histograms are: those apart from the numbers, each in order of time.
struct MixedWindow {
    struct Point {
        /// Milliseconds since 1970.
        var time: Int64
        var histogram: FloatHistogram
        /// When the counter began; 0 where that is not known.
        var start: Int64
    }

    /// Where the window lies; its indices are those of the mixed samples.
    let window: SampleWindow
    private(set) var histograms: [Point] = []
    private(set) var numbers = SampleColumns()
    private(set) var starts = SampleStarts()
    init(
        _ window: SampleWindow, _ columns: borrowing SampleColumns, _ starts: SampleStarts, _ table: HistogramTable
    ) {
        self.window = window
        let hasStarts = !starts.times.isEmpty
        self.starts.birth = starts.birth
        for index in window.first..<window.end {
            let start = hasStarts ? starts.times[index] : 0
            if let histogram = table[columns.values[index]] {
                histograms.append(Point(time: columns.timestamps[index], histogram: histogram, start: start))
            } else {
                numbers.append(columns.timestamps[index], columns.values[index])
                if hasStarts { self.starts.times.append(start) }
            }
        }
    }

    /// The window over the numbers alone.
    var numberWindow: SampleWindow {
        var window = window
        window.first = 0
        window.end = numbers.count
        return window
    }
}

extension MixedWindow.Point {
    /// Whether the counter began anew after another point, as far as starts tell (Prometheus `isStartTimestampReset`).
    func hasNewStart(after previous: MixedWindow.Point) -> Bool {
        SampleStarts.isReset(previous.start, previous.time, start, time)
    }

    func isReset(after previous: MixedWindow.Point) -> Bool {
        hasNewStart(after: previous) || histogram.isReset(after: previous.histogram)
    }
}

/// What a function over ranges does with native histograms.
enum HistogramRangeFunction {
    /// Takes them like numbers: it looks at times, or hands on a sample as it is.
    case passes
    /// Sees the numbers only.
    case ignores
    case rate(ExtrapolatedRate.Kind)
    case extendedRate(ExtrapolatedRate.Kind, isSmoothed: Bool)
    case instantRate(isRate: Bool)
    case resets(isAnchored: Bool)
    case changes(isAnchored: Bool)
    case total(isAverage: Bool)

    init(_ function: String, _ rangeExtension: RangeExtension?) {
        let isAnchored = rangeExtension == .anchored
        func rate(_ kind: ExtrapolatedRate.Kind) -> HistogramRangeFunction {
            rangeExtension == nil ? .rate(kind) : .extendedRate(kind, isSmoothed: !isAnchored)
        }
        switch function {
        case "rate": self = rate(.rate)
        case "increase": self = rate(.increase)
        case "delta": self = rate(.delta)
        case "irate": self = .instantRate(isRate: true)
        case "idelta": self = .instantRate(isRate: false)
        case "resets": self = .resets(isAnchored: isAnchored)
        case "changes": self = .changes(isAnchored: isAnchored)
        case "sum_over_time": self = .total(isAverage: false)
        case "avg_over_time": self = .total(isAverage: true)
        case "count_over_time", "present_over_time", "absent_over_time", "first_over_time", "last_over_time",
            "ts_of_first_over_time", "ts_of_last_over_time":
            self = .passes
        default: self = .ignores
        }
    }
}
