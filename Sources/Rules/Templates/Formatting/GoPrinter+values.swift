import Telemetry

extension GoPrinter {
    /// Appends a value as a verb wants it, or says that the verb is not for such values.
    mutating func append(_ value: TemplateValue, _ verb: Unicode.Scalar, depth: Int) {
        switch (verb, value) {
        case ("T", _): return pad(string: value.typeName ?? "<nil>")
        case ("v", .missing), ("v", .null): return pad("<nil>")
        default: break
        }
        if flags.sharpV { return appendSource(value) }
        if verb == "v" || verb == "s" || verb == "q", let text = value.printedByType {
            return append(text, verb, value)
        }
        switch value {
        case .missing, .null: appendBad(verb, value)
        case .bool(let flag):
            if verb == "t" || verb == "v" { pad(flag ? "true" : "false") } else { appendBad(verb, value) }
        case .integer(let number, let type): append(number, type, verb, value)
        case .float(let number): append(float: number, verb, value)
        case .complex(let real, let imaginary):
            output += "("
            append(float: real, verb, value)
            let outer = flags
            flags.plus = true
            append(float: imaginary, verb, value)
            flags = outer
            output += "i)"
        case .string(let text), .namedString(let text, _): append(text, verb, value)
        case .time(let nanoseconds): append(GoTime.text(nanoseconds), verb, value)
        case .list(let list):
            output += "["
            for (index, element) in list.elements.enumerated() {
                if index > 0 { output += " " }
                append(element, verb, depth: depth + 1)
            }
            output += "]"
        case .map(let map):
            output += "map["
            for (index, entry) in map.entries.enumerated() {
                if index > 0 { output += " " }
                append(.string(entry.key), verb, depth: depth + 1)
                output += ":"
                append(entry.value, verb, depth: depth + 1)
            }
            output += "]"
        case .structure(let structure):
            // Go prints the addresses of pointers inside of other values, which tell nobody anything.
            if structure.isPointer { output += "&" }
            output += "{"
            for (index, field) in structure.fields.enumerated() {
                if index > 0 { output += " " }
                if flags.plusV { output += field.name + ":" }
                append(field.value, verb, depth: depth + 1)
            }
            output += "}"
        }
    }

    /// `%!d(string=hi)`
    private mutating func appendBad(_ verb: Unicode.Scalar, _ value: TemplateValue) {
        output += "%!"
        output.unicodeScalars.append(verb)
        output += "("
        if let type = value.typeName {
            output += type + "="
            append(value, "v", depth: 0)
        } else {
            output += "<nil>"
        }
        output += ")"
    }

    /// A value as Go's source would have it.
    private mutating func appendSource(_ value: TemplateValue) {
        func braced(_ type: String, _ parts: [(name: String?, value: TemplateValue)], _ self: inout Self) {
            self.output += (type.hasPrefix("*") ? "&" + type.dropFirst() : type) + "{"
            for (index, part) in parts.enumerated() {
                if index > 0 { self.output += ", " }
                if let name = part.name { self.output += name + ":" }
                self.appendSource(part.value)
            }
            self.output += "}"
        }
        switch value {
        case .missing, .null: output += "interface {}(nil)"
        case .string(let text), .namedString(let text, _): output += GoQuoted.quote(text)
        case .list(let list): braced(list.typeName, list.elements.map { (nil, $0) }, &self)
        case .map(let map): braced(map.typeName, map.entries.map { (GoQuoted.quote($0.key), $0.value) }, &self)
        case .structure(let structure): braced(structure.typeName, structure.fields.map { ($0.name, $0.value) }, &self)
        default:
            let outer = flags
            flags.sharpV = false
            append(value, "v", depth: 1)
            flags = outer
        }
    }

    // MARK: Strings

