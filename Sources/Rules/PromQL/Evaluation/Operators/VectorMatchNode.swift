import Telemetry

/// An arithmetic operator or comparison between two vectors.
///
/// Where every signature has at most one series on the side that must be unique, and the results differ by their labels,
/// which is nearly always, the pairs are worked out once (`MatchedPairs`) and a step is one pass over numbers. All else
/// goes sample by sample (`SampleMatcher`), as Prometheus does.
final class VectorMatchNode: PlanNode {
    private let operation: SampleOperator
    private let left: PlanNode
    private let right: PlanNode
    private let matching: VectorMatching
    private let range: TextRange
    private let signatures: MatchSignatures
    private var pairs: MatchedPairs?
    private var matcher: SampleMatcher?

    init(
        _ operation: SampleOperator, _ left: PlanNode, _ right: PlanNode, _ matching: VectorMatching, range: TextRange
    ) {
        self.operation = operation
        self.left = left
        self.right = right
        self.matching = matching
        self.range = range
        signatures = MatchSignatures(matching)
        super.init(
            isInvariant: left.isInvariant && right.isInvariant, isConstant: left.isConstant && right.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        let first = try left.run(grid, evaluation)
        let second = try right.run(grid, evaluation)
        if signatures.refresh(first.shape, second.shape) {
            pairs = MatchedPairs(first.shape, second.shape, signatures, matching, operation)
            matcher = nil
        }
        let result: Frame
        if let pairs, first.hasHistograms || second.hasHistograms {
            result = try applyMixed(pairs, first, second, evaluation)
        } else if let pairs {
            result = try apply(pairs, first, second, evaluation)
        } else {
            let matcher = self.matcher ?? SampleMatcher(first.shape, second.shape, signatures, matching, operation)
            self.matcher = matcher
            result = try matcher.apply(first, second, evaluation, range)
        }
        evaluation.give(first.values)
        evaluation.give(second.values)
        return result
    }

    private func apply(
        _ pairs: MatchedPairs, _ first: Frame, _ second: Frame, _ evaluation: Evaluation
    ) throws(QueryError) -> Frame {
        let steps = first.steps
        var values = try evaluation.take(pairs.shape.count * steps)
        let operation = operation
        var hasPair = false
        for pair in pairs.rows {
            let leftRow = Int(pair.left) * steps
            let rightRow = Int(pair.right) * steps
            for step in 0..<steps {
                let a = first.values[leftRow + step]
                let b = second.values[rightRow + step]
                if a.isAbsent || b.isAbsent {
                    values.append(.absent)
                } else {
                    values.append(operation.apply(a, b))
                    hasPair = true
                }
            }
        }
        if hasPair { operation.remarkOnFloats(at: range, evaluation) }
        return Frame(pairs.shape, steps: steps, values: values)
    }

    /// The same where native histograms may be among the samples.
    private func applyMixed(
        _ pairs: MatchedPairs, _ first: Frame, _ second: Frame, _ evaluation: Evaluation
    ) throws(QueryError) -> Frame {
        let steps = first.steps
        var values = try evaluation.take(pairs.shape.count * steps)
        // Of every step Prometheus tells only the last remark.
        var remarks = [OperatorRemark?](repeating: nil, count: steps)
        for pair in pairs.rows {
            for step in 0..<steps {
                let a = first.values[Int(pair.left) * steps + step]
                let b = second.values[Int(pair.right) * steps + step]
                if a.isAbsent || b.isAbsent {
                    values.append(.absent)
                } else {
                    values.append(try operation.applyMixed(a, b, evaluation, &remarks[step]))
                }
            }
        }
        for remark in remarks { remark?.add(to: evaluation, at: range) }
        var frame = Frame(pairs.shape, steps: steps, values: values)
        frame.hasHistograms = true
        return frame
    }
}

/// The labels of what an operator makes of two series.
struct ResultLabels {
    let matching: VectorMatching
    let operation: SampleOperator

    /// - Parameters:
    ///   - many: of the side that may have several series with a signature, the left one where neither may.
    ///   - one: of the other side.
    func of(many: LabelSet, one: LabelSet) -> LabelSet {
        var labels = operation.changesMeaning ? many.withoutMetadata : many
        if matching.cardinality == .oneToOne {
            labels = matching.isOn ? labels.keeping(matching.labels) : labels.removing(matching.labels)
        }
        for name in matching.include { labels[name] = one[name] }
        return labels
    }
}

/// Pairs of series that belong together whatever samples they have.
struct MatchedPairs {
    struct Pair {
        var left: Int32
        var right: Int32
    }

    private(set) var rows: [Pair] = []
    private(set) var shape = Shape.empty()

    /// nil where it depends on the samples which series belong together.
    init?(
        _ left: Shape, _ right: Shape, _ signatures: MatchSignatures, _ matching: VectorMatching,
        _ operation: SampleOperator
    ) {
        guard matching.fillLeft == nil, matching.fillRight == nil else { return nil }
        let isSwapped = matching.cardinality == .oneToMany
        let (many, one) = isSwapped ? (right, left) : (left, right)
        let manySignatures = isSwapped ? signatures.right : signatures.left
        let oneSignatures = isSwapped ? signatures.left : signatures.right
        var partner = [Int32](repeating: -1, count: signatures.count)
        for (row, signature) in oneSignatures.enumerated() {
            guard partner[Int(signature)] < 0 else { return nil }
            partner[Int(signature)] = Int32(row)
        }
        let labels = ResultLabels(matching: matching, operation: operation)
        var taken = [Bool](repeating: false, count: signatures.count)
        var results: Set<LabelSet> = []
        var sets: [LabelSet] = []
        var removals: [Bool] = []
        for (row, signature) in manySignatures.enumerated() {
            let other = partner[Int(signature)]
            guard other >= 0 else { continue }
            if matching.cardinality == .oneToOne {
                guard !taken[Int(signature)] else { return nil }
                taken[Int(signature)] = true
            }
            let set = labels.of(many: many.labels[row], one: one.labels[Int(other)])
            guard results.insert(set).inserted else { return nil }
            sets.append(set)
            removals.append(operation.isTruth || many.removesName(row))
            rows.append(
                isSwapped ? Pair(left: other, right: Int32(row)) : Pair(left: Int32(row), right: other))
        }
        shape = Shape(sets, nameRemoval: .some(removals))
    }
}
