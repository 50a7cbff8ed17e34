import Telemetry

/// Compares what a query gave with what a script expects; each function says what differs, or nil.
struct ScriptComparison {
    let expectation: PromQLScript.Expectation

    private static let tolerance = 1e-6

    func difference(of value: QueryValue, steps: (start: Int64, end: Int64, step: Int64)?) -> String? {
        switch value {
        case .string(let text):
            return text == expectation.string
                ? nil : "expected string \(GoQuoted.quote(expectation.string ?? "")), got \(GoQuoted.quote(text))"
        case .scalar(let number): return difference(of: number)
        case .vector(let samples): return difference(of: samples)
        case .matrix(let series):
            return difference(of: series, steps: expectation.steps ?? steps ?? (0, 0, 1))
        }
    }

    private func difference(of number: Double) -> String? {
        guard let expected = expectation.scalar else { return "expected no scalar, got \(number)" }
        return isEqual(number, expected) ? nil : "expected scalar \(expected), got \(number)"
    }

    private func difference(of samples: [VectorSample]) -> String? {
        if let scalar = expectation.scalar { return "expected scalar \(scalar), got a vector of \(samples.count)" }
        var seen: Set<LabelSet> = []
        for (position, sample) in samples.enumerated() {
            let got = sample.histogram?.value.scriptText ?? "\(sample.value)"
            guard let place = expectation.series.firstIndex(where: { $0.labels == sample.labels }) else {
                return "unexpected \(sample.labels.plainText) = \(got)"
            }
            seen.insert(sample.labels)
            if expectation.isOrdered, place != position {
                return "expected \(sample.labels.plainText) at position \(place + 1), got it at \(position + 1)"
            }
            let isExpected: Bool
            let wanted: String
            switch (expectation.series[place].values.first, sample.histogram?.value) {
            case (.value(let expected)?, let found):
                isExpected = found == nil && isEqual(sample.value, expected)
                wanted = "\(expected)"
            case (.histogram(let expected, let statesHint)?, let found):
                isExpected = found.map { isEqual($0, expected.value, statesHint) } ?? false
                wanted = expected.value.scriptText
            case (.omitted?, _), (nil, _):
                isExpected = false
                wanted = "no value"
            }
            if !isExpected { return "expected \(wanted) for \(sample.labels.plainText), got \(got)" }
        }
        return missing(seen)
    }

    private func difference(
        of series: [MatrixSeries], steps: (start: Int64, end: Int64, step: Int64)
    ) -> String? {
        if expectation.isOrdered { return "expected an ordered result, got a matrix" }
        if let scalar = expectation.scalar { return "expected scalar \(scalar), got a matrix of \(series.count)" }
        if let problem = ScriptComparison.disorder(in: series) { return problem }
        var seen: Set<LabelSet> = []
        for one in series {
            let name = one.labels.plainText
            guard let expected = expectation.series.first(where: { $0.labels == one.labels }) else {
                return
                    "unexpected \(name) with \(one.points.count) points, the first \(one.points.first?.value ?? .nan), "
                    + "and \(one.histograms.count) histograms"
            }
            seen.insert(one.labels)
            var points: [MatrixSeries.Point] = []
            var histograms: [ExpectedHistogram] = []
            for (index, value) in expected.values.enumerated() {
                let time = steps.start + Int64(index) * steps.step
                if time > steps.end { return "more values are expected for \(name) than there are steps" }
                if case .value(let number) = value { points.append(.init(timestamp: time, value: number)) }
                if case .histogram(let histogram, let statesHint) = value {
                    histograms.append(.init(timestamp: time, histogram: histogram.value, statesHint: statesHint))
                }
            }
            if let problem = difference(of: one.histograms, histograms, name) { return problem }
            let found = one.points
            if points.count != found.count {
                return "expected \(points.count) points for \(name), got \(found.count): "
                    + found.prefix(20).map { "\($0.value) @ \($0.timestamp)" }.joined(separator: ", ")
            }
            for (point, wanted) in zip(found, points) {
                if point.timestamp != wanted.timestamp {
                    return "expected a point of \(name) at \(wanted.timestamp), got one at \(point.timestamp)"
                }
                if !isEqual(point.value, wanted.value) {
                    return "expected \(wanted.value) for \(name) at \(point.timestamp), got \(point.value)"
                }
            }
        }
        return missing(seen)
    }

