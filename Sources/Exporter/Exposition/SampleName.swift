import Bytes
import Telemetry

/// How a family and its samples are called in a format.
struct SampleName {
    /// In the HELP and TYPE lines.
    var family: String
    /// In the lines of a counter or gauge.
    var sample: String

    /// OpenMetrics gives a counter's family no `_total` and every sample of it one; the text format has the same
    /// name in both places.
    init(_ family: MetricRegistry.Family, _ format: ExpositionFormat) {
        let name = SampleName.valid(family.name)
        self.family = name
        sample = name
        guard format == .openMetrics, family.type == .counter else { return }
        if name.hasSuffix("_total") {
            self.family = String(name.dropLast(6))
        } else {
            sample = name + "_total"
        }
    }

    /// `name` with every byte that a metric name may not have replaced by `_`: a wrong name in one series must not
    /// make the scraper refuse all of them.
    private static func valid(_ name: String) -> String {
        if isValid(name) { return name }
        var bytes: [UInt8] = []
        for (index, byte) in name.utf8.enumerated() {
            bytes.append(isAllowed(byte, isFirst: index == 0, allowsColon: true) ? byte : 0x5f)
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }

    private static func isValid(_ name: String) -> Bool {
        var isFirst = true
        for byte in name.utf8 {
            if !isAllowed(byte, isFirst: isFirst, allowsColon: true) { return false }
            isFirst = false
        }
        return !isFirst
    }

    /// Appends a label name, replacing what it may not have by `_`.
    static func appendValid(_ name: borrowing String, allowsColon: Bool, to buffer: inout ByteBuffer) {
        var isFirst = true
        for byte in (copy name).utf8 {
            buffer.append(isAllowed(byte, isFirst: isFirst, allowsColon: allowsColon) ? byte : 0x5f)
            isFirst = false
        }
        if isFirst { buffer.append(0x5f) }
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
