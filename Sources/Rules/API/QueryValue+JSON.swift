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
                if let histogram = sample.histogram?.value {
                    json.key("histogram")
                    QueryValue.write(sample.timestamp, histogram, to: &json)
                } else {
                    json.key("value")
                    QueryValue.write(sample.timestamp, sample.value, to: &json)
                }
                json.endObject()
            }
            json.endArray()
        case .matrix(let series):
            json.beginArray()
            for series in series {
                json.beginObject()
                json.key("metric")
                series.labels.write(to: &json)
                if !series.points.isEmpty || series.histograms.isEmpty {
                    json.key("values")
                    json.beginArray()
                    for point in series.points { QueryValue.write(point.timestamp, point.value, to: &json) }
                    json.endArray()
                }
                if !series.histograms.isEmpty {
                    json.key("histograms")
                    json.beginArray()
                    for point in series.histograms { QueryValue.write(point.timestamp, point.histogram, to: &json) }
                    json.endArray()
                }
                json.endObject()
            }
            json.endArray()
        }
    }

    private static func write(_ timestamp: Int64, _ value: Double, to json: inout JSONWriter) {
        // An answer has tens of thousands of these.
        json.raw { buffer in
            buffer.append(0x5b)
            buffer.append(milliseconds: timestamp)
            buffer.append(0x2c)
            buffer.append(0x22)
            GoNumber.append(value, plainFrom: -6, plainBelow: 21, to: &buffer)
            buffer.append(0x22)
            buffer.append(0x5d)
        }
    }

    /// A native histogram, of its buckets those that are not empty: which bounds belong to each, the bounds, the count.
    private static func write(_ timestamp: Int64, _ histogram: FloatHistogram, to json: inout JSONWriter) {
        json.beginArray()
        json.number(milliseconds: timestamp)
        json.beginObject()
        json.key("count")
        json.string(text(of: histogram.count))
        json.key("sum")
        json.string(text(of: histogram.sum))
        let buckets = histogram.buckets.filter { $0.count != 0 }
        if !buckets.isEmpty {
            json.key("buckets")
            json.beginArray()
            for bucket in buckets {
                json.beginArray()
                json.raw(String(bucket.boundaryRule))
                json.string(text(of: bucket.lower))
                json.string(text(of: bucket.upper))
                json.string(text(of: bucket.count))
                json.endArray()
            }
            json.endArray()
        }
        json.endObject()
        json.endArray()
    }

    /// With an exponent below 1e-6 and from 1e21 on.
    package static func text(of value: Double) -> String {
        GoNumber.general(value, plainFrom: -6, plainBelow: 21)
    }
}

extension HistogramBucket {
    /// 0: the upper bound belongs to the bucket, 1: the lower, 2: neither, 3: both.
    fileprivate var boundaryRule: Int {
        switch (includesLower, includesUpper) {
        case (false, true): 0
        case (true, false): 1
        case (false, false): 2
        case (true, true): 3
        }
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
    mutating func number(milliseconds: Int64) {
        raw { $0.append(milliseconds: milliseconds) }
    }
}

extension ByteBuffer {
    /// Seconds, with three digits behind the point where they are not whole.
    fileprivate mutating func append(milliseconds: Int64) {
        if milliseconds < 0 { append(0x2d) }
        let (seconds, fraction) = milliseconds.magnitude.quotientAndRemainder(dividingBy: 1000)
        append(decimal: seconds)
        guard fraction != 0 else { return }
        append(0x2e)
        append(digits: fraction, count: 3)
    }
}
