/// Numbers as PromQL has them, which Go's `strconv` reads.
package enum NumberText {
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
