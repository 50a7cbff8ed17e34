/// A `smoothed` instant vector selector: between two samples the line through them, after the last one its value.
final class SmoothedSelectorNode: PlanNode {
    private let selection: SeriesSelection
    private let timing: SelectionTiming
    private var columns = SampleColumns()

    init(_ selector: VectorSelector) {
        selection = SeriesSelection(selector.matchers)
        timing = SelectionTiming(offset: selector.offset, at: selector.at)
        super.init(isInvariant: selector.at != nil)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        try evaluation.checkpoint()
        selection.refresh(evaluation.reader)
        let timing = try timing.resolved(evaluation)
        let lookback = evaluation.options.lookback
        var values = try evaluation.take(selection.shape.count * grid.count)
        for series in selection.series {
            columns.removeAll()
            evaluation.reader.append(
                samplesOf: series, after: timing.reference(grid.start) - lookback,
                through: timing.reference(grid.end) + lookback, to: &columns)
            try columns.removeStaleMarkers()
            var next = 0
            for step in 0..<grid.count {
                let time = timing.reference(grid.time(step))
                while next < columns.count, columns.timestamps[next] < time { next += 1 }
                values.append(value(at: time, next, lookback))
            }
        }
        return Frame(selection.shape, steps: grid.count, values: values)
    }

    /// - Parameter next: the first sample at or after `time`.
    private func value(at time: Int64, _ next: Int, _ lookback: Int64) -> Double {
        if next < columns.count, columns.timestamps[next] == time { return columns.values[next] }
        guard next > 0, columns.timestamps[next - 1] > time - lookback else { return .absent }
        guard next < columns.count, columns.timestamps[next] <= time + lookback else { return columns.values[next - 1] }
        return columns.interpolated(next - 1, next, time, false)
    }
}
