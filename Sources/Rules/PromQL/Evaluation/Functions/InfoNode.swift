import Telemetry

/// `info(v, {selector})`: adds the labels of info series (`target_info` where none are named) that have the same `instance`
/// and `job` (Prometheus `promql/info.go`).
///
/// Labels are worked out for every step, as info series come and go; it is for queries, not for rules that are evaluated all
/// the time.
final class InfoNode: PlanNode {
    private static let identifying = ["instance", "job"]

    private let node: PlanNode
    /// Matchers of `v` have no say in which labels are added.
    private let dataMatchers: [LabelMatcher]
    private let nameMatchers: [LabelMatcher]
    private let selection: SeriesSelection
    private let timing: SelectionTiming

    init(_ node: PlanNode, of expression: Expression, _ selector: VectorSelector?) {
        self.node = node
        let given = selector?.matchers ?? []
        dataMatchers = given.filter { $0.name != metricNameLabel }
        nameMatchers = InfoNode.effective(given.filter { $0.name == metricNameLabel })
        selection = SeriesSelection(nameMatchers + dataMatchers)
        timing = InfoNode.timing(of: expression)
        super.init()
    }

    /// Without a matcher that says which, they are `target_info`, or everything that ends in `_info` where some are excluded.
    private static func effective(_ matchers: [LabelMatcher]) -> [LabelMatcher] {
        if matchers.contains(where: { $0.operation == .equal || $0.operation == .matches }) { return matchers }
        let added =
            matchers.isEmpty
            ? try? LabelMatcher(metricNameLabel, .equal, "target_info")
            : try? LabelMatcher(metricNameLabel, .matches, ".+_info")
        return (added.map { [$0] } ?? []) + matchers
    }

    /// Info series are read at the time of the first selector in the expression.
    private static func timing(of expression: Expression) -> SelectionTiming {
        expression.firstSelectorTiming ?? SelectionTiming()
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        let base = try node.run(grid, evaluation)
        selection.refresh(evaluation.reader)
        let timing = try timing.resolved(evaluation)
        var result = RowBuilder(steps: grid.count)
        let identities = selection.shape.labels.map { Identity($0) }
        let baseIdentities = base.shape.labels.map { $0.keeping(InfoNode.identifying) }
        let isInfo = base.shape.labels.map { labels in nameMatchers.allSatisfy { $0.matches(labels.metricName) } }
        let wanted = InfoNode.wanted(base, baseIdentities, isInfo)
        // Two info series of one identity are wrong only where somebody asks for it.
        let rows = selection.shape.labels.indices.filter { row in
            wanted.allSatisfy { name, values in values.contains(selection.shape.labels[row][name] ?? "") }
        }
        for step in 0..<grid.count {
            try evaluation.checkpoint()
            let time = timing.reference(grid.time(step))
            let newest = wanted.isEmpty ? [:] : try newestInfo(at: time, rows, identities, evaluation)
            for row in 0..<base.shape.count {
                let value = base.values[row * grid.count + step]
                if value.isAbsent { continue }
                var labels = base.shape.labels[row]
                if !isInfo[row] {
                    guard let enriched = try enrich(labels, baseIdentities[row], newest) else { continue }
                    labels = enriched
                }
                try result.put(labels, removesName: base.shape.removesName(row), step, value)
            }
        }
        evaluation.give(base.values)
        var frame = result.frame
        frame.hasHistograms = base.hasHistograms
        return frame
    }

    /// The values of each identifying label among series that have samples and get labels; without those that none of them has.
    private static func wanted(_ base: Frame, _ identities: [LabelSet], _ isInfo: [Bool]) -> [String: Set<String>] {
        var wanted: [String: Set<String>] = [:]
        for row in identities.indices where !isInfo[row] && !identities[row].isEmpty {
            let start = row * base.steps
            guard base.values[start..<(start + base.steps)].contains(where: { !$0.isAbsent }) else { continue }
            for label in identities[row].labels { wanted[label.name, default: []].insert(label.value) }
        }
        return wanted
    }

    /// What tells info series apart: their name and the identifying labels.
    private struct Identity: Hashable {
        var name: String
        var labels: LabelSet

        init(_ labels: LabelSet) {
            name = labels.metricName
            self.labels = labels.keeping(InfoNode.identifying)
        }
    }

