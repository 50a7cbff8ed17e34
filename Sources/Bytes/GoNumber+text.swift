import Glibc

extension GoNumber {
    /// As `strconv.FormatFloat(x, 'f', -1, 64)` writes it: the shortest digits, never with an exponent.
    package static func plain(_ value: Double) -> String {
        guard value.isFinite else { return special(value) }
        let sign = value.sign == .minus ? "-" : ""
        if value == 0 { return sign + "0" }
        return sign + ShortestDecimal(value.magnitude).plain
    }

    /// As `%v`, `%g` and `strconv.FormatFloat(x, 'g', -1, 64)` write it: the shortest digits, with an exponent below 1e-4 and
    /// from 1e6 on (promtool prints `{{ $value }}` of 1000000 as 1e+06).
    package static func general(_ value: Double) -> String { general(value, plainBelow: 6) }

    /// As `general` with an exponent below 1e-4 and from `10^plainBelow` on.
    package static func general(_ value: Double, plainBelow: Int) -> String {
        guard value.isFinite, value != 0 else { return plain(value) }
        let decimal = ShortestDecimal(value.magnitude)
        let exponent = decimal.point - 1
        if exponent >= -4, exponent < plainBelow { return plain(value) }
        let digits = decimal.text
        let size = String(exponent.magnitude)
        return (value < 0 ? "-" : "") + digits.prefix(1) + (digits.count > 1 ? "." + digits.dropFirst() : "") + "e"
            + (exponent < 0 ? "-" : "+") + (size.count < 2 ? "0" : "") + size
    }

    /// With so many digits behind the point (`%.3f`).
    package static func fixed(_ value: Double, places: Int) -> String { printed("%.*f", value, places) }

    /// With so many significant digits (`%.4g`), as Go writes it.
    package static func significant(_ value: Double, digits: Int) -> String { printed("%.*g", value, digits) }

    private static func printed(_ format: String, _ value: Double, _ digits: Int) -> String {
        guard value.isFinite else { return special(value) }
        // The largest number has 309 digits before the point.
        var buffer = [CChar](repeating: 0, count: 320 + max(0, min(digits, 1000)))
        let length = withVaList([Int32(clamping: min(digits, 1000)), value]) {
            vsnprintf(&buffer, buffer.count, format, $0)
        }
        return String(decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func special(_ value: Double) -> String {
        value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf"
    }
}

extension ShortestDecimal {
    /// The digits alone.
    fileprivate var text: String {
        var text = ""
        for index in 0..<count { text.unicodeScalars.append(Unicode.Scalar(digits[index])) }
        return text
    }

    fileprivate var plain: String {
        if point <= 0 { return "0." + String(repeating: "0", count: -point) + text }
        if point >= count { return text + String(repeating: "0", count: point - count) }
        return text.prefix(point) + "." + text.dropFirst(point)
    }
}
