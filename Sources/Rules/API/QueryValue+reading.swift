import Bytes
import Telemetry

extension QueryValue {
    /// Reads `{"resultType":…,"result":…}` of an answer; nil where it is something else.
    package init?(apiData data: JSONValue) {
        guard let type = data["resultType"]?.string, let result = data["result"] else { return nil }
        switch type {
        case "scalar":
            guard let point = QueryValue.point(result) else { return nil }
            self = .scalar(point.value)
        case "string":
            guard result.elements.count == 2, let text = result.elements[1].string else { return nil }
            self = .string(text)
        case "vector":
            self = .vector(
                result.elements.compactMap { element in
                    guard let point = element["value"].flatMap(QueryValue.point) else { return nil }
                    return VectorSample(
                        labels: QueryValue.labels(element["metric"]), timestamp: point.timestamp, value: point.value)
                })
        case "matrix":
            self = .matrix(
                result.elements.map { element in
                    MatrixSeries(
                        labels: QueryValue.labels(element["metric"]),
                        points: element["values"]?.elements.compactMap(QueryValue.point) ?? [])
                })
        default: return nil
        }
    }

    private static func labels(_ json: JSONValue?) -> LabelSet {
        LabelSet(json?.members.map { Label($0.name, $0.value.string ?? "") } ?? [])
    }

    /// `[1435781430.781,"1"]`
    private static func point(_ json: JSONValue) -> MatrixSeries.Point? {
        let parts = json.elements
        guard parts.count == 2, let time = parts[0].number, let text = parts[1].string,
            let milliseconds = Int64(exactly: (time * 1000).rounded())
        else { return nil }
        let value: Double
        switch text {
        case "+Inf": value = .infinity
        case "-Inf": value = -.infinity
        case "NaN": value = .nan
        default:
            guard let number = Double(text) else { return nil }
            value = number
        }
        return MatrixSeries.Point(timestamp: milliseconds, value: value)
    }
}
