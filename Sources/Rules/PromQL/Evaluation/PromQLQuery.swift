/// A PromQL query, compiled.
package final class PromQLQuery: PreparedQuery {
    package let expression: Expression
    /// Ends the query when it is canceled.
    package var cancellation: QueryCancellation?
    private let text: String
    private let options: QueryOptions
    private let pool: BufferPool
    private let root: Root

    private enum Root {
        case node(PlanNode)
        case string(String)
        case range(RangeSource, RangeExtension?)
    }

    init(_ expression: Expression, text: String, _ options: QueryOptions, _ pool: BufferPool) throws(QueryError) {
        self.expression = expression
        self.text = text
        self.options = options
        self.pool = pool
        let expression = expression.markingStatistics()
        switch expression.unwrapped {
        case .string(let literal): root = .string(literal.value)
        case .matrixSelector(let matrix):
            root = .range(try FunctionCompiler.source(expression), matrix.selector.rangeExtension)
        case .subquery: root = .range(try FunctionCompiler.source(expression), nil)
        default: root = .node(try Compiler.compile(expression))
        }
    }

    package func instant(at time: Int64, in reader: any SampleReader) throws(QueryError) -> QueryResult {
        let evaluation = Evaluation(
            reader, options, start: time, end: time, step: 0, pool: pool, cancellation: cancellation)
        let value: QueryValue
        switch root {
        case .string(let text): value = .string(text)
        case .range(let source, let rangeExtension):
            value = .matrix(try RangeRoot.series(of: source, rangeExtension, at: time, evaluation))
        case .node(let node):
            let frame = try node.run(TimeGrid(at: time), evaluation)
            value =
                node.isScalar ? .scalar(frame.values[0]) : .vector(try frame.vector(at: time, evaluation.histograms))
            evaluation.give(frame.values)
        }
        return result(value, evaluation)
    }

    package func range(
        from start: Int64, through end: Int64, step: Int64, in reader: any SampleReader
    ) throws(QueryError) -> QueryResult {
        guard case .node(let node) = root else {
            throw .execution(
                "invalid expression type \"\(expression.valueType.rawValue)\" for range query, must be Scalar or instant Vector"
            )
        }
        guard step > 0 else { throw .execution("zero or negative query resolution step widths are not accepted") }
        let evaluation = Evaluation(
            reader, options, start: start, end: end, step: step, pool: pool, cancellation: cancellation)
        let grid = TimeGrid(from: start, through: end, step: step)
        guard grid.count > 0 else { return result(.matrix([]), evaluation) }
        let frame = try node.run(grid, evaluation)
        let series = try frame.matrix(grid, evaluation.histograms)
        evaluation.give(frame.values)
        return result(.matrix(series), evaluation)
    }

    private func result(_ value: QueryValue, _ evaluation: Evaluation) -> QueryResult {
        let annotations = evaluation.annotations
        return QueryResult(value: value, annotations: annotations.isEmpty ? [] : annotations.rendered(for: text))
    }
}

extension Frame {
    /// The samples of the only step.
    func vector(at time: Int64, _ histograms: HistogramTable) throws(QueryError) -> [VectorSample] {
        // Most alerts' expressions give nothing, and then nobody needs the labels.
        let count = values.reduce(0) { $1.isAbsent ? $0 : $0 + 1 }
        if count == 0 { return [] }
        let final = shape.finalLabels
        if final.hasDuplicates { try checkDuplicates(final) }
        var samples: [VectorSample] = []
        samples.reserveCapacity(count)
        func append(_ row: Int) {
            if hasHistograms, let histogram = histograms[values[row]] {
                samples.append(
                    VectorSample(
                        labels: final.labels[row], timestamp: time, value: .nan, histogram: SharedHistogram(histogram)))
            } else {
                samples.append(VectorSample(labels: final.labels[row], timestamp: time, value: values[row]))
            }
        }
        if let order {
            for row in order where !values[Int(row)].isAbsent { append(Int(row)) }
            return samples
        }
        for row in 0..<shape.count where !values[row].isAbsent { append(row) }
        return samples
    }

