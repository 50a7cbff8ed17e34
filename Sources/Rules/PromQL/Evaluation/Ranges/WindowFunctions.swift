/// The table of functions over ranges.
enum WindowFunctions {
    static func node(
        _ name: String, _ source: RangeSource, _ arguments: [PlanNode], _ traits: RangeFunctionTraits
    ) throws(QueryError) -> PlanNode {
        func make(_ function: some WindowFunction) -> PlanNode {
            RangeFunctionNode(function, source, arguments: arguments, traits)
        }
        let isAnchored = traits.rangeExtension == .anchored
        switch name {
        case "rate": return rate(.rate, source, traits)
        case "increase": return rate(.increase, source, traits)
        case "delta": return rate(.delta, source, traits)
        case "irate": return make(InstantRate(isRate: true))
        case "idelta": return make(InstantRate(isRate: false))
        case "resets": return make(Resets(isAnchored: isAnchored))
        case "changes": return make(Changes(isAnchored: isAnchored))
        case "deriv": return make(Derivative())
        case "predict_linear": return make(PredictLinear())
        case "double_exponential_smoothing": return make(DoubleExponentialSmoothing())
        case "sum_over_time": return make(SumOverTime())
        case "avg_over_time": return make(AverageOverTime())
        case "min_over_time": return make(ExtremeOverTime(isMaximum: false, givesTime: false))
        case "max_over_time": return make(ExtremeOverTime(isMaximum: true, givesTime: false))
        case "ts_of_min_over_time": return make(ExtremeOverTime(isMaximum: false, givesTime: true))
        case "ts_of_max_over_time": return make(ExtremeOverTime(isMaximum: true, givesTime: true))
        case "count_over_time": return make(EdgeOverTime(kind: .count))
        case "present_over_time": return make(EdgeOverTime(kind: .present))
        case "first_over_time": return make(EdgeOverTime(kind: .first))
        case "last_over_time": return make(EdgeOverTime(kind: .last))
        case "ts_of_first_over_time": return make(EdgeOverTime(kind: .timeOfFirst))
        case "ts_of_last_over_time": return make(EdgeOverTime(kind: .timeOfLast))
        case "stddev_over_time": return make(VarianceOverTime(isDeviation: true))
        case "stdvar_over_time": return make(VarianceOverTime(isDeviation: false))
        case "quantile_over_time": return make(QuantileOverTime())
        case "mad_over_time": return make(MedianDeviationOverTime())
        default: throw .execution("the function \(name) is not supported")
        }
    }

    private static func rate(
        _ kind: ExtrapolatedRate.Kind, _ source: RangeSource, _ traits: RangeFunctionTraits
    ) -> PlanNode {
        switch traits.rangeExtension {
        case nil: RangeFunctionNode(ExtrapolatedRate(kind), source, traits)
        case .anchored: RangeFunctionNode(ExtendedRate(kind: kind, isSmoothed: false), source, traits)
        case .smoothed: RangeFunctionNode(ExtendedRate(kind: kind, isSmoothed: true), source, traits)
        }
    }
}
