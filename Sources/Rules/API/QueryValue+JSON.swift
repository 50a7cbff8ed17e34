import Bytes
import Telemetry

extension QueryValue {
    /// As in the API's `resultType`.
    package var typeName: String {
        switch self {
        case .scalar: "scalar"
        case .string: "string"
        case .vector: "vector"
        case .matrix: "matrix"
        }
    }

    /// As the API's `result`.
    ///
    /// - Parameter time: of a scalar or a string, milliseconds since 1970.
    package func write(at time: Int64, to json: inout JSONWriter) {
        switch self {
        case .scalar(let value): QueryValue.write(time, value, to: &json)
        case .string(let text):
            json.beginArray()
            json.number(milliseconds: time)
            json.string(text)
            json.endArray()
        case .vector(let samples):
            json.beginArray()
            for sample in samples {
                json.beginObject()
                json.key("metric")
                sample.labels.write(to: &json)
                json.key("value")
                QueryValue.write(sample.timestamp, sample.value, to: &json)
                json.endObject()
            }
            json.endArray()
        case .matrix(let series):
            json.beginArray()
            for series in series {
                json.beginObject()
                json.key("metric")
                series.labels.write(to: &json)
                json.key("values")
                json.beginArray()
                for point in series.points { QueryValue.write(point.timestamp, point.value, to: &json) }
                json.endArray()
                json.endObject()
            }
            json.endArray()
        }
    }

    private static func write(_ timestamp: Int64, _ value: Double, to json: inout JSONWriter) {
        json.beginArray()
        json.number(milliseconds: timestamp)
        json.string(text(of: value))
        json.endArray()
    }

    /// With an exponent below 1e-6 and from 1e21 on.
    package static func text(of value: Double) -> String {
        let size = value.magnitude
        guard value.isFinite, size != 0, size < 1e-6 || size >= 1e21 else { return GoNumber.plain(value) }
        return GoNumber.general(value, plainBelow: 21)
    }
}

extension LabelSet {
    /// As an object, in order of the names.
    func write(to json: inout JSONWriter) {
        json.beginObject()
        for label in labels {
            json.key(label.name)
            json.string(label.value)
        }
        json.endObject()
    }
}

extension JSONWriter {
    /// Seconds, with three digits behind the point where they are not whole.
    mutating func number(milliseconds: Int64) {
        let size = milliseconds.magnitude
        let fraction = size % 1000
        var text = (milliseconds < 0 ? "-" : "") + String(size / 1000)
        if fraction != 0 {
            text += fraction < 10 ? ".00\(fraction)" : fraction < 100 ? ".0\(fraction)" : ".\(fraction)"
        }
        raw(text)
    }
}
