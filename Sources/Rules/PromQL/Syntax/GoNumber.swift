import Glibc

/// Numbers as Go's `strconv` reads and writes them.
package enum GoNumber {
    package enum Failure: Error {
        case syntax
        case range

        func message(of text: String) -> String {
            let reason = self == .range ? "value out of range" : "invalid syntax"
            return "error parsing number: strconv.ParseFloat: parsing \(GoText.quoted(text)): \(reason)"
        }
    }

    /// A number of PromQL: an integer, hexadecimal (`0x1f`) or octal (`017`) ones included, else a decimal fraction, `inf` or
    /// `nan`; `_` may stand between digits.
    static func parse(_ text: String) throws(Failure) -> Double {
        switch text.lowercased() {
        case "inf", "+inf": return .infinity
        case "-inf": return -.infinity
        case "nan": return .nan
        default: break
        }
        guard hasSoundUnderscores(text) else { throw .syntax }
        let digits = text.filter { $0 != "_" }
        if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
            guard let value = Int64(digits.dropFirst(2), radix: 16) else { throw .syntax }
            return Double(value)
        }
        if digits.count > 1, digits.hasPrefix("0"), let value = Int64(digits, radix: 8) { return Double(value) }
        guard digits.utf8.count(where: { $0 == UInt8(ascii: ".") }) <= 1, digits != ".",
            let value = Double(digits.hasSuffix(".") ? digits + "0" : digits)
        else { throw .syntax }
        if value.isInfinite { throw .range }
        return value
    }

    /// Whether each `_` stands between two digits, or between a base prefix and a digit.
    private static func hasSoundUnderscores(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        let isHexadecimal = text.hasPrefix("0x") || text.hasPrefix("0X")
        func isDigit(_ index: Int) -> Bool {
            guard bytes.indices.contains(index) else { return false }
            if isHexadecimal { return index > 0 && Lexer.isAlphaNumeric(bytes[index]) && bytes[index] != 0x5f }
            return Lexer.isDigit(bytes[index])
        }
        return bytes.indices.allSatisfy { bytes[$0] != UInt8(ascii: "_") || (isDigit($0 - 1) && isDigit($0 + 1)) }
    }
}

extension GoNumber {
    /// Without an exponent and with as many digits behind the point as tell it from all others (`FormatFloat(value, 'f', -1, 64)`);
    /// `+Inf`, `-Inf`, `NaN`.
    package static func shortest(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        let (sign, digits, point) = decimal(value)
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.count { return sign + digits + String(repeating: "0", count: point - digits.count) }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }

    /// As `%v` prints it: with an exponent where it is below -4 or above 20.
    package static func general(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return shortest(value) }
        let (sign, digits, point) = decimal(value)
        let exponent = point - 1
        guard exponent < -4 || exponent >= 21 else { return shortest(value) }
        let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
        let size = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
        return sign + digits.prefix(1) + fraction + "e" + (exponent < 0 ? "-" : "+") + size
    }

    /// With exactly so many digits behind the point (`%.3f`).
    static func fixed(_ value: Double, digits: Int32) -> String {
        guard value.isFinite else { return shortest(value) }
        // The largest double has 309 digits before the point.
        var buffer = [CChar](repeating: 0, count: 400)
        let length = withVaList([digits, value]) { vsnprintf(&buffer, buffer.count, "%.*f", $0) }
        return String(decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The shortest digits that tell it from all others, and how many of them stand before the point.
    private static func decimal(_ value: Double) -> (sign: String, digits: String, point: Int) {
        let sign = value.sign == .minus ? "-" : ""
        if value == 0 { return (sign, "0", 1) }
        let parts = value.magnitude.description.split(separator: "e")
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let mantissa = parts[0].split(separator: ".")
        let whole = mantissa[0] == "0" ? "" : String(mantissa[0])
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? String(mantissa[1]) : ""
        let digits = whole + fraction
        let leading = digits.prefix { $0 == "0" }.count
        let significant = digits.dropFirst(leading)
        let trailing = significant.reversed().prefix { $0 == "0" }.count
        return (sign, String(significant.dropLast(trailing)), whole.count + exponent - leading)
    }
}
