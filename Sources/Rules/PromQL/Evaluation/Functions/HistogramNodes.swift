import Bytes
import Telemetry

/// `histogram_quantile(φ, v)` and `histogram_quantiles(v, "label", φ, …)`.
final class HistogramQuantileNode: PlanNode {
    private let node: PlanNode
    private let quantiles: [(node: PlanNode, range: TextRange)]
    /// Where each quantile's value is written; nil for `histogram_quantile`.
    private let label: String?
    private let range: TextRange
    private let rows = HistogramRows()
    private var buckets = ClassicBuckets()
    private var labelled: (base: Shape, texts: [String], shape: Shape)?

    init(_ node: PlanNode, range: TextRange, quantiles: [(node: PlanNode, range: TextRange)], label: String?) {
        self.node = node
        self.range = range
        self.quantiles = quantiles
        self.label = label
        super.init(isInvariant: node.isInvariant && quantiles.allSatisfy(\.node.isInvariant))
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var columns: [[Double]] = []
        for quantile in quantiles { columns.append(try quantile.node.evaluate(grid, evaluation).values) }
        var input = try node.run(grid, evaluation)
        let mixed = rows.take(from: &input)
        let groups = rows.groups
        groups.remark(on: input, at: range, evaluation)
        for (column, quantile) in zip(columns, quantiles) {
            for value in column {
                guard let complaint = Quantile.complaint(value) else { continue }
                evaluation.annotations.warn(complaint, at: quantile.range)
            }
        }
        var values = try evaluation.take(rows.shape.count * columns.count * grid.count)
        for column in columns {
            for group in 0..<groups.output.count {
                for step in 0..<grid.count {
                    groups.collect(group, step, of: input, into: &buckets)
                    if buckets.isEmpty {
                        values.append(.absent)
                        continue
                    }
                    values.append(buckets.quantile(column[step]))
                    if let fix = buckets.fix { remark(fix, group, grid.time(step), evaluation) }
                }
            }
            if !mixed.isEmpty { try appendNatives(column, mixed, grid.count, evaluation, to: &values) }
        }
        defer {
            for column in columns { evaluation.give(column) }
            evaluation.give(input.values)
        }
        guard let label else { return Frame(rows.shape, steps: grid.count, values: values) }
        if columns.allSatisfy({ column in column.allSatisfy { $0 == column[0] || $0.isNaN && column[0].isNaN } }) {
            return Frame(labelledShape(columns, label), steps: grid.count, values: values)
        }
        return try labelledSteps(columns, label, values, grid)
    }

    /// The rows of native histograms at one quantile, of which those that are classic ones as well stand there already.
    private func appendNatives(
        _ quantiles: [Double], _ mixed: [Double], _ steps: Int, _ evaluation: Evaluation, to values: inout [Double]
    ) throws(QueryError) {
        let start = values.count - rows.groups.output.count * steps
        var column = Array(values[start...])
        column.append(contentsOf: repeatElement(.absent, count: rows.shape.count * steps - column.count))
        rows.fill(&column, mixed, steps, range, evaluation) { $0.quantile(quantiles[$1]) }
        values.replaceSubrange(start..., with: column)
    }

    private func remark(
        _ fix: (lowest: Double, highest: Double, difference: Double), _ group: Int, _ time: Int64,
        _ evaluation: Evaluation
    ) {
        let name = rows.groups.output.labels[group].metricName
        let text =
            "input to histogram_quantile needed to be fixed for monotonicity (see "
            + "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
            + (name.isEmpty ? "" : " for metric name \(GoQuoted.quote(name))")
        let details = MonotonicityFix(
            lowestBound: fix.lowest, highestBound: fix.highest, largestDifference: fix.difference, from: time,
            through: time)
        evaluation.annotations.inform(text, details, at: range)
    }

    /// The histograms once for every quantile, with its value as a label.
    private func labelledShape(_ columns: [[Double]], _ label: String) -> Shape {
        let texts = columns.map { OpenMetricsNumber.text($0.first ?? .nan) }
        if let labelled, labelled.base === rows.shape, labelled.texts == texts { return labelled.shape }
        var sets: [LabelSet] = []
        for text in texts {
            for set in rows.shape.labels {
                var labels = set
                labels[label] = text
                sets.append(labels)
            }
        }
        let shape = Shape(sets, nameRemoval: .all)
        labelled = (rows.shape, texts, shape)
        return shape
    }

    /// The same where a quantile is another one at every step, and so is the series.
    private func labelledSteps(
        _ columns: [[Double]], _ label: String, _ values: [Double], _ grid: TimeGrid
    ) throws(QueryError) -> Frame {
        var result = RowBuilder(steps: grid.count)
        var index = 0
        for column in columns {
            for set in rows.shape.labels {
                for step in 0..<grid.count {
                    let value = values[index]
                    index += 1
                    if value.isAbsent { continue }
                    var labels = set
                    labels[label] = OpenMetricsNumber.text(column[step])
                    try result.put(labels, removesName: true, step, value)
                }
            }
        }
        return result.frame
    }
}

/// Numbers as OpenMetrics writes them in labels: always recognisable as floats.
enum OpenMetricsNumber {
    static func text(_ value: Double) -> String {
        if value == 1 { return "1.0" }
        if value == 0 { return "0.0" }
        if value == -1 { return "-1.0" }
        let text = Bytes.GoNumber.general(value)
        if !value.isFinite || text.contains(where: { $0 == "." || $0 == "e" }) { return text }
        return text + ".0"
    }
}

/// `histogram_fraction(lower, upper, v)`.
final class HistogramFractionNode: PlanNode {
    private let node: PlanNode
    private let lower: PlanNode
    private let upper: PlanNode
    private let range: TextRange
    private let rows = HistogramRows()
    private var buckets = ClassicBuckets()

    init(_ lower: PlanNode, _ upper: PlanNode, _ node: PlanNode, range: TextRange) {
        self.lower = lower
        self.upper = upper
        self.node = node
        self.range = range
        super.init(isInvariant: node.isInvariant && lower.isInvariant && upper.isInvariant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        let from = try lower.evaluate(grid, evaluation).values
        let to = try upper.evaluate(grid, evaluation).values
        var input = try node.run(grid, evaluation)
        let mixed = rows.take(from: &input)
        let groups = rows.groups
        groups.remark(on: input, at: range, evaluation)
        var values = try evaluation.take(rows.shape.count * grid.count)
        for group in 0..<groups.output.count {
            for step in 0..<grid.count {
                groups.collect(group, step, of: input, into: &buckets)
                values.append(buckets.isEmpty ? .absent : buckets.fraction(from: from[step], to: to[step]))
            }
        }
        if !mixed.isEmpty {
            values.append(contentsOf: repeatElement(.absent, count: rows.shape.count * grid.count - values.count))
            rows.fill(&values, mixed, grid.count, range, evaluation) { $0.fraction(from: from[$1], to: to[$1]) }
        }
        evaluation.give(from)
        evaluation.give(to)
        evaluation.give(input.values)
        return Frame(rows.shape, steps: grid.count, values: values)
    }
}
