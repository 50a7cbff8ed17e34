import Glibc

extension GoNumber {
    /// As `strconv.FormatFloat(x, 'f', -1, 64)` writes it: the shortest digits, never with an exponent.
    package static func plain(_ value: Double) -> String {
        var buffer = ByteBuffer(capacity: 32)
        appendPlain(value, to: &buffer)
        return String(lossy: buffer.bytes)
    }

    /// As `%v`, `%g` and `strconv.FormatFloat(x, 'g', -1, 64)` write it: the shortest digits, with an exponent below 1e-4 and
    /// from 1e6 on (promtool prints `{{ $value }}` of 1000000 as 1e+06).
    package static func general(_ value: Double) -> String { general(value, plainBelow: 6) }

    /// As `general` with an exponent below `10^plainFrom` and from `10^plainBelow` on.
    package static func general(_ value: Double, plainFrom: Int = -4, plainBelow: Int) -> String {
        var buffer = ByteBuffer(capacity: 32)
        append(value, plainFrom: plainFrom, plainBelow: plainBelow, to: &buffer)
        return String(lossy: buffer.bytes)
    }

    /// With so many digits behind the point (`%.3f`).
    package static func fixed(_ value: Double, places: Int) -> String { printed("%.*f", value, places) }

    /// With so many significant digits (`%.4g`), as Go writes it.
    package static func significant(_ value: Double, digits: Int) -> String { printed("%.*g", value, digits) }

    private static func printed(_ format: String, _ value: Double, _ digits: Int) -> String {
        guard value.isFinite else { return plain(value) }
        // The largest number has 309 digits before the point.
        var buffer = [CChar](repeating: 0, count: 320 + max(0, min(digits, 1000)))
        let length = withVaList([Int32(clamping: min(digits, 1000)), value]) {
            vsnprintf(&buffer, buffer.count, format, $0)
        }
        return String(decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
