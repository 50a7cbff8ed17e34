import Telemetry

/// A function over ranges at one step at which native histograms are in the window (Prometheus `promql/functions.go`).
struct MixedRangeEvaluation {
    let window: MixedWindow
    let metric: String
    let range: TextRange
    let evaluation: Evaluation

    /// nil where the function sees numbers only: then it is evaluated on those.
    func value(of function: HistogramRangeFunction) throws(QueryError) -> Double? {
        switch function {
        case .passes, .ignores: return nil
        case .resets(let isAnchored):
            return transitions(isAnchored) { $0.isReset(after: $1) }
        case .changes(let isAnchored):
            return transitions(isAnchored) { $0.isChange(from: $1) }
        case .instantRate(let isRate): return try instantRate(isRate)
        case .rate, .extendedRate, .total: break
        }
        guard window.numbers.count == 0 else {
            evaluation.remarkOnMixedSamples(metric, at: range)
            return .absent
        }
        let result: FloatHistogram?
        switch function {
        case .rate(let kind): result = rate(kind)
        case .extendedRate(let kind, let isSmoothed): result = extendedRate(kind, isSmoothed: isSmoothed)
        case .total(let isAverage): result = total(isAverage: isAverage)
        default: result = nil
        }
        guard let result else { return .absent }
        return try evaluation.keep(result)
    }

    // MARK: - Sums

    private func total(isAverage: Bool) -> FloatHistogram? {
        guard let first = window.histograms.first else { return nil }
        var total = HistogramTotal(first.histogram, isAverage: isAverage)
        do throws(HistogramSum.IncompatibleLayouts) {
            for point in window.histograms.dropFirst() { try total.add(point.histogram) }
        } catch {
            evaluation.remarkOnMixedLayouts(metric, at: range)
            return nil
        }
        if total.resetsConflict { evaluation.remarkOnConflictingResets(.aggregation, at: range) }
        if total.boundsWereReconciled { evaluation.remarkOnReconciledBounds(.aggregation, at: range) }
        return total.result
    }

    // MARK: - Samples of both kinds one after the other

    private struct Sample {
        var time: Int64
        var start: Int64
        var number: Double
        var histogram: FloatHistogram?

        func isReset(after previous: Sample) -> Bool {
            switch (previous.histogram, histogram) {
            case (nil, nil): return number < previous.number || hasNewStart(after: previous)
            case (let earlier?, let later?): return hasNewStart(after: previous) || later.isReset(after: earlier)
            default: return true
            }
        }

        func hasNewStart(after previous: Sample) -> Bool {
            SampleStarts.isReset(previous.start, previous.time, start, time)
        }

        func isChange(from previous: Sample) -> Bool {
            switch (previous.histogram, histogram) {
            case (nil, nil): return number != previous.number && !(number.isNaN && previous.number.isNaN)
            case (let earlier?, let later?): return earlier != later
            default: return true
            }
        }
    }

    private var samples: [Sample] {
        let numbers = window.numbers
        var samples = window.histograms.map {
            Sample(time: $0.time, start: $0.start, number: 0, histogram: $0.histogram)
        }
        for index in numbers.timestamps.indices {
            let start = window.starts.times.isEmpty ? 0 : window.starts.times[index]
            samples.append(Sample(time: numbers.timestamps[index], start: start, number: numbers.values[index]))
        }
        return samples.sorted { $0.time < $1.time }
    }

    /// How many samples stand in a relation to the one before.
    private func transitions(_ isAnchored: Bool, _ relation: (Sample, Sample) -> Bool) -> Double {
        var samples = samples[...]
        if isAnchored {
            guard let after = samples.firstIndex(where: { $0.time > window.window.from }) else { return .absent }
            samples = samples[max(samples.startIndex, after - 1)...]
        }
        return Double(zip(samples.dropFirst(), samples).count { relation($0, $1) })
    }

    private func instantRate(_ isRate: Bool) throws(QueryError) -> Double {
        let lastTwo = samples.suffix(2)
        guard lastTwo.count == 2, let previous = lastTwo.first, let last = lastTwo.last, last.time != previous.time
        else {
            return .absent
        }
        let interval = Double(last.time - previous.time) / 1000
        guard let later = last.histogram, let earlier = previous.histogram else {
            guard last.histogram == nil, previous.histogram == nil else {
                evaluation.remarkOnMixedSamples(metric, at: range)
                return .absent
            }
            let isReset = isRate && last.isReset(after: previous)
            let change = isReset ? last.number : last.number - previous.number
            return isRate ? change / interval : change
        }
        let hints = [earlier.counterResetHint, later.counterResetHint]
        if isRate, hints.contains(.gauge) { evaluation.remarkOnNoCounter(metric, at: range) }
        if !isRate, hints.contains(where: { $0 != .gauge }) { evaluation.remarkOnNoGauge(metric, at: range) }
        var result = later
        if !(isRate && last.isReset(after: previous)) {
            guard let difference = combine(later, earlier, times: -1) else { return .absent }
            result = difference
        }
        result.counterResetHint = .gauge
        result = result.compacted()
        return try evaluation.keep(isRate ? result.divided(by: interval) : result)
    }

    /// A sum or difference; nil, with a remark, where the buckets have nothing in common.
    func combine(_ first: FloatHistogram, _ second: FloatHistogram, times sign: Double) -> FloatHistogram? {
        var remarks = HistogramSum.Remarks()
        do throws(HistogramSum.IncompatibleLayouts) {
            let result = try first.adding(second, times: sign, &remarks)
            if remarks.boundsWereReconciled {
                evaluation.remarkOnReconciledBounds(sign < 0 ? .subtraction : .addition, at: range)
            }
            return result
        } catch {
            evaluation.remarkOnMixedLayouts(metric, at: range)
            return nil
        }
    }
}
