import Telemetry

extension MixedRangeEvaluation {
    /// `rate`, `increase` and `delta` of native histograms, extrapolated like those of numbers (Prometheus `extrapolatedRate`).
    func rate(_ kind: ExtrapolatedRate.Kind) -> FloatHistogram? {
        let points = window.histograms
        let isCounter = kind != .delta
        guard let first = points.first, let last = points.last else { return nil }
        var result: FloatHistogram?
        if points.count > 1 {
            guard let found = difference(isCounter) else { return nil }
            result = found
        }
        let bounds = window.window
        var toStart = Double(first.time - bounds.from) / 1000
        var toEnd = Double(bounds.through - last.time) / 1000
        var sampled = Double(last.time - first.time) / 1000
        let average = points.count > 1 ? sampled / Double(points.count - 1) : 0
        let threshold = average * 1.1
        if isCounter, first.start != 0, first.start > bounds.from, first.start < first.time {
            // Then the counter stood at 0.
            toStart = 0
            sampled = Double(last.time - first.start) / 1000
            if let increase = result {
                guard let sum = combine(increase, first.histogram, times: 1) else { return nil }
                result = sum
            } else {
                result = first.histogram
            }
        } else if points.count == 1 {
            return nil
        } else {
            if toStart >= threshold { toStart = average / 2 }
            if isCounter, let increase = result, increase.count > 0, first.histogram.count >= 0 {
                // A counter is not extrapolated to below 0.
                let toZero = sampled * (first.histogram.count / increase.count)
                if toZero < toStart { toStart = toZero }
            }
        }
        if toEnd >= threshold { toEnd = average / 2 }
        var factor = sampled == 0 ? 1 : (sampled + toStart + toEnd) / sampled
        if kind == .rate { factor /= Double(bounds.through - bounds.from) / 1000 }
        return result?.multiplied(by: factor)
    }

    /// From the first of at least two histograms to the last, what was lost to resets added (Prometheus `histogramRate`).
    private func difference(_ isCounter: Bool) -> FloatHistogram? {
        let points = window.histograms
        guard let last = points.last?.histogram, var previous = points.first?.histogram else { return nil }
        let endsAreGauges = previous.counterResetHint == .gauge || last.counterResetHint == .gauge
        if isCounter, points[1].isReset(after: points[0]) {
            // Its layout has no say then.
            let second = points[1].histogram
            previous = FloatHistogram()
            previous.schema = second.schema
            previous.customBounds = second.customBounds
        }
        let inner = isCounter ? points[1..<(points.count - 1)] : []
        let isCustom = previous.hasCustomBounds
        let isLastAlike = last.hasCustomBounds == isCustom
        guard isLastAlike, inner.allSatisfy({ $0.histogram.hasCustomBounds == isCustom }) else {
            if isCounter, endsAreGauges, !isLastAlike { evaluation.remarkOnNoCounter(metric, at: range) }
            evaluation.remarkOnMixedLayouts(metric, at: range)
            return nil
        }
        if isCounter, endsAreGauges || inner.contains(where: { $0.histogram.counterResetHint == .gauge }) {
            evaluation.remarkOnNoCounter(metric, at: range)
        }
        let schema = inner.reduce(min(last.schema, previous.schema)) { min($0, $1.histogram.schema) }
        guard var result = combine(last.reduced(to: schema), previous, times: -1) else { return nil }
        if isCounter {
            remarkOnOverlap()
            for (index, point) in points.enumerated().dropFirst() {
                if point.hasNewStart(after: points[index - 1]) || point.histogram.isReset(after: previous) {
                    guard let sum = combine(result, previous, times: 1) else { return nil }
                    result = sum
                }
                previous = point.histogram
            }
        } else if points[0].histogram.counterResetHint != .gauge || last.counterResetHint != .gauge {
            evaluation.remarkOnNoGauge(metric, at: range)
        }
        result.counterResetHint = .gauge
        return result.compacted()
    }

