import Telemetry

/// Matches two vectors sample by sample (Prometheus `promql/engine.go`, `VectorBinop`): where it depends on the step which
/// series are there, and where a missing side is filled in.
final class SampleMatcher {
    private let matching: VectorMatching
    private let operation: SampleOperator
    private let labels: ResultLabels
    private let isSwapped: Bool
    private let many: Shape
    private let one: Shape
    private let manySignatures: [Int32]
    private let oneSignatures: [Int32]
    private let signatureCount: Int

    /// The result's series, as they turned up.
    private var shape = Shape.empty()
    private var sets: [LabelSet] = []
    private var removals: [Bool] = []
    private var rowsByLabels: [LabelSet: Int32] = [:]
    /// Rows by the pair of series, -1 for one that is filled in.
    private var rowsByPair: [Pair: Int32] = [:]

    private struct Pair: Hashable {
        var many: Int32
        var one: Int32
    }

    init(
        _ left: Shape, _ right: Shape, _ signatures: MatchSignatures, _ matching: VectorMatching,
        _ operation: SampleOperator
    ) {
        self.matching = matching
        self.operation = operation
        labels = ResultLabels(matching: matching, operation: operation)
        isSwapped = matching.cardinality == .oneToMany
        (many, one) = isSwapped ? (right, left) : (left, right)
        (manySignatures, oneSignatures) =
            isSwapped ? (signatures.right, signatures.left) : (signatures.left, signatures.right)
        signatureCount = signatures.count
    }

    func apply(
        _ left: Frame, _ right: Frame, _ evaluation: Evaluation, _ range: TextRange
    ) throws(QueryError) -> Frame {
        let steps = left.steps
        let (manyFrame, oneFrame) = isSwapped ? (right, left) : (left, right)
        // Rows turn up as steps are evaluated; each is a column of its own until all are known.
        var columns = [[Double]](repeating: [Double](repeating: .absent, count: steps), count: sets.count)
        try evaluation.hold(sets.count * steps)
        var partner = [Int32](repeating: -1, count: signatureCount)
        var used: [Set<Int32>] = Array(repeating: [], count: signatureCount)
        let isMixed = manyFrame.hasHistograms || oneFrame.hasHistograms || operation.isTrim
        // Rows are numbered as they first turned up, maybe in an earlier evaluation; the result has its own order.
        var order: [Int32] = []
        for step in 0..<steps {
            try evaluation.checkpoint()
            // Before anything is found wrong: with nothing there is nothing wrong.
            let isEmptySide = !hasSample(oneFrame, step) || !hasSample(manyFrame, step)
            if isEmptySide, matching.fillLeft == nil, matching.fillRight == nil { continue }
            for index in partner.indices { partner[index] = -1 }
            for index in used.indices where !used[index].isEmpty { used[index].removeAll(keepingCapacity: true) }
            for row in 0..<one.count where !oneFrame.values[row * steps + step].isAbsent {
                let signature = Int(oneSignatures[row])
                if partner[signature] >= 0 { throw duplicate(Int(partner[signature]), row) }
                partner[signature] = Int32(row)
            }
            // Of every step Prometheus tells only the last remark.
            var remark: OperatorRemark?
            func put(_ pair: Pair, _ signature: Int, _ a: Double, _ b: Double) throws(QueryError) {
                let (left, right) = isSwapped ? (b, a) : (a, b)
                let value: Double
                if isMixed {
                    var found: OperatorRemark?
                    value = try operation.applyMixed(left, right, evaluation, &found)
                    remark = found ?? remark
                    // What is not defined is no match.
                    if found != nil, value.isAbsent { return }
                } else {
                    value = operation.apply(left, right)
                }
                let row = self.row(of: pair)
                while columns.count <= Int(row) {
                    try evaluation.hold(steps)
                    columns.append([Double](repeating: .absent, count: steps))
                }
                if matching.cardinality == .oneToOne {
                    guard used[signature].isEmpty else {
                        throw .execution(
                            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                        )
                    }
                    used[signature].insert(row)
                } else if !used[signature].insert(row).inserted {
                    throw .execution("multiple matches for labels: grouping labels must ensure unique matches")
                }
                if value.isAbsent { return }
                guard columns[Int(row)][step].isAbsent else { throw .sameLabels }
                columns[Int(row)][step] = value
                if steps == 1 { order.append(row) }
            }
            // Prometheus takes `fill_right` for the side that is unique also where `group_right` makes it the left one.
            let fillOne = matching.fillRight
            let fillMany = matching.fillLeft
            for row in 0..<many.count {
                let value = manyFrame.values[row * steps + step]
                if value.isAbsent { continue }
                let signature = Int(manySignatures[row])
                if partner[signature] >= 0 {
                    let other = oneFrame.values[Int(partner[signature]) * steps + step]
                    try put(Pair(many: Int32(row), one: partner[signature]), signature, value, other)
                } else if let fillOne {
                    try put(Pair(many: Int32(row), one: -1), signature, value, fillOne)
                }
            }
            if let fillMany {
                for row in 0..<one.count {
                    let value = oneFrame.values[row * steps + step]
                    let signature = Int(oneSignatures[row])
                    if value.isAbsent || !used[signature].isEmpty { continue }
                    try put(Pair(many: -1, one: Int32(row)), signature, fillMany, value)
                }
            }
            remark?.add(to: evaluation, at: range)
        }
        var frame = assemble(columns, steps)
        if steps == 1 { frame.order = order }
        frame.hasHistograms = isMixed
        return frame
    }

    private func hasSample(_ frame: Frame, _ step: Int) -> Bool {
        (0..<frame.shape.count).contains { !frame.values[$0 * frame.steps + step].isAbsent }
    }

    private func row(of pair: Pair) -> Int32 {
        if let row = rowsByPair[pair] { return row }
        let manyLabels = pair.many >= 0 ? many.labels[Int(pair.many)] : filling(one.labels[Int(pair.one)])
        let oneLabels = pair.one >= 0 ? one.labels[Int(pair.one)] : filling(many.labels[Int(pair.many)])
        let set = labels.of(many: manyLabels, one: oneLabels)
        let row = rowsByLabels[set] ?? Int32(sets.count)
        if row == sets.count {
            sets.append(set)
            removals.append(operation.isTruth || (pair.many >= 0 && many.removesName(Int(pair.many))))
            rowsByLabels[set] = row
        }
        rowsByPair[pair] = row
        return row
    }

    /// The labels of a side that has no series: those that match.
    private func filling(_ other: LabelSet) -> LabelSet { matching.signature(of: other) }

    private func assemble(_ columns: [[Double]], _ steps: Int) -> Frame {
        if shape.count != sets.count { shape = Shape(sets, nameRemoval: .some(removals)) }
        var values: [Double] = []
        values.reserveCapacity(sets.count * steps)
        for column in columns { values.append(contentsOf: column) }
        return Frame(shape, steps: steps, values: values)
    }

    private func duplicate(_ first: Int, _ second: Int) -> QueryError {
        let group = matching.signature(of: one.labels[second]).plainText
        let series = [one.labels[first].plainText, one.labels[second].plainText].sorted {
            $0.utf8.lexicographicallyPrecedes($1.utf8)
        }
        return .execution(
            "found duplicate series for the match group \(group) on the \(isSwapped ? "left" : "right") hand-side of the "
                + "operation: [\(series[0]), \(series[1])];many-to-many matching not allowed: matching labels must be "
                + "unique on one side")
    }
}
