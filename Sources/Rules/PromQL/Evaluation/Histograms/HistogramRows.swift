import Telemetry

/// The histograms among the series of a frame: classic ones as groups of buckets, native ones as samples. Those of both kinds with
/// the same labels share a row.
final class HistogramRows {
    let groups = BucketGroups()
    /// The classic histograms, then native ones that are none of them.
    private(set) var shape = Shape.empty()
    /// Series with native histograms, and their rows.
    private(set) var natives: [(series: Int, row: Int)] = []
    private var rows: [LabelSet: Int] = [:]

    /// Works out the rows, and leaves only numbers in the frame; what is taken out.
    func take(from frame: inout Frame) -> [Double] {
        groups.refresh(frame.shape)
        natives.removeAll(keepingCapacity: true)
        guard frame.hasHistograms else {
            shape = groups.output
            return []
        }
        let mixed = frame.values
        var sets = groups.output.labels
        rows.removeAll(keepingCapacity: true)
        for (row, set) in sets.enumerated() { rows[set] = row }
        for series in 0..<frame.shape.count {
            let steps = series * frame.steps..<(series + 1) * frame.steps
            guard mixed[steps].contains(where: \.isHistogramMark) else { continue }
            let set = frame.shape.labels[series]
            let row = rows[set] ?? sets.count
            if row == sets.count {
                rows[set] = row
                sets.append(set)
            }
            natives.append((series, row))
        }
        if shape.labels != sets { shape = Shape(sets, nameRemoval: .all) }
        _ = frame.removeHistograms()
        return mixed
    }

    /// Puts the results of native histograms into a column of rows in which those of classic ones stand. Where both have a sample there
    /// is no result.
    func fill(
        _ values: inout [Double], _ mixed: [Double], _ steps: Int, _ range: TextRange, _ evaluation: Evaluation,
        _ estimate: (FloatHistogram, Int) -> FloatHistogram.Estimate
    ) {
        for (series, row) in natives {
            let name = shape.labels[row].metricName
            for step in 0..<steps {
                guard let histogram = evaluation.histograms[mixed[series * steps + step]] else { continue }
                let place = row * steps + step
                guard values[place].isAbsent else {
                    evaluation.remarkOnMixedGenerations(name, at: range)
                    values[place] = .absent
                    continue
                }
                let found = estimate(histogram, step)
                evaluation.remark(on: found.nan, name, at: range)
                values[place] = found.value
            }
        }
    }
}
