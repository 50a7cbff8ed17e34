/// A `smoothed` instant vector selector: between two samples the line through them, after the last one its value.
final class SmoothedSelectorNode: PlanNode {
    private let selection: SeriesSelection
    private let timing: SelectionTiming
    private let range: TextRange
    private var columns = SampleColumns()

    init(_ selector: VectorSelector) {
        selection = SeriesSelection(selector.matchers)
        timing = SelectionTiming(offset: selector.offset, at: selector.at)
        range = selector.range
        super.init(isInvariant: selector.at != nil)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        try evaluation.checkpoint()
        selection.refresh(evaluation.reader)
        let timing = try timing.resolved(evaluation)
        let lookback = evaluation.options.lookback
        var values = try evaluation.take(selection.shape.count * grid.count)
        var hasHistograms = false
        for (row, series) in selection.series.enumerated() {
            columns.removeAll()
            evaluation.reader.append(
                samplesOf: series, after: timing.reference(grid.start) - lookback,
                through: timing.reference(grid.end) + lookback, to: &columns)
            if try columns.settle(evaluation) {
                hasHistograms = true
                let metric = selection.shape.labels[row].metricName
                for step in 0..<grid.count {
                    values.append(try mixedValue(at: timing.reference(grid.time(step)), metric, evaluation))
                }
                continue
            }
            var next = 0
            for step in 0..<grid.count {
                let time = timing.reference(grid.time(step))
                while next < columns.count, columns.timestamps[next] < time { next += 1 }
                values.append(value(at: time, next, lookback))
            }
        }
        var frame = Frame(selection.shape, steps: grid.count, values: values)
        frame.hasHistograms = hasHistograms
        return frame
    }

    /// Of a series with native histograms.
    private func mixedValue(
        at time: Int64, _ metric: String, _ evaluation: Evaluation
    ) throws(QueryError) -> Double {
        let lookback = evaluation.options.lookback
        let first = columns.timestamps.firstIndex { $0 > time - lookback } ?? columns.count
        let end = columns.timestamps.firstIndex { $0 > time + lookback } ?? columns.count
        guard first < end else { return .absent }
        let window = MixedWindow(
            SampleWindow(
                first: first, end: end, from: time - lookback, through: time + lookback, time: time, step: 0),
            columns, SampleStarts(), evaluation.histograms)
        let next = columns.timestamps[first..<end].firstIndex { $0 >= time } ?? end
        if window.histograms.isEmpty { return value(at: time, next, lookback) }
        let step = MixedRangeEvaluation(window: window, metric: metric, range: range, evaluation: evaluation)
        guard window.numbers.count == 0 else {
            evaluation.remarkOnMixedSamples(metric, at: range)
            return .absent
        }
        let points = window.histograms
        let place = next - first
        if place < points.count, points[place].time == time { return try evaluation.keep(points[place].histogram) }
        guard place > 0 else { return .absent }
        var result = points[place - 1].histogram
        if place < points.count {
            guard result.hasCustomBounds == points[place].histogram.hasCustomBounds else {
                evaluation.remarkOnMixedLayouts(metric, at: range)
                return .absent
            }
            let isCounter = [result, points[place].histogram].contains { $0.counterResetHint != .gauge }
            guard let between = step.interpolated(points[place - 1], points[place], time, isCounter) else {
                return .absent
            }
            result = between
        } else {
            result.counterResetHint = .unknown
        }
        return try evaluation.keep(result)
    }

    /// - Parameter next: the first sample at or after `time`.
    private func value(at time: Int64, _ next: Int, _ lookback: Int64) -> Double {
        if next < columns.count, columns.timestamps[next] == time { return columns.values[next] }
        guard next > 0, columns.timestamps[next - 1] > time - lookback else { return .absent }
        guard next < columns.count, columns.timestamps[next] <= time + lookback else { return columns.values[next - 1] }
        return columns.interpolated(next - 1, next, time, false)
    }
}
