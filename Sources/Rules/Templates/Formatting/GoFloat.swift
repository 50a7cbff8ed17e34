import Glibc

/// Numbers as Go's `strconv.FormatFloat` writes them.
enum GoFloat {
    /// - Parameters:
    ///   - verb: `e`, `f` or `g`, or the same in capitals, or `x`.
    ///   - precision: nil for as few digits as tell the number from every other.
    static func text(_ value: Double, _ verb: Character, precision: Int?) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        guard let precision else {
            return verb == "x" || verb == "X" ? hexadecimal(value, verb, nil) : shortest(value, verb)
        }
        switch verb {
        case "x", "X": return hexadecimal(value, verb, precision)
        // C and Go agree on these to the last digit: both are exact.
        case "e": return printed("%.*e", precision, value)
        case "E": return printed("%.*E", precision, value)
        case "f", "F": return printed("%.*f", precision, value)
        case "G": return printed("%.*G", precision, value)
        default: return printed("%.*g", precision, value)
        }
    }

    private static func shortest(_ value: Double, _ verb: Character) -> String {
        let sign = value.sign == .minus ? "-" : ""
        let (digits, point) = decimal(value.magnitude)
        let exponent = digits == "0" ? 0 : point - 1
        switch verb {
        case "e", "E": return sign + scientific(digits, exponent, verb)
        case "f", "F": return sign + plain(digits, point)
        default:
            if exponent < -4 || exponent >= 6 { return sign + scientific(digits, exponent, verb == "G" ? "E" : "e") }
            return sign + plain(digits, point)
        }
    }

    private static func scientific(_ digits: String, _ exponent: Int, _ letter: Character) -> String {
        let fraction = digits.dropFirst()
        let width = exponent.magnitude < 10 ? "0" : ""
        return digits.prefix(1) + (fraction.isEmpty ? "" : "." + fraction)
            + "\(letter)\(exponent < 0 ? "-" : "+")\(width)\(exponent.magnitude)"
    }

    private static func plain(_ digits: String, _ point: Int) -> String {
        if digits == "0" { return "0" }
        if point <= 0 { return "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.utf8.count { return digits + String(repeating: "0", count: point - digits.utf8.count) }
        return digits.prefix(point) + "." + digits.dropFirst(point)
    }

    /// The shortest digits without zeros at the ends, and where the point stands, counted from before the first.
    private static func decimal(_ value: Double) -> (digits: String, point: Int) {
        if value == 0 { return ("0", 1) }
        // Swift's description has the same digits as Go, the shortest and closest, in another layout.
        let parts = value.description.split(separator: "e")
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        var digits = mantissa.joined()
        var point = mantissa[0].utf8.count + exponent
        let leading = digits.prefix { $0 == "0" }.count
        digits.removeFirst(leading)
        point -= leading
        while digits.last == "0", digits.utf8.count > 1 { digits.removeLast() }
        return (digits, point)
    }

    /// C's `%a`, with the two digits of exponent that Go has at least.
    private static func hexadecimal(_ value: Double, _ verb: Character, _ precision: Int?) -> String {
        let text =
            precision.map { printed(verb == "x" ? "%.*a" : "%.*A", $0, value) }
            ?? printed(verb == "x" ? "%a" : "%A", nil, value)
        let parts = text.split { $0 == "p" || $0 == "P" }
        guard parts.count == 2, var exponent = Int(parts[1]) else { return text }
        var mantissa = String(parts[0])
        // C rounds 1.999 up to 2 and leaves it at that.
        if let two = mantissa.firstIndex(of: "2"), mantissa[..<two].last.map({ $0 == "x" || $0 == "X" }) ?? false {
            mantissa.replaceSubrange(two...two, with: "1")
            exponent += 1
        }
        let width = exponent.magnitude < 10 ? "0" : ""
        return mantissa + (verb == "x" ? "p" : "P") + (exponent < 0 ? "-" : "+") + width + "\(exponent.magnitude)"
    }

    private static func printed(_ format: String, _ precision: Int?, _ value: Double) -> String {
        let precision = precision.map { min($0, TemplateLimits().output) }
        let arguments: [any CVarArg] = precision.map { [Int32(clamping: $0), value] } ?? [value]
        // The longest: 309 digits before the point.
        var buffer = [CChar](repeating: 0, count: 400 + max(0, precision ?? 0))
        let length = withVaList(arguments) { vsnprintf(&buffer, buffer.count, format, $0) }
        return String(decoding: buffer.prefix(max(0, Int(length))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
