import Bytes
import Telemetry

extension Evaluation {
    /// What histograms were added up for.
    enum HistogramOperation: String { case addition, subtraction, aggregation }

    func remarkOnConflictingResets(_ operation: HistogramOperation, at range: TextRange) {
        annotations.warn("conflicting counter resets during histogram \(operation.rawValue)", at: range)
    }

    func remarkOnReconciledBounds(_ operation: HistogramOperation, at range: TextRange) {
        annotations.inform("mismatched custom buckets were reconciled during \(operation.rawValue)", at: range)
    }

    func remarkOnMixedLayouts(_ metric: String, at range: TextRange) {
        annotations.warn(
            "vector contains a mix of histograms with exponential and custom buckets schemas for metric name "
                + GoQuoted.quote(metric), at: range)
    }

    func remarkOnMixedSamples(_ metric: String, at range: TextRange) {
        annotations.warn(
            "encountered a mix of histograms and floats for metric name \(GoQuoted.quote(metric))", at: range)
    }

    func remarkOnMixedAggregation(at range: TextRange) {
        annotations.warn("encountered a mix of histograms and floats for aggregation", at: range)
    }

    func remarkOnIgnoredHistograms(inRangeOf metric: String, at range: TextRange) {
        annotations.inform(
            "ignored histograms in a range containing both floats and histograms for metric name "
                + GoQuoted.quote(metric), at: range)
    }

    func remarkOnNoCounter(_ metric: String, at range: TextRange) {
        annotations.warn("this native histogram metric is not a counter: \(GoQuoted.quote(metric))", at: range)
    }

    func remarkOnNoGauge(_ metric: String, at range: TextRange) {
        annotations.warn("this native histogram metric is not a gauge: \(GoQuoted.quote(metric))", at: range)
    }

    func remarkOnMixedGenerations(_ metric: String, at range: TextRange) {
        annotations.warn("vector contains a mix of classic and native histograms" + suffix(metric), at: range)
    }

    func remark(on effect: FloatHistogram.Estimate.NaNEffect?, _ metric: String, at range: TextRange) {
        let text: String
        switch effect {
        case nil: return
        case .isNaN: text = "input to histogram_quantile has NaN observations, result is NaN"
        case .isSkewed: text = "input to histogram_quantile has NaN observations, result is skewed higher"
        case .isExcluded:
            text = "input to histogram_fraction has NaN observations, which are excluded from all fractions"
        }
        annotations.inform(text + suffix(metric), at: range)
    }

    private func suffix(_ metric: String) -> String {
        metric.isEmpty ? "" : " for metric name \(GoQuoted.quote(metric))"
    }
}