    private mutating func append(_ text: String, _ verb: Unicode.Scalar, _ value: TemplateValue) {
        switch verb {
        case "v", "s": pad(string: truncated(text))
        case "q":
            let shown = truncated(text)
            let isPlain = !shown.unicodeScalars.contains {
                $0 == "`" || ($0.value < 0x20 && $0 != "\t") || $0.value == 0x7f
            }
            pad(
                string: flags.sharp && isPlain
                    ? "`\(shown)`" : flags.plus ? GoPrinter.quotedASCII(shown) : GoQuoted.quote(shown))
        case "x", "X":
            var bytes = Array(text.utf8)
            if let precision = flags.precision { bytes = Array(bytes.prefix(precision)) }
            var digits = ""
            for (index, byte) in bytes.enumerated() {
                if flags.space, index > 0 { digits += " " }
                if flags.sharp, flags.space || index == 0 { digits += verb == "x" ? "0x" : "0X" }
                digits += GoPrinter.hexadecimal(byte, isUpper: verb == "X")
            }
            pad(string: digits)
        default: appendBad(verb, value)
        }
    }

    private func truncated(_ text: String) -> String {
        guard let precision = flags.precision else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.prefix(precision)))
    }

    private static func hexadecimal(_ byte: UInt8, isUpper: Bool) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: isUpper)
    }

    /// As `strconv.QuoteToASCII`.
    private static func quotedASCII(_ text: String) -> String {
        var result = ""
        for scalar in GoQuoted.quote(text).unicodeScalars {
            if scalar.value < 0x80 {
                result.unicodeScalars.append(scalar)
            } else {
                let digits = String(scalar.value, radix: 16)
                let width = scalar.value < 0x10000 ? 4 : 8
                result += (width == 4 ? "\\u" : "\\U") + String(repeating: "0", count: width - digits.count) + digits
            }
        }
        return result
    }

    // MARK: Integers

    private mutating func append(
        _ number: Int64, _ type: TemplateIntegerType, _ verb: Unicode.Scalar, _ value: TemplateValue
    ) {
        // Types with a name for their values print it.
        if verb == "v" || verb == "s" || verb == "q", let name = GoTime.name(number, type) {
            return append(name, verb, value)
        }
        switch verb {
        case "v", "d": append(integer: number, radix: 10, isUpper: false, prefix: "")
        case "b": append(integer: number, radix: 2, isUpper: false, prefix: flags.sharp ? "0b" : "")
        case "o": append(integer: number, radix: 8, isUpper: false, prefix: flags.sharp ? "0" : "")
        case "O": append(integer: number, radix: 8, isUpper: false, prefix: "0o")
        case "x": append(integer: number, radix: 16, isUpper: false, prefix: flags.sharp ? "0x" : "")
        case "X": append(integer: number, radix: 16, isUpper: true, prefix: flags.sharp ? "0X" : "")
        case "c", "q", "U":
            let scalar = UInt32(exactly: number).flatMap { Unicode.Scalar($0) } ?? "\u{fffd}"
            if verb == "c" { return pad(String(scalar)) }
            if verb == "U" { return pad(GoPrinter.codePoint(UInt64(bitPattern: number), flags)) }
            let quoted = GoQuoted.quote(String(scalar)).dropFirst().dropLast()
            pad(scalar == "'" ? "'\\''" : scalar == "\"" ? "'\"'" : "'\(quoted)'")
        default: appendBad(verb, value)
        }
    }

    private static func codePoint(_ value: UInt64, _ flags: GoFormatFlags) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        let text =
            "U+" + String(repeating: "0", count: max(0, max(4, flags.precision ?? 4) - digits.utf8.count)) + digits
        guard flags.sharp, let scalar = UInt32(exactly: value).flatMap({ Unicode.Scalar($0) }), isPrintable(scalar)
        else {
            return text
        }
        return text + " '\(scalar)'"
    }

    private mutating func append(integer number: Int64, radix: Int, isUpper: Bool, prefix: String) {
        var digits = String(number.magnitude, radix: radix, uppercase: isUpper)
        let sign = number < 0 ? "-" : flags.plus ? "+" : flags.space ? " " : ""
        if let precision = flags.precision {
            if precision == 0, number == 0 { return output += run(of: " ", flags.width ?? 0) }
            digits = run(of: "0", precision - digits.utf8.count) + digits
        } else if flags.zero, let width = flags.width {
            digits = run(of: "0", width - digits.utf8.count - sign.utf8.count) + digits
        }
        let marker = prefix == "0" && digits.hasPrefix("0") ? "" : prefix
        let outer = flags.zero
        flags.zero = false
        pad(sign + marker + digits)
        flags.zero = outer
    }

    // MARK: Floats

    private mutating func append(float number: Double, _ verb: Unicode.Scalar, _ value: TemplateValue) {
        let letter: Character
        var precision = flags.precision
        switch verb {
        case "v", "g": letter = "g"
        case "G": letter = "G"
        case "x": letter = "x"
        case "X": letter = "X"
        case "e", "E", "f", "F":
            letter = Character(verb)
            precision = precision ?? 6
        case "b":
            letter = "b"
            precision = nil
        default: return appendBad(verb, value)
        }
        var text = letter == "b" ? GoPrinter.binary(number) : GoFloat.text(number, letter, precision: precision)
        if text.utf8.first != UInt8(ascii: "-"), text.utf8.first != UInt8(ascii: "+") { text = "+" + text }
        if flags.space, text.utf8.first == UInt8(ascii: "+"), !flags.plus { text = " " + text.dropFirst() }
        if !number.isFinite {
            let outer = flags.zero
            flags.zero = false
            pad(number.isNaN && !flags.space && !flags.plus ? String(text.dropFirst()) : text)
            flags.zero = outer
            return
        }
        if flags.sharp, letter != "b" { text = withPoint(text, letter, precision) }
        guard flags.plus || text.utf8.first != UInt8(ascii: "+") else { return pad(String(text.dropFirst())) }
        // The sign stands before the zeros.
        if flags.zero, let width = flags.width, width > text.utf8.count {
            output += text.prefix(1)
            output += run(of: "0", width - text.utf8.count)
            output += text.dropFirst()
            return
        }
        pad(text)
    }

    /// With `#` there is always a point, and `g` keeps its zeros.
    private func withPoint(_ text: String, _ letter: Character, _ precision: Int?) -> String {
        let isHex = letter == "x" || letter == "X"
        let tailStart = text.firstIndex { isHex ? $0 == "p" || $0 == "P" : $0 == "e" || $0 == "E" } ?? text.endIndex
        var body = String(text[..<tailStart])
        var missing = 0
        if letter == "g" || letter == "G" {
            let significant = body.filter(\.isNumber).drop { $0 == "0" }.count
            missing = (precision ?? 6) - max(significant, 1)
        }
        if !body.contains(".") { body += "." }
        return body + run(of: "0", missing) + text[tailStart...]
    }

    /// `4503599627370496p-52`
    private static func binary(_ value: Double) -> String {
        guard value.isFinite else { return GoFloat.text(value, "g", precision: nil) }
        let isNormal = value.exponentBitPattern != 0
        let significand = value.significandBitPattern | (isNormal ? 1 << 52 : 0)
        let exponent = (isNormal ? Int(value.exponentBitPattern) : 1) - 1075
        return "\(value.sign == .minus ? "-" : "")\(significand)p\(exponent < 0 ? "" : "+")\(exponent)"
    }

    // MARK: Padding

    private mutating func pad(string text: String) { pad(text) }

    private mutating func pad(_ text: String) {
        let missing = (flags.width ?? 0) - text.unicodeScalars.count
        guard missing > 0 else {
            output += text
            return
        }
        if flags.minus {
            output += text + run(of: " ", missing)
        } else {
            output += run(of: flags.zero ? "0" : " ", missing) + text
        }
    }
}