    /// Every series that has a sample at any step, sorted by labels. Series that became the same are joined.
    func matrix(_ grid: TimeGrid, _ histograms: HistogramTable) throws(QueryError) -> [MatrixSeries] {
        let final = shape.finalLabels
        if final.hasDuplicates { try checkDuplicates(final) }
        var result: [MatrixSeries] = []
        for row in final.order {
            let start = Int(row) * steps
            var series = MatrixSeries(labels: final.labels[Int(row)], points: [])
            for step in 0..<steps where !values[start + step].isAbsent {
                let value = values[start + step]
                if hasHistograms, let histogram = histograms[value] {
                    series.histograms.append(.init(timestamp: grid.time(step), histogram: histogram))
                } else {
                    series.points.append(.init(timestamp: grid.time(step), value: value))
                }
            }
            if series.points.isEmpty, series.histograms.isEmpty { continue }
            if final.hasDuplicates, let last = result.last, last.labels == series.labels {
                result[result.count - 1].merge(series)
            } else {
                result.append(series)
            }
        }
        return result
    }

    private func checkDuplicates(_ final: FinalLabels) throws(QueryError) {
        for step in 0..<steps {
            var previous: Int32?
            for row in final.order where !values[Int(row) * steps + step].isAbsent {
                if let previous, final.labels[Int(previous)] == final.labels[Int(row)] { throw .sameLabels }
                previous = row
            }
        }
    }
}

/// A range vector as the result of an instant query.
enum RangeRoot {
    static func series(
        of source: RangeSource, _ rangeExtension: RangeExtension?, at time: Int64, _ evaluation: Evaluation
    ) throws(QueryError) -> [MatrixSeries] {
        let range = try source.open(TimeGrid(at: time), evaluation)
        defer { source.close(evaluation) }
        let final = range.shape.finalLabels
        let through = range.timing.reference(time)
        let from = through - range.window
        var result: [MatrixSeries] = []
        var columns = SampleColumns()
        for row in final.order {
            columns.removeAll()
            try source.load(Int(row), into: &columns)
            try evaluation.hold(columns.count)
            if let rangeExtension {
                if source.hasHistograms {
                    throw .execution("\(rangeExtension.rawValue) modifier is not supported with histograms")
                }
                columns.extend(from: from, through: through, rangeExtension)
            }
            guard columns.count > 0 else { continue }
            var series = MatrixSeries(labels: final.labels[Int(row)], points: [])
            for (timestamp, value) in zip(columns.timestamps, columns.values) {
                if source.hasHistograms, let histogram = evaluation.histograms[value] {
                    series.histograms.append(.init(timestamp: timestamp, histogram: histogram))
                } else {
                    series.points.append(.init(timestamp: timestamp, value: value))
                }
            }
            if final.hasDuplicates, let last = result.last, last.labels == series.labels {
                result[result.count - 1].merge(series)
                let times = result[result.count - 1].points.map(\.timestamp)
                let histogramTimes = result[result.count - 1].histograms.map(\.timestamp)
                for times in [times, histogramTimes] where zip(times, times.dropFirst()).contains(where: ==) {
                    throw .sameLabels
                }
            } else {
                result.append(series)
            }
        }
        return result
    }
}

extension SampleColumns {
    /// Puts samples at both ends of the window: the newest one at or before it, or, smoothed, the line to the next.
    mutating func extend(from: Int64, through: Int64, _ rangeExtension: RangeExtension) {
        guard count > 0 else { return }
        let isSmoothed = rangeExtension == .smoothed
        var first = 0
        while first + 1 < count, timestamps[first + 1] <= from { first += 1 }
        var last = count - 1
        if isSmoothed {
            last = 0
            while last < count - 1, timestamps[last] < through { last += 1 }
        }
        guard timestamps[last] > from else { return removeAll() }
        let left =
            isSmoothed && timestamps[first] < from ? interpolated(first, first + 1, from, false) : values[first]
        let right =
            isSmoothed && last > 0 && timestamps[last] > through
            ? interpolated(last - 1, last, through, false) : values[last]
        var extended = SampleColumns()
        extended.append(from, left)
        for index in indices(from: first, through: last)
        where timestamps[index] > from && timestamps[index] < through {
            extended.append(timestamps[index], values[index])
        }
        extended.append(through, right)
        self = extended
    }

    private func indices(from first: Int, through last: Int) -> Range<Int> { first..<max(first, last + 1) }
}
