import Bytes
import Telemetry

/// Names of metrics as the formats take them.
enum MetricName {
    /// Whether `name` is `[a-zA-Z_:][a-zA-Z0-9_:]*`, what every version of Prometheus takes without quotes.
    static func isValid(_ name: RawSpan) -> Bool {
        for offset in 0..<name.byteCount
        where !isAllowed(name.byte(at: offset), isFirst: offset == 0, allowsColon: true) {
            return false
        }
        return name.byteCount > 0
    }

    /// Appends `name` with every byte that is not allowed replaced by `_`: the scheme `underscores`.
    static func appendValid(_ name: RawSpan, allowsColon: Bool, to buffer: inout ByteBuffer) {
        for offset in 0..<name.byteCount {
            let byte = name.byte(at: offset)
            buffer.append(isAllowed(byte, isFirst: offset == 0, allowsColon: allowsColon) ? byte : 0x5f)
        }
        if name.byteCount == 0 { buffer.append(0x5f) }
    }

    static func hasSuffix(_ name: RawSpan, _ suffix: StaticString) -> Bool {
        let length = suffix.utf8CodeUnitCount
        return name.byteCount > length
            && name.extracting((name.byteCount - length)..<name.byteCount).equals(suffix)
    }

    /// The base unit that a name ends with, if it is one of OpenMetrics' own.
    static func unit(of name: RawSpan) -> StaticString? {
        if hasSuffix(name, "_seconds") { return "seconds" }
        if hasSuffix(name, "_bytes") { return "bytes" }
        if hasSuffix(name, "_celsius") { return "celsius" }
        if hasSuffix(name, "_ratio") { return "ratio" }
        if hasSuffix(name, "_volts") { return "volts" }
        if hasSuffix(name, "_amperes") { return "amperes" }
        if hasSuffix(name, "_joules") { return "joules" }
        return nil
    }

    private static func isAllowed(_ byte: UInt8, isFirst: Bool, allowsColon: Bool) -> Bool {
        switch byte {
        case 0x41...0x5a, 0x61...0x7a, 0x5f: true
        case 0x30...0x39: !isFirst
        case 0x3a: allowsColon
        default: false
        }
    }
}

/// Label text as a batch keeps it, rewritten for a format.
enum LabelText {
    /// With names in quotes replaced by ones that need none.
    static func legacy(_ labels: RawSpan, into buffer: inout ByteBuffer) {
        // Rare, and only for clients that do not ask for UTF-8 names.
        guard let set = SeriesText.labels(labels) else { return }
        for (index, label) in set.labels.enumerated() {
            if index > 0 { buffer.append(0x2c) }
            var name = ByteBuffer()
            name.append(label.name)
            MetricName.appendValid(name.bytes, allowsColon: false, to: &buffer)
            buffer.append("=\"" as StaticString)
            buffer.appendEscaped(label.value)
            buffer.append(0x22)
        }
    }

    /// With `le` and `quantile` written as floats: `1` becomes `1.0`.
    static func withFloatBounds(_ labels: RawSpan, into buffer: inout ByteBuffer) {
        var offset = 0
        while offset < labels.byteCount {
            guard let equals = labels.firstIndex(of: 0x3d, from: offset) else { break }
            let name = labels.extracting(offset..<equals)
            var end = equals + 2
            var isWhole = end < labels.byteCount
            while end < labels.byteCount, labels.byte(at: end) != 0x22 {
                let byte = labels.byte(at: end)
                if !(0x30...0x39).contains(byte), byte != 0x2d { isWhole = false }
                end += byte == 0x5c ? 2 : 1
            }
            end = min(end, labels.byteCount)
            buffer.append(labels.extracting(offset..<end))
            if isWhole, name.equals("le" as StaticString) || name.equals("quantile" as StaticString) {
                buffer.append(".0" as StaticString)
            }
            // The quote and the comma.
            let next = min(end + 2, labels.byteCount)
            buffer.append(labels.extracting(end..<next))
            offset = next
        }
    }
}
