import Bytes
import Telemetry

/// Writes metric families as a scraper reads them.
///
/// Follows client_golang byte for byte where both formats leave a choice: families by name, series by labels,
/// labels by name, Go's numbers.
package enum Exposition {
    /// Appends `families`, which are in order of their names, to `buffer`.
    package static func render(
        _ families: [MetricRegistry.Family], as format: ExpositionFormat, into buffer: inout ByteBuffer
    ) {
        for family in families where !family.series.isEmpty { render(family, as: format, into: &buffer) }
        if format == .openMetrics { buffer.append("# EOF\n" as StaticString) }
    }

    private static func render(
        _ family: MetricRegistry.Family, as format: ExpositionFormat, into buffer: inout ByteBuffer
    ) {
        let name = SampleName(family, format)
        buffer.append("# HELP " as StaticString)
        buffer.append(name.family)
        buffer.append(0x20)
        escape(family.help, quotes: format == .openMetrics, into: &buffer)
        buffer.append("\n# TYPE " as StaticString)
        buffer.append(name.family)
        buffer.append(0x20)
        buffer.append(typeName(family.type, format))
        buffer.append(0x0a)
        let series = family.series.sorted { precedes($0.key, $1.key) }
        for (labels, value) in series {
            switch value {
            case .counter(let counter):
                sample(name.sample, labels, nil, Double(counter.current), format, &buffer)
            case .gauge(let gauge):
                sample(name.sample, labels, nil, gauge.current, format, &buffer)
            case .computed(let read):
                sample(name.sample, labels, nil, read(), format, &buffer)
            case .histogram(let histogram):
                render(histogram, name.family, labels, format, &buffer)
            }
        }
    }

    /// Cumulative buckets, the sum, the count.
    private static func render(
        _ histogram: Histogram, _ name: String, _ labels: LabelSet, _ format: ExpositionFormat,
        _ buffer: inout ByteBuffer
    ) {
        let state = histogram.current
        var total: UInt64 = 0
        for (index, count) in state.counts.enumerated() {
            total &+= count
            let bound = index < histogram.bounds.count ? histogram.bounds[index] : .infinity
            head(name, "_bucket", labels, bound, format, &buffer)
            appendCount(total, format, &buffer)
        }
        head(name, "_sum", labels, nil, format, &buffer)
        appendValue(state.sum, format, &buffer)
        head(name, "_count", labels, nil, format, &buffer)
        appendCount(total, format, &buffer)
    }

    private static func sample(
        _ name: String, _ labels: LabelSet, _ bound: Double?, _ value: Double, _ format: ExpositionFormat,
        _ buffer: inout ByteBuffer
    ) {
        head(name, "", labels, bound, format, &buffer)
        appendValue(value, format, &buffer)
    }

    /// Name, labels and the space before the value. `bound` becomes the last label, `le`.
    private static func head(
        _ name: String, _ suffix: StaticString, _ labels: LabelSet, _ bound: Double?, _ format: ExpositionFormat,
        _ buffer: inout ByteBuffer
    ) {
        buffer.append(name)
        buffer.append(suffix)
        var separator: UInt8 = 0x7b
        for label in labels.labels {
            buffer.append(separator)
            separator = 0x2c
            SampleName.appendValid(label.name, allowsColon: false, to: &buffer)
            buffer.append("=\"" as StaticString)
            escape(label.value, quotes: true, into: &buffer)
            buffer.append(0x22)
        }
        if let bound {
            buffer.append(separator)
            separator = 0x2c
            buffer.append("le=\"" as StaticString)
            if format == .openMetrics {
                GoNumber.appendFloat(bound, to: &buffer)
            } else {
                GoNumber.append(bound, to: &buffer)
            }
            buffer.append(0x22)
        }
        if separator == 0x2c { buffer.append(0x7d) }
        buffer.append(0x20)
    }

    private static func appendValue(_ value: Double, _ format: ExpositionFormat, _ buffer: inout ByteBuffer) {
        if format == .openMetrics {
            GoNumber.appendFloat(value, to: &buffer)
        } else {
            GoNumber.append(value, to: &buffer)
        }
        buffer.append(0x0a)
    }

    /// Counts of a histogram: whole numbers in OpenMetrics, numbers as any other in the text format.
    private static func appendCount(_ count: UInt64, _ format: ExpositionFormat, _ buffer: inout ByteBuffer) {
        if format == .openMetrics {
            buffer.append(String(count))
            buffer.append(0x0a)
        } else {
            appendValue(Double(count), format, &buffer)
        }
    }

    private static func escape(_ text: borrowing String, quotes: Bool, into buffer: inout ByteBuffer) {
        for byte in (copy text).utf8 {
            switch byte {
            case 0x5c: buffer.append("\\\\" as StaticString)
            case 0x0a: buffer.append("\\n" as StaticString)
            case 0x22 where quotes: buffer.append("\\\"" as StaticString)
            default: buffer.append(byte)
            }
        }
    }

    /// Label by label, by name and then by value, as bytes.
    private static func precedes(_ a: LabelSet, _ b: LabelSet) -> Bool {
        for (left, right) in zip(a.labels, b.labels) {
            if left.name != right.name { return left.name.utf8.lexicographicallyPrecedes(right.name.utf8) }
            if left.value != right.value { return left.value.utf8.lexicographicallyPrecedes(right.value.utf8) }
        }
        return a.count < b.count
    }

    private static func typeName(_ type: MetricType, _ format: ExpositionFormat) -> String {
        type == .untyped && format == .openMetrics ? "unknown" : type.rawValue
    }
}
