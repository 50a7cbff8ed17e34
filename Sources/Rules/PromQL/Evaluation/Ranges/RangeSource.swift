/// What a function over ranges reads: the samples of a selector, or the steps of a subquery.
class RangeSource {
    /// Whether `@` fixes the window.
    let isFixed: Bool

    init(isFixed: Bool) { self.isFixed = isFixed }

    /// Prepares one evaluation: which series there are, and where their windows lie.
    func open(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> OpenRange {
        throw .execution("this part of the expression cannot be evaluated")
    }

    /// Whether marks of native histograms are among the samples of the series that was loaded last.
    fileprivate(set) var hasHistograms = false

    /// Puts all samples of a series in that any step may see into emptied columns, stale markers left out.
    func load(_ index: Int, into columns: inout SampleColumns) throws(QueryError) {}

    /// When the counter of the series that was loaded last began, as far as that is known.
    func loadStarts(
        _ index: Int, _ count: Int, _ evaluation: Evaluation, into starts: inout SampleStarts
    ) throws(QueryError) {}

    func close(_ evaluation: Evaluation) {}
}

/// The series of a range and the window of each step: from (excluded) `time - offset - window` to `time - offset`.
struct OpenRange {
    var shape: Shape
    var timing: SelectionTiming.Resolved
    /// Milliseconds.
    var window: Int64
}

/// A range vector selector.
final class MatrixSource: RangeSource {
    let selection: SeriesSelection
    private let timing: SelectionTiming
    private let window: DurationExpression
    private let rangeExtension: RangeExtension?
    private let readsStatistics: Bool
    private var reader: (any SampleReader)?
    private var evaluation: Evaluation?
    private var startReader: (any SampleStartReader)?
    private var after: Int64 = 0
    private var through: Int64 = 0

    init(_ matrix: MatrixSelector) {
        selection = SeriesSelection(matrix.selector.matchers)
        timing = SelectionTiming(offset: matrix.selector.offset, at: matrix.selector.at)
        window = matrix.window
        rangeExtension = matrix.selector.rangeExtension
        readsStatistics = matrix.selector.readsStatistics
        super.init(isFixed: matrix.selector.at != nil)
    }

    override func open(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> OpenRange {
        selection.refresh(evaluation.reader)
        let timing = try timing.resolved(evaluation)
        let window = try window.milliseconds(step: evaluation.step, range: evaluation.range)
        reader = evaluation.reader
        self.evaluation = evaluation
        startReader = evaluation.reader as? any SampleStartReader
        after = timing.reference(grid.start) - window
        through = timing.reference(grid.end)
        if rangeExtension != nil { after -= evaluation.options.lookback }
        if rangeExtension == .smoothed { through += evaluation.options.lookback }
        return OpenRange(shape: selection.shape, timing: timing, window: window)
    }

    override func load(_ index: Int, into columns: inout SampleColumns) throws(QueryError) {
        reader?.append(samplesOf: selection.series[index], after: after, through: through, to: &columns)
        hasHistograms = false
        guard let evaluation else { return }
        hasHistograms = try columns.settle(evaluation)
        if hasHistograms, readsStatistics { try evaluation.reduceToStatistics(&columns) }
    }

    override func loadStarts(
        _ index: Int, _ count: Int, _ evaluation: Evaluation, into starts: inout SampleStarts
    ) throws(QueryError) {
        if evaluation.options.countsFromBirth { starts.birth = evaluation.reader.start(of: selection.series[index]) }
        guard let reader = startReader else { return }
        starts.times.removeAll(keepingCapacity: true)
        reader.append(startsOf: selection.series[index], after: after, through: through, to: &starts.times)
        // Stale markers were left out of the samples; without them the two no longer stand side by side.
        guard !starts.times.isEmpty, starts.times.count != count else { return }
        var all = SampleColumns()
        reader.append(samplesOf: selection.series[index], after: after, through: through, to: &all)
        guard all.count == starts.times.count else { return starts.times.removeAll() }
        starts.times = all.values.indices.filter { !all.values[$0].isAbsent }.map { starts.times[$0] }
    }

    override func close(_ evaluation: Evaluation) {
        reader = nil
        self.evaluation = nil
        startReader = nil
    }
}

/// A subquery: an expression evaluated at its own steps, which are multiples of its resolution.
final class SubquerySource: RangeSource {
    private let node: PlanNode
    private let timing: SelectionTiming
    private let window: DurationExpression
    private let step: DurationExpression?
    private var frame = Frame(.empty(), steps: 0, values: [])
    private var grid = TimeGrid(at: 0)

    init(_ subquery: Subquery, _ node: PlanNode) {
        self.node = node
        timing = SelectionTiming(offset: subquery.offset, at: subquery.at)
        window = subquery.window
        step = subquery.step
        super.init(isFixed: subquery.at != nil)
    }

    override func open(_ outer: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> OpenRange {
        let timing = try timing.resolved(evaluation)
        let window = try window.milliseconds(step: evaluation.step, range: evaluation.range)
        let step =
            try self.step?.milliseconds(step: evaluation.step, range: evaluation.range)
            ?? evaluation.options.subqueryStep
        let after = timing.reference(outer.start) - window
        var first = after / step * step
        if first <= after { first += step }
        grid = TimeGrid(from: first, through: timing.reference(outer.end), step: step)
        frame = grid.count == 0 ? Frame(.empty(), steps: 0, values: []) : try node.run(grid, evaluation)
        if frame.hasHistograms { try forgetHints(evaluation) }
        return OpenRange(shape: frame.shape, timing: timing, window: window)
    }

    override func load(_ index: Int, into columns: inout SampleColumns) throws(QueryError) {
        let row = index * frame.steps
        hasHistograms = false
        for step in 0..<frame.steps {
            let value = frame.values[row + step]
            if !value.isAbsent { columns.append(grid.time(step), value) }
        }
        if frame.hasHistograms { hasHistograms = columns.values.contains(where: \.isHistogramMark) }
    }

    /// Between the steps of a subquery there may be others, so what a histogram says of the one before it does not hold.
    private func forgetHints(_ evaluation: Evaluation) throws(QueryError) {
        for index in frame.values.indices {
            guard var histogram = evaluation.histograms[frame.values[index]],
                histogram.counterResetHint == .reset || histogram.counterResetHint == .notReset
            else { continue }
            histogram.counterResetHint = .unknown
            frame.values[index] = try evaluation.keep(histogram)
        }
    }

    override func close(_ evaluation: Evaluation) {
        evaluation.give(frame.values)
        frame = Frame(.empty(), steps: 0, values: [])
    }
}

extension SampleColumns {
    /// Removes stale markers, and puts the marks of the evaluation in the place of the reader's; whether there are any.
    mutating func settle(_ evaluation: Evaluation) throws(QueryError) -> Bool {
        guard let first = values.firstIndex(where: { $0.isNaN && ($0.isAbsent || $0.isHistogramMark) }) else {
            return false
        }
        let reader = evaluation.reader as? any HistogramReader
        var hasHistograms = false
        var kept = first
        for index in first..<values.count {
            var value = values[index]
            if value.isAbsent { continue }
            if value.isHistogramMark {
                value = try evaluation.keep(read: value, reader)
                if value.isHistogramMark { hasHistograms = true }
            }
            values[kept] = value
            timestamps[kept] = timestamps[index]
            kept += 1
        }
        values.removeLast(values.count - kept)
        timestamps.removeLast(timestamps.count - kept)
        return hasHistograms
    }
}