    /// Per identity and name the series whose sample is the newest.
    private func newestInfo(
        at time: Int64, _ rows: [Int], _ identities: [Identity], _ evaluation: Evaluation
    ) throws(QueryError) -> [LabelSet: [(name: String, row: Int)]] {
        var best: [Identity: (row: Int, timestamp: Int64)] = [:]
        for row in rows {
            let found = evaluation.reader.newest(
                of: selection.series[row], after: time - evaluation.options.lookback, through: time)
            guard let found, !found.value.isAbsent else { continue }
            if found.value.isHistogramMark {
                throw .execution("this should be an info metric, with float samples: \(text(row))")
            }
            if let old = best[identities[row]] {
                if old.timestamp == found.timestamp {
                    throw .execution(
                        "found duplicate series for info metric: existing \(text(old.row)) @ \(old.timestamp), new "
                            + "\(text(row)) @ \(found.timestamp)")
                }
                if old.timestamp > found.timestamp { continue }
            }
            best[identities[row]] = (row, found.timestamp)
        }
        var byLabels: [LabelSet: [(name: String, row: Int)]] = [:]
        for (identity, found) in best { byLabels[identity.labels, default: []].append((identity.name, found.row)) }
        return byLabels
    }

    private func text(_ row: Int) -> String { selection.shape.labels[row].plainText }

    /// nil where the matchers demand info labels that are not there.
    private func enrich(
        _ labels: LabelSet, _ identity: LabelSet, _ newest: [LabelSet: [(name: String, row: Int)]]
    ) throws(QueryError) -> LabelSet? {
        let infos = newest[identity] ?? []
        if infos.isEmpty { return dataMatchers.allSatisfy { $0.matches("") } ? labels : nil }
        var added = LabelSet()
        for info in infos {
            for label in selection.shape.labels[info.row].labels where label.name != metricNameLabel {
                if !dataMatchers.isEmpty, !dataMatchers.contains(where: { $0.name == label.name }) { continue }
                if let old = added[label.name], old != label.value {
                    throw .execution("conflicting label: \(label.name)")
                }
                if labels[label.name] == nil { added[label.name] = label.value }
            }
        }
        return labels.overridden(by: added)
    }
}

/// Gathers a frame whose series turn up step by step.
struct RowBuilder {
    private var rows: [LabelSet: Int] = [:]
    private var sets: [LabelSet] = []
    private var removals: [Bool] = []
    private var values: [Double] = []
    private let steps: Int

    init(steps: Int) { self.steps = steps }

    mutating func put(_ labels: LabelSet, removesName: Bool, _ step: Int, _ value: Double) throws(QueryError) {
        let row = rows[labels] ?? sets.count
        if row == sets.count {
            rows[labels] = row
            sets.append(labels)
            removals.append(removesName)
            values.append(contentsOf: repeatElement(.absent, count: steps))
        }
        guard values[row * steps + step].isAbsent else { throw .sameLabels }
        values[row * steps + step] = value
    }

    var frame: Frame { Frame(Shape(sets, nameRemoval: .some(removals)), steps: steps, values: values) }
}

extension Expression {
    /// The offset and `@` of the first selector, those of subqueries around it included.
    var firstSelectorTiming: SelectionTiming? {
        switch self {
        case .number, .string: return nil
        case .vectorSelector(let selector): return SelectionTiming(offset: selector.offset, at: selector.at)
        case .matrixSelector(let matrix):
            return SelectionTiming(offset: matrix.selector.offset, at: matrix.selector.at)
        case .subquery(let subquery):
            let inner = subquery.expression.firstSelectorTiming
            guard var timing = inner, timing.at == nil else { return inner }
            timing.at = subquery.at
            switch (timing.offset, subquery.offset) {
            case (let inner?, let outer?): timing.offset = .binary(.add, inner, outer)
            case (nil, let outer): timing.offset = outer
            case (_, nil): break
            }
            return timing
        case .call(let call):
            // Each argument once: a lazy map would ask twice, at every level.
            for argument in call.arguments {
                if let timing = argument.firstSelectorTiming { return timing }
            }
            return nil
        case .aggregation(let aggregation):
            return aggregation.expression.firstSelectorTiming ?? aggregation.parameter?.firstSelectorTiming
        case .unary(let operation): return operation.expression.firstSelectorTiming
        case .binary(let operation):
            return operation.left.firstSelectorTiming ?? operation.right.firstSelectorTiming
        case .parenthesized(let inner, _): return inner.firstSelectorTiming
        }
    }
}
