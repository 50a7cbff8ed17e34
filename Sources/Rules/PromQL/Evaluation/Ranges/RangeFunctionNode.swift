import Telemetry

/// A function over ranges, evaluated series by series with a window that slides over decoded samples.
final class RangeFunctionNode<Function: WindowFunction>: PlanNode {
    private let source: RangeSource
    private let arguments: [PlanNode]
    private let traits: RangeFunctionTraits
    private var function: Function
    private var columns = SampleColumns()
    /// Samples that are looked at without asking whether the result is still wanted.
    private static var unattendedWork: Int { 1 << 18 }
    private var suspects: (shape: Shape, names: [String?])?

    init(_ function: Function, _ source: RangeSource, arguments: [PlanNode] = [], _ traits: RangeFunctionTraits) {
        self.function = function
        self.source = source
        self.arguments = arguments
        self.traits = traits
        super.init(
            isInvariant: source.isFixed && !traits.usesStepTime && arguments.allSatisfy(\.isInvariant))
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        try evaluation.checkpoint()
        var columnsOfArguments: [[Double]] = []
        for argument in arguments { columnsOfArguments.append(try argument.evaluate(grid, evaluation).values) }
        function.prepare(columnsOfArguments)
        let range = try source.open(grid, evaluation)
        defer { source.close(evaluation) }
        let shape = traits.keepsName ? range.shape : range.shape.removingNames
        var values = try evaluation.take(shape.count * grid.count)
        var function = function
        var columns = columns
        var starts = SampleStarts()
        self.columns = SampleColumns()
        defer { self.columns = columns }
        var hasResult = false
        var hasHistograms = false
        for index in 0..<shape.count {
            if index & 0xff == 0xff { try evaluation.checkpoint() }
            columns.removeAll()
            try source.load(index, into: &columns)
            if columns.count == 0 {
                values.append(contentsOf: repeatElement(.absent, count: grid.count))
                continue
            }
            try evaluation.hold(columns.count)
            try source.loadStarts(index, columns.count, evaluation, into: &starts)
            function.begin(columns, starts)
            let found: Bool
            if source.hasHistograms {
                let mixed = MixedSlide(columns: columns, starts: starts, metric: range.shape.labels[index].metricName)
                found = try slide(&function, range, grid, evaluation, mixed, into: &values)
                hasHistograms = true
            } else {
                found = try slide(&function, range, grid, evaluation, columns, into: &values)
            }
            evaluation.release(columns.count)
            hasResult = hasResult || found
            if found, traits.suspectsGauges {
                suspect(index, range.shape, evaluation)
                if !starts.times.isEmpty { remarkOnOverlap(starts, columns, range.shape.labels[index], evaluation) }
            }
        }
        if hasResult, let check = traits.remark { check(columnsOfArguments, evaluation) }
        for column in columnsOfArguments { evaluation.give(column) }
        var frame = Frame(shape, steps: grid.count, values: values)
        frame.hasHistograms = hasHistograms
        return frame
    }

    /// Whether the series has a result at any step.
    @inline(__always)
    private func slide(
        _ function: inout Function, _ range: OpenRange, _ grid: TimeGrid, _ evaluation: Evaluation,
        _ columns: borrowing SampleColumns, into values: inout [Double]
    ) throws(QueryError) -> Bool {
        let count = columns.count
        let margin = traits.rangeExtension == nil ? 0 : evaluation.options.lookback
        let ahead = traits.rangeExtension == .smoothed ? evaluation.options.lookback : 0
        var first = 0
        var end = 0
        var found = false
        var work = 0
        for step in 0..<grid.count {
            work += end - first + 1
            if work > Self.unattendedWork {
                work = 0
                try evaluation.checkpoint()
            }
            let time = grid.time(step)
            let through = range.timing.reference(time)
            let from = through - range.window
            while end < count, columns.timestamps[end] <= through + ahead { end += 1 }
            while first < end, columns.timestamps[first] <= from - margin { first += 1 }
            guard first < end else {
                values.append(.absent)
                continue
            }
            if Function.checksArguments { try function.check(step) }
            let window = SampleWindow(
                first: first, end: end, from: from, through: through, time: time, step: step)
            let value = function.value(window, columns)
            if !value.isAbsent { found = true }
            values.append(value)
        }
        return found
    }

