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
            guard let place = expectation.series.firstIndex(where: { $0.labels == sample.labels }) else {
                return "unexpected \(sample.labels.plainText) = \(sample.value)"
            }
            seen.insert(sample.labels)
            if expectation.isOrdered, place != position {
                return "expected \(sample.labels.plainText) at position \(place + 1), got it at \(position + 1)"
            }
            guard case .value(let expected)? = expectation.series[place].values.first else {
                return "expected no number for \(sample.labels.plainText), got \(sample.value)"
            }
            if !isEqual(sample.value, expected) {
                return "expected \(expected) for \(sample.labels.plainText), got \(sample.value)"
            }
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
                    "unexpected \(name) with \(one.points.count) points, the first \(one.points.first?.value ?? .nan)"
            }
            seen.insert(one.labels)
            var points: [MatrixSeries.Point] = []
            for (index, value) in expected.values.enumerated() {
                let time = steps.start + Int64(index) * steps.step
                if time > steps.end { return "more values are expected for \(name) than there are steps" }
                if case .value(let number) = value { points.append(.init(timestamp: time, value: number)) }
                if case .histogram = value { return "expected a histogram for \(name)" }
            }
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
