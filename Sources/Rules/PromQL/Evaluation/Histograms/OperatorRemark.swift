/// What is to be said of an operator between two samples of which one at least is a native histogram.
enum OperatorRemark: Equatable {
    case incompatibleTypes(String, left: String, right: String)
    case incompatibleLayouts(String)
    case conflictingResets(isSubtraction: Bool)
    case reconciledBounds(isSubtraction: Bool)

    func add(to evaluation: Evaluation, at range: TextRange) {
        switch self {
        case .incompatibleTypes(let symbol, let left, let right):
            evaluation.annotations.inform(
                "incompatible sample types encountered for binary operator \"\(symbol)\": \(left) \(symbol) \(right)",
                at: range)
        case .incompatibleLayouts(let symbol):
            evaluation.annotations.warn(
                "incompatible bucket layout encountered for binary operator \(symbol)", at: range)
        case .conflictingResets(let isSubtraction):
            evaluation.remarkOnConflictingResets(isSubtraction ? .subtraction : .addition, at: range)
        case .reconciledBounds(let isSubtraction):
            evaluation.remarkOnReconciledBounds(isSubtraction ? .subtraction : .addition, at: range)
        }
    }
}

extension SampleOperator {
    /// What it makes of two samples, of which either may be the mark of a histogram (Prometheus `vectorElemBinop`); `.absent` with a
    /// remark where that is not defined.
    func applyMixed(
        _ left: Double, _ right: Double, _ evaluation: Evaluation, _ remark: inout OperatorRemark?
    ) throws(QueryError) -> Double {
        let result: FloatHistogram
        switch (evaluation.histograms[left], evaluation.histograms[right]) {
        case (nil, nil):
            if isTrim { return refuse("float", "float", &remark) }
            return apply(left, right)
        case (nil, let histogram?):
            guard case .arithmetic(.multiply) = self else { return refuse("float", "histogram", &remark) }
            result = histogram.multiplied(by: left).compacted()
        case (let histogram?, nil):
            switch self {
            case .arithmetic(.multiply): result = histogram.multiplied(by: right).compacted()
            case .arithmetic(.divide): result = histogram.divided(by: right).compacted()
            case .trim(let symbol): result = histogram.trimmed(at: right, keepsLower: symbol == "</")
            default: return refuse("histogram", "float", &remark)
            }
        case (let first?, let second?):
            switch self {
            case .filter(.equal): return first == second ? left : .absent
            case .filter(.notEqual): return first == second ? .absent : left
            case .truth(.equal): return first == second ? 1 : 0
            case .truth(.notEqual): return first == second ? 0 : 1
            case .arithmetic(.add), .arithmetic(.subtract):
                guard let combined = combine(first, second, &remark) else { return .absent }
                result = combined
            default: return refuse("histogram", "histogram", &remark)
            }
        }
        return try evaluation.keep(result)
    }

    private func refuse(_ left: String, _ right: String, _ remark: inout OperatorRemark?) -> Double {
        remark = .incompatibleTypes(symbol, left: left, right: right)
        return .absent
    }

    /// nil where there is no result, with the reason as a remark.
    private func combine(
        _ first: FloatHistogram, _ second: FloatHistogram, _ remark: inout OperatorRemark?
    ) -> FloatHistogram? {
        let isSubtraction: Bool
        if case .arithmetic(.subtract) = self { isSubtraction = true } else { isSubtraction = false }
        var found = HistogramSum.Remarks()
        var result: FloatHistogram
        do throws(HistogramSum.IncompatibleLayouts) {
            result = try first.adding(second, times: isSubtraction ? -1 : 1, &found)
        } catch {
            remark = .incompatibleLayouts(symbol)
            return nil
        }
        if found.resetsConflict {
            remark = .conflictingResets(isSubtraction: isSubtraction)
            return nil
        }
        if found.boundsWereReconciled { remark = .reconciledBounds(isSubtraction: isSubtraction) }
        if isSubtraction { result.counterResetHint = .gauge }
        return result.compacted()
    }
}
