/// Numbers and strings as Go's source has them (`strconv` with base 0, `strconv.Unquote`).
enum GoLiteral {
    static func integer(_ text: String) -> Int64? {
        let isNegative = text.utf8.first == UInt8(ascii: "-")
        let hasSign = isNegative || text.utf8.first == UInt8(ascii: "+")
        guard let magnitude = unsigned(hasSign ? String(text.dropFirst()) : text) else { return nil }
        if isNegative { return magnitude == 1 << 63 ? .min : Int64(exactly: magnitude).map { -$0 } }
        return Int64(exactly: magnitude)
    }

    static func unsigned(_ text: String) -> UInt64? {
        var digits = text[...]
        var radix = 10
        if digits.utf8.first == UInt8(ascii: "0"), digits.utf8.count > 1 {
            let prefix = digits.prefix(2).lowercased()
            let bases = ["0x": 16, "0o": 8, "0b": 2]
            radix = bases[prefix] ?? 8
            digits = digits.dropFirst(bases[prefix] == nil ? 1 : 2)
            // An underscore may follow the prefix.
            if digits.utf8.first == UInt8(ascii: "_") { digits = digits.dropFirst() }
        }
        guard let plain = withoutUnderscores(digits), plain.utf8.first.map({ $0 != 0x2b && $0 != 0x2d }) ?? false
        else { return nil }
        return UInt64(plain, radix: radix)
    }

    static func float(_ text: String) -> Double? {
        var body = text[...]
        var sign = 1.0
        if let first = body.utf8.first, first == 0x2b || first == 0x2d {
            sign = first == 0x2d ? -1 : 1
            body = body.dropFirst()
        }
        guard let first = body.utf8.first, first != 0x2b, first != 0x2d, let plain = withoutUnderscores(body) else {
            return nil
        }
        let isHex = plain.hasPrefix("0x") || plain.hasPrefix("0X")
        let allowed = isHex ? "0123456789abcdefABCDEF.xXpP+-" : "0123456789.eE+-"
        guard plain.utf8.allSatisfy({ allowed.utf8.contains($0) }) else { return nil }
        if isHex, !plain.utf8.contains(where: { $0 | 0x20 == UInt8(ascii: "p") }) { return nil }
        // Swift takes no number without digits before the point.
        let padded = plain.utf8.first == UInt8(ascii: ".") ? "0" + plain : plain
        guard let value = Double(padded.utf8.last == UInt8(ascii: ".") ? padded + "0" : padded), value.isFinite else {
            return nil
        }
        return sign * value
    }

    /// Single underscores between digits are taken out; nil where there are others.
    private static func withoutUnderscores(_ text: Substring) -> String? {
        guard text.utf8.contains(UInt8(ascii: "_")) else { return String(text) }
        guard text.first != "_", text.last != "_", !text.contains("__") else { return nil }
        return text.filter { $0 != "_" }
    }

    /// The code point of `'x'`.
    static func character(_ text: String) -> UInt32? {
        guard text.utf8.count >= 3, text.hasPrefix("'"), text.hasSuffix("'") else { return nil }
        var rest = text.dropFirst().dropLast().unicodeScalars[...]
        var output: [UInt8] = []
        guard let value = takeScalar(&rest, quote: "'", into: &output), rest.isEmpty else { return nil }
        return value
    }

    /// Whether what stands in the quotes of `text` begins with a character; others may follow.
    static func beginsWithCharacter(_ text: String) -> Bool {
        var rest = text.dropFirst().unicodeScalars[...]
        var output: [UInt8] = []
        return takeScalar(&rest, quote: "'", into: &output) != nil
    }

    /// What a string in double quotes, backquotes or single quotes says; nil where it is not well-formed.
    static func unquoted(_ text: String) -> String? {
        guard text.utf8.count >= 2, let quote = text.unicodeScalars.first, text.unicodeScalars.last == quote else {
            return nil
        }
        let inner = text.unicodeScalars.dropFirst().dropLast()
        switch quote {
        case "`":
            return String(String.UnicodeScalarView(inner.filter { $0 != "\r" }))
        case "\"":
            var rest = inner[...]
            var output: [UInt8] = []
            while !rest.isEmpty {
                guard takeScalar(&rest, quote: quote, into: &output) != nil else { return nil }
            }
            return String(decoding: output, as: UTF8.self)
        default: return nil
        }
    }

    /// Takes one character or escape, appends its bytes and returns its value.
    private static func takeScalar(
        _ rest: inout Substring.UnicodeScalarView, quote: Unicode.Scalar, into output: inout [UInt8]
    ) -> UInt32? {
        guard let first = rest.popFirst(), first != quote, first != "\n" else { return nil }
        guard first == "\\" else {
            output.append(contentsOf: String(first).utf8)
            return first.value
        }
        guard let escape = rest.popFirst() else { return nil }
        let simple: [Unicode.Scalar: UInt8] = [
            "a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 0x5c,
        ]
        if let byte = simple[escape] {
            output.append(byte)
            return UInt32(byte)
        }
        switch escape {
        case quote:
            output.append(UInt8(truncatingIfNeeded: quote.value))
            return quote.value
        case "x", "0"..."7":
            let isOctal = escape != "x"
            var digits = isOctal ? String(escape) : ""
            for _ in 0..<2 { digits.unicodeScalars.append(rest.popFirst() ?? " ") }
            guard let value = UInt32(digits, radix: isOctal ? 8 : 16), value <= 255, digits.utf8.first != 0x2b else {
                return nil
            }
            output.append(UInt8(value))
            return value
        case "u", "U":
            var digits = ""
            for _ in 0..<(escape == "u" ? 4 : 8) { digits.unicodeScalars.append(rest.popFirst() ?? " ") }
            guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value), digits.utf8.first != 0x2b
            else { return nil }
            output.append(contentsOf: String(scalar).utf8)
            return value
        default: return nil
        }
    }
}
