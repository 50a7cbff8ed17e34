/// Which time a selector or subquery looks at, given the time of a step: `offset` and `@`.
struct SelectionTiming {
    var offset: DurationExpression?
    var at: AtModifier?

    var isFixed: Bool { at != nil }

    /// With the durations worked out for one evaluation.
    func resolved(_ evaluation: Evaluation) throws(QueryError) -> Resolved {
        let offset =
            try self.offset?.milliseconds(
                step: evaluation.step, range: evaluation.range, isOffset: true) ?? 0
        let fixed: Int64? =
            switch at {
            case nil: nil
            case .time(let time): time
            case .start: evaluation.start
            case .end: evaluation.end
            }
        return Resolved(offset: offset, fixed: fixed)
    }

    struct Resolved {
        var offset: Int64
        var fixed: Int64?

        /// The time that counts at a step.
        func reference(_ time: Int64) -> Int64 { (fixed ?? time) - offset }
    }
}
