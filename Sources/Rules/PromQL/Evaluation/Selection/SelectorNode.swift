/// An instant vector selector: the newest sample of each series that is not older than the lookback.
final class SelectorNode: PlanNode {
    enum Output {
        case value
        /// `timestamp(selector)`
        case timestamp
        /// `start_timestamp(selector)`: no result where the store knows none.
        case start
    }

    private let selection: SeriesSelection
    private let timing: SelectionTiming
    private let output: Output
    private let readsStatistics: Bool
    private var columns = SampleColumns()
    /// Of the evaluation under way.
    private var hasHistograms = false
    /// The mark of the histogram that was read last, which neighbouring steps read again.
    private var last: (read: UInt64, mark: Double)?

    init(_ selector: VectorSelector, output: Output = .value) {
        selection = SeriesSelection(selector.matchers)
        timing = SelectionTiming(offset: selector.offset, at: selector.at)
        self.output = output
        readsStatistics = selector.readsStatistics
        super.init(isInvariant: selector.at != nil)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        try evaluation.checkpoint()
        selection.refresh(evaluation.reader)
        hasHistograms = false
        last = nil
        let timing = try timing.resolved(evaluation)
        let shape = output == .value ? selection.shape : selection.shape.removingNames
        var frame = Frame(shape, steps: grid.count, values: try evaluation.take(shape.count * grid.count))
        if output == .start {
            try appendStarts(grid, timing, evaluation, to: &frame.values)
        } else if grid.count == 1 {
            try appendNewest(timing.reference(grid.start), evaluation, to: &frame.values)
        } else if timing.fixed == nil {
            try appendSteps(grid, timing, evaluation, to: &frame.values)
        } else {
            var single = try evaluation.take(shape.count)
            try appendNewest(timing.reference(grid.start), evaluation, to: &single)
            for value in single { frame.values.append(contentsOf: repeatElement(value, count: grid.count)) }
            evaluation.give(single)
        }
        frame.hasHistograms = hasHistograms
        return frame
    }

    private func appendNewest(_ time: Int64, _ evaluation: Evaluation, to values: inout [Double]) throws(QueryError) {
        let reader = evaluation.reader
        let after = time - evaluation.options.lookback
        for (index, series) in selection.series.enumerated() {
            if index & 0xfff == 0xfff { try evaluation.checkpoint() }
            guard let sample = reader.newest(of: series, after: after, through: time) else {
                values.append(.absent)
                continue
            }
            values.append(try value(sample.timestamp, sample.value, series, evaluation))
        }
    }

    private func appendSteps(
        _ grid: TimeGrid, _ timing: SelectionTiming.Resolved, _ evaluation: Evaluation, to values: inout [Double]
    ) throws(QueryError) {
        let lookback = evaluation.options.lookback
        let first = timing.reference(grid.start)
        for (index, series) in selection.series.enumerated() {
            if index & 0xff == 0xff { try evaluation.checkpoint() }
            columns.removeAll()
            evaluation.reader.append(
                samplesOf: series, after: first - lookback, through: timing.reference(grid.end), to: &columns)
            var next = 0
            for step in 0..<grid.count {
                let time = first + Int64(step) * grid.step
                while next < columns.count, columns.timestamps[next] <= time { next += 1 }
                guard next > 0, columns.timestamps[next - 1] > time - lookback else {
                    values.append(.absent)
                    continue
                }
                values.append(try value(columns.timestamps[next - 1], columns.values[next - 1], series, evaluation))
            }
        }
    }

    private func appendStarts(
        _ grid: TimeGrid, _ timing: SelectionTiming.Resolved, _ evaluation: Evaluation, to values: inout [Double]
    ) throws(QueryError) {
        let reader = evaluation.reader as? any SampleStartReader
        var starts: [Int64] = []
        for series in selection.series {
            for step in 0..<grid.count {
                let time = timing.reference(grid.time(step))
                let sample = reader?.newest(of: series, after: time - evaluation.options.lookback, through: time)
                guard let sample, !sample.value.isAbsent else {
                    values.append(.absent)
                    continue
                }
                starts.removeAll(keepingCapacity: true)
                reader?.append(
                    startsOf: series, after: sample.timestamp - 1, through: sample.timestamp, to: &starts)
                values.append(Double(starts.last ?? 0) / 1000)
            }
        }
    }

    @inline(__always)
    private func value(
        _ timestamp: Int64, _ value: Double, _ series: SeriesID, _ evaluation: Evaluation
    ) throws(QueryError) -> Double {
        if value.isNaN {
            if value.isAbsent { return value }
            if value.isHistogramMark, output == .value { return try histogram(timestamp, value, series, evaluation) }
        }
        return output == .value ? value : Double(timestamp) / 1000
    }

    private func histogram(
        _ timestamp: Int64, _ value: Double, _ series: SeriesID, _ evaluation: Evaluation
    ) throws(QueryError) -> Double {
        if let last, last.read == value.bitPattern { return last.mark }
        var mark = try evaluation.keep(read: value, evaluation.reader as? any HistogramReader)
        if mark.isHistogramMark {
            hasHistograms = true
            if readsStatistics {
                var samples = SampleColumns()
                let after = timestamp - evaluation.options.lookback - 1
                evaluation.reader.append(samplesOf: series, after: after, through: timestamp, to: &samples)
                _ = try samples.settle(evaluation)
                try evaluation.reduceToStatistics(&samples)
                mark = samples.values.last ?? mark
            }
        }
        last = (value.bitPattern, mark)
        return mark
    }
}