    /// The samples of a series that has native histograms among them.
    private struct MixedSlide {
        var columns: SampleColumns
        var starts: SampleStarts
        var metric: String
    }

    /// The same for a series with native histograms; whether it has a number as a result at any step.
    private func slide(
        _ function: inout Function, _ range: OpenRange, _ grid: TimeGrid, _ evaluation: Evaluation,
        _ mixed: MixedSlide, into values: inout [Double]
    ) throws(QueryError) -> Bool {
        let columns = mixed.columns
        let margin = traits.rangeExtension == nil ? 0 : evaluation.options.lookback
        let ahead = traits.rangeExtension == .smoothed ? evaluation.options.lookback : 0
        var (first, end) = (0, 0)
        var found = false
        for step in 0..<grid.count {
            let time = grid.time(step)
            let through = range.timing.reference(time)
            let from = through - range.window
            while end < columns.count, columns.timestamps[end] <= through + ahead { end += 1 }
            while first < end, columns.timestamps[first] <= from - margin { first += 1 }
            guard first < end else {
                values.append(.absent)
                continue
            }
            if Function.checksArguments { try function.check(step) }
            let window = SampleWindow(first: first, end: end, from: from, through: through, time: time, step: step)
            let value = try value(&function, window, mixed, evaluation)
            if !value.isAbsent, !value.isHistogramMark { found = true }
            values.append(value)
        }
        return found
    }

    private func value(
        _ function: inout Function, _ window: SampleWindow, _ mixed: MixedSlide, _ evaluation: Evaluation
    ) throws(QueryError) -> Double {
        let hasHistograms = mixed.columns.values[window.first..<window.end].contains(where: \.isHistogramMark)
        if case .passes = traits.histograms { return function.value(window, mixed.columns) }
        if !hasHistograms { return function.value(window, mixed.columns) }
        let parts = MixedWindow(window, mixed.columns, mixed.starts, evaluation.histograms)
        let step = MixedRangeEvaluation(
            window: parts, metric: mixed.metric, range: traits.range, evaluation: evaluation)
        if let value = try step.value(of: traits.histograms) { return value }
        guard parts.numbers.count > 0 else { return .absent }
        evaluation.remarkOnIgnoredHistograms(inRangeOf: mixed.metric, at: traits.ignoredRange)
        // What the function has noted of the whole series has histograms in between.
        var other = function
        other.begin(parts.numbers, parts.starts)
        return other.value(parts.numberWindow, parts.numbers)
    }

    /// Remarks on samples that began before the ones before them.
    private func remarkOnOverlap(
        _ starts: SampleStarts, _ columns: borrowing SampleColumns, _ labels: LabelSet, _ evaluation: Evaluation
    ) {
        for index in 1..<max(columns.count, 1) where starts.overlaps(index - 1, index, columns) {
            evaluation.annotations.warn(
                "sample has start time that overlaps with previous sample timestamp for metric "
                    + GoQuoted.quote(labels.metricName), at: traits.range)
            return
        }
    }

    /// Remarks that a metric's name is not one of a counter.
    private func suspect(_ index: Int, _ shape: Shape, _ evaluation: Evaluation) {
        if suspects?.shape !== shape {
            suspects = (
                shape,
                shape.labels.map { labels in
                    let name = labels.metricName
                    let endings = ["_total", "_sum", "_count", "_bucket"]
                    return name.isEmpty || endings.contains { name.hasSuffix($0) } ? nil : name
                }
            )
        }
        guard let name = suspects?.names[index] else { return }
        evaluation.annotations.inform(
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \(GoQuoted.quote(name))",
            at: traits.range)
    }
}

/// What sets functions over ranges apart beside their value.
struct RangeFunctionTraits {
    /// `last_over_time` and `first_over_time`, which act like `offset`.
    var keepsName = false
    /// Whether the value depends on the time of the step, beside the window's.
    var usesStepTime = false
    /// `rate` and `increase`, which are for counters.
    var suspectsGauges = false
    var rangeExtension: RangeExtension?
    /// What becomes of native histograms.
    var histograms = HistogramRangeFunction.passes
    /// What to remark on the arguments once there is a result.
    var remark: (([[Double]], Evaluation) -> Void)?
    /// Where the range stands in the query.
    var range: TextRange
    /// What the remark on ignored histograms points at.
    var ignoredRange: TextRange

    init(range: TextRange) {
        self.range = range
        ignoredRange = range
    }
}