    private struct ExpectedHistogram {
        var timestamp: Int64
        var histogram: FloatHistogram
        var statesHint: Bool
    }

    private func difference(
        of found: [MatrixSeries.HistogramPoint], _ expected: [ExpectedHistogram], _ name: String
    ) -> String? {
        if found.count != expected.count {
            return "expected \(expected.count) histograms for \(name), got \(found.count): "
                + found.prefix(20).map { "\($0.histogram.scriptText) @ \($0.timestamp)" }.joined(separator: ", ")
        }
        for (point, wanted) in zip(found, expected)
        where point.timestamp != wanted.timestamp || !isEqual(point.histogram, wanted.histogram, wanted.statesHint) {
            return "expected \(wanted.histogram.scriptText) for \(name) at \(wanted.timestamp), got "
                + "\(point.histogram.scriptText) at \(point.timestamp)"
        }
        return nil
    }

    static func disorder(in series: [MatrixSeries]) -> String? {
        for (one, next) in zip(series, series.dropFirst()) where next.labels.precedes(one.labels) {
            return "the result is not sorted: \(next.labels.plainText) comes after \(one.labels.plainText)"
        }
        return nil
    }

    private func missing(_ seen: Set<LabelSet>) -> String? {
        for series in expectation.series where !seen.contains(series.labels) {
            return "expected \(series.labels.plainText), which is missing"
        }
        return nil
    }

    private func isEqual(_ a: Double, _ b: Double) -> Bool {
        AlmostEqual.areEqual(a, b, tolerance: ScriptComparison.tolerance)
    }

    /// But for empty buckets, which make no difference, and the hint where none is stated.
    private func isEqual(_ found: FloatHistogram, _ expected: FloatHistogram, _ statesHint: Bool) -> Bool {
        let (a, b) = (found.compacted(), expected.compacted())
        func areEqual(_ a: HistogramBuckets, _ b: HistogramBuckets) -> Bool {
            a.indices == b.indices && zip(a.counts, b.counts).allSatisfy(isEqual)
        }
        return a.schema == b.schema && isEqual(a.count, b.count) && isEqual(a.sum, b.sum)
            && (!a.hasCustomBounds || a.customBounds == b.customBounds) && a.zeroThreshold == b.zeroThreshold
            && isEqual(a.zeroCount, b.zeroCount) && areEqual(a.positive, b.positive)
            && areEqual(a.negative, b.negative) && (!statesHint || a.counterResetHint == b.counterResetHint)
    }

    // MARK: - Annotations

    func difference(of annotations: [QueryAnnotation]) -> String? {
        let warnings = annotations.filter { $0.severity == .warning }.map(\.message)
        let infos = annotations.filter { $0.severity == .info }.map(\.message)
        return ScriptComparison.difference(of: warnings, expectation.warnings, "warning", expectation.forbidsWarnings)
            ?? ScriptComparison.difference(of: infos, expectation.infos, "info", expectation.forbidsInfos)
    }

    private static func difference(
        of found: [String], _ expected: [PromQLScript.TextPattern], _ kind: String, _ isForbidden: Bool
    ) -> String? {
        if isForbidden, let first = found.first { return "unexpected \(kind): \(first)" }
        if expected.isEmpty { return nil }
        if found.isEmpty { return "expected a \(kind), got none" }
        for pattern in expected where !found.contains(where: pattern.matches) {
            return "expected another \(kind), got: " + found.joined(separator: "; ")
        }
        for text in found where !expected.contains(where: { $0.matches(text) }) {
            return "unexpected \(kind): \(text)"
        }
        return nil
    }
}
