import Bytes
import Telemetry

/// What names an alert: the fingerprint of its labels, as Prometheus's common library makes it (`LabelSet.Fingerprint`): FNV-1a
/// of 64 bits over names and values in order, each followed by the byte 0xff.
package struct AlertID: Hashable, Sendable {
    package var rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package init(of labels: LabelSet) {
        var buffer = ByteBuffer(capacity: 128)
        for label in labels.labels {
            buffer.append(label.name)
            buffer.append(0xff)
            buffer.append(label.value)
            buffer.append(0xff)
        }
        rawValue = buffer.bytes.fnv1a
    }

    /// For another set of labels with the same fingerprint.
    var next: AlertID { AlertID(rawValue: rawValue &+ 1) }
}

extension AlertID: Comparable, CustomStringConvertible {
    package static func < (a: AlertID, b: AlertID) -> Bool { a.rawValue < b.rawValue }

    /// 16 hexadecimal digits.
    package var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
