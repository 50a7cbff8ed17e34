import Bytes
import Telemetry

/// A query's value for people: a table of series, and for ranges a line of bars for each.
package enum QueryValueText {
    /// - Parameters:
    ///   - columns: how wide a line may be; bars take what labels and numbers leave.
    ///   - bars: whether ranges are drawn; else every point is a line, its time in seconds.
    package static func lines(_ value: QueryValue, columns: Int, bars: Bool) -> [String] {
        switch value {
        case .scalar(let value): return [QueryValue.text(of: value)]
        case .string(let text): return [text]
        case .vector(let samples):
            guard !samples.isEmpty else { return ["no series"] }
            return table(samples.map { [SeriesName.text($0.labels), text(of: $0)] })
        case .matrix(let series):
            guard !series.isEmpty else { return ["no series"] }
            return bars ? charts(series, columns: columns) : points(series)
        }
    }

    private static func text(of sample: VectorSample) -> String {
        sample.histogram?.value.description ?? QueryValue.text(of: sample.value)
    }

    /// Columns side by side, the first one left-aligned, the others right-aligned.
    private static func table(_ rows: [[String]]) -> [String] {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, text in
                let padding = String(repeating: " ", count: widths[column] - text.count)
                return column == 0 ? text + padding : padding + text
            }.joined(separator: "  ")
        }
    }

    private static func points(_ series: [MatrixSeries]) -> [String] {
        series.flatMap { series in
            let numbers = series.points.map { ($0.timestamp, QueryValue.text(of: $0.value)) }
            let all = (numbers + histograms(series)).sorted { $0.0 < $1.0 }
            return [SeriesName.text(series.labels)] + rows(all)
        }
    }

    private static func histograms(_ series: MatrixSeries) -> [(Int64, String)] {
        series.histograms.map { ($0.timestamp, $0.histogram.description) }
    }

    private static func rows(_ points: [(time: Int64, text: String)]) -> [String] {
        table(points.map { [GoNumber.plain(Double($0.time) / 1000), $0.text] }).map { "  " + $0 }
    }

    // MARK: - Bars

    private static let levels = Array("▁▂▃▄▅▆▇█")

    /// For each series its labels, the bars, and the lowest, the highest and the last value.
    private static func charts(_ series: [MatrixSeries], columns: Int) -> [String] {
        let start = series.compactMap(\.points.first?.timestamp).min() ?? 0
        let end = series.compactMap(\.points.last?.timestamp).max() ?? 0
        let width = min(max(columns - 2, 10), 120)
        return series.flatMap { series -> [String] in
            let values = series.points.map(\.value).filter { !$0.isNaN }
            let last = series.points.last.map { QueryValue.text(of: $0.value) } ?? ""
            let numbers =
                values.isEmpty
                ? "" : "  min \(short(values.min() ?? 0))  max \(short(values.max() ?? 0))  last \(last)"
            // Native histograms have no height.
            let drawn =
                series.points.isEmpty && !series.histograms.isEmpty
                ? [] : ["  " + bars(series.points, start, end, width)]
            return [SeriesName.text(series.labels) + numbers] + drawn + rows(histograms(series))
        }
    }

    private static func short(_ value: Double) -> String { GoNumber.significant(value, digits: 4) }

    /// The highest value of each column's time, from the lowest to the highest of the series; blank where there is none.
    static func bars(_ points: [MatrixSeries.Point], _ start: Int64, _ end: Int64, _ width: Int) -> String {
        var highest = [Double?](repeating: nil, count: width)
        let span = max(Double(end) - Double(start), 1)
        for point in points where point.value.isFinite {
            let place = Int((Double(point.timestamp) - Double(start)) / span * Double(width - 1))
            guard highest.indices.contains(place) else { continue }
            highest[place] = max(highest[place] ?? point.value, point.value)
        }
        let present = highest.compactMap { $0 }
        guard let low = present.min(), let high = present.max() else { return "" }
        // Fewer points than columns: a column shows the last one before it, within a step.
        let step = max(1, width / max(1, points.count - 1))
        var text = ""
        var last: (place: Int, value: Double)?
        for place in 0..<width {
            if let value = highest[place] { last = (place, value) }
            guard let known = last, place - known.place <= step else {
                text += " "
                continue
            }
            // Halved, as the distance itself may be too large for a number.
            let distance = high / 2 - low / 2
            let share = distance > 0 ? (known.value / 2 - low / 2) / distance : 0
            text.append(levels[min(levels.count - 1, max(0, Int(share * Double(levels.count))))])
        }
        return text
    }
}

/// `name{label="value"}`
package enum SeriesName {
    package static func text(_ labels: LabelSet) -> String {
        let name = labels["__name__"] ?? ""
        let others = labels.labels.filter { $0.name != "__name__" }
        if others.isEmpty { return name.isEmpty ? "{}" : name }
        return name + "{" + others.map { "\($0.name)=\(GoText.quoted($0.value))" }.joined(separator: ", ") + "}"
    }
}