    private func remarkOnOverlap() {
        for (previous, point) in zip(window.histograms, window.histograms.dropFirst())
        where point.start != 0 && point.start < previous.time && point.start != previous.start {
            evaluation.annotations.warn(
                "sample has start time that overlaps with previous sample timestamp for metric "
                    + GoQuoted.quote(metric), at: range)
            return
        }
    }

    // MARK: - From one end of the window to the other

    /// Of an `anchored` or `smoothed` range (Prometheus `extendedHistogramRate`).
    func extendedRate(_ kind: ExtrapolatedRate.Kind, isSmoothed: Bool) -> FloatHistogram? {
        let points = window.histograms
        let bounds = window.window
        let isCounter = kind != .delta
        let final = points.count - 1
        var first = 0
        while first + 1 <= final, points[first + 1].time <= bounds.from { first += 1 }
        var last = final
        if isSmoothed {
            last = 0
            while last < final, points[last].time < bounds.through { last += 1 }
        }
        guard points[last].time > bounds.from, !(isSmoothed && points[first].time > bounds.through) else { return nil }
        let seen = points[min(first, last)...max(first, last)].map(\.histogram)
        for histogram in seen {
            guard histogram.hasCustomBounds == seen[0].hasCustomBounds else {
                evaluation.remarkOnMixedLayouts(metric, at: range)
                return nil
            }
            if isCounter, histogram.counterResetHint == .gauge { evaluation.remarkOnNoCounter(metric, at: range) }
        }
        let left =
            isSmoothed && points[first].time < bounds.from && first < final
            ? interpolated(points[first], points[first + 1], bounds.from, isCounter) : points[first].histogram
        let right =
            isSmoothed && last > 0 && points[last].time > bounds.through
            ? interpolated(points[last - 1], points[last], bounds.through, isCounter) : points[last].histogram
        guard let left, let right else { return nil }
        if !isCounter, left.counterResetHint != .gauge || right.counterResetHint != .gauge {
            evaluation.remarkOnNoGauge(metric, at: range)
        }
        guard var result = combine(right, left, times: -1) else { return nil }
        if isCounter {
            guard let sum = addingLosses(to: result, first, last, left, right, isSmoothed) else { return nil }
            result = sum
        }
        if kind == .rate { result = result.divided(by: Double(bounds.through - bounds.from) / 1000) }
        result.counterResetHint = .gauge
        return result.compacted()
    }

    /// Adds what was lost to resets between the ends.
    private func addingLosses(
        to increase: FloatHistogram, _ first: Int, _ last: Int, _ left: FloatHistogram, _ right: FloatHistogram,
        _ isSmoothed: Bool
    ) -> FloatHistogram? {
        let points = window.histograms
        var begin = first + 1
        var previous = left
        if isSmoothed, points[first].time < window.window.from, first + 1 < points.count,
            points[first + 1].histogram.isReset(after: points[first].histogram)
        {
            previous = points[first + 1].histogram
            begin += 1
        }
        guard begin <= last else { return increase }
        var result = increase
        for histogram in points[begin..<last].map(\.histogram) + [right] {
            if histogram.isReset(after: previous) {
                guard let sum = combine(result, previous, times: 1) else { return nil }
                result = sum
            }
            previous = histogram
        }
        return result
    }

    /// On the line between two histograms; a counter that was reset between them is taken to have begun at 0.
    func interpolated(
        _ earlier: MixedWindow.Point, _ later: MixedWindow.Point, _ time: Int64, _ isCounter: Bool
    ) -> FloatHistogram? {
        if time == earlier.time { return earlier.histogram }
        if time == later.time { return later.histogram }
        let share = Double(time - earlier.time) / Double(later.time - earlier.time)
        if isCounter, later.histogram.isReset(after: earlier.histogram) {
            return later.histogram.multiplied(by: share)
        }
        guard let difference = combine(later.histogram, earlier.histogram, times: -1) else { return nil }
        return combine(difference.multiplied(by: share), earlier.histogram, times: 1)
    }
}
