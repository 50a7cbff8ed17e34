import Bytes

// Numbers, durations and strings.
extension Lexer {
    mutating func numberOrDuration() throws(SyntaxError) -> Token {
        if scanNumber() { return token(.number) }
        if scanDuration() { return token(.duration) }
        throw failure("bad number or duration syntax: \(badText)")
    }

    mutating func number() throws(SyntaxError) -> Token {
        if scanNumber() { return token(.number) }
        throw failure("bad number syntax: \(badText)")
    }

    private var badText: String { GoText.quoted(String(decoding: text[start..<position], as: UTF8.self)) }

    /// Moves behind what may be a number: whether it is one the parser finds out. False where it cannot be one, and the
    /// position is where that was seen.
    private mutating func scanNumber() -> Bool {
        let first = position
        var isHexadecimal = false
        // In series descriptions `0x3` is three times zero.
        if !isSeries, take(UInt8(ascii: "0")), take(where: { $0 | 0x20 == UInt8(ascii: "x") }) {
            _ = take(UInt8(ascii: "_"))
            isHexadecimal = true
        }
        func isDigit(_ byte: UInt8) -> Bool {
            Lexer.isDigit(byte) || (isHexadecimal && (0x61...0x66).contains(byte | 0x20))
        }
        func isExponent(_ byte: UInt8) -> Bool { byte | 0x20 == UInt8(ascii: "e") }
        func isSeparator(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || isExponent(byte)
        }
        _ = take(UInt8(ascii: "."))
        _ = take(where: isDigit)
        var hasDot = false
        var hasExponent = false
        while let byte, isDigit(byte) || isSeparator(byte) {
            if byte == UInt8(ascii: ".") {
                position += 1
                if hasDot || take(where: { $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") }) || isHexadecimal {
                    return false
                }
                hasDot = true
            } else if isExponent(byte) {
                position += 1
                if hasExponent { return false }
                hasExponent = true
                _ = take(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") })
                if take(where: isSeparator) || position == text.count { return false }
            } else if byte == UInt8(ascii: "_") {
                position += 1
                if take(where: isSeparator) || position == text.count { return false }
            } else {
                while take(where: isDigit) {}
            }
        }
        guard position > first else { return false }
        guard let byte else { return true }
        return (isSeries && byte == UInt8(ascii: "x")) || !Lexer.isAlphaNumeric(byte)
    }

    /// After the digits of the first number: the rest of a duration. False where it is none.
    private mutating func scanDuration() -> Bool {
        func isUnit(_ byte: UInt8) -> Bool { "smhdw".utf8.contains(byte) }
        guard take(where: { isUnit($0) || $0 == UInt8(ascii: "y") }) else { return false }
        _ = take(UInt8(ascii: "s"))
        while take(where: Lexer.isDigit) {
            while take(where: Lexer.isDigit) {}
            guard take(where: isUnit) else { return false }
            _ = take(UInt8(ascii: "s"))
        }
        guard let byte, Lexer.isAlphaNumeric(byte) else { return true }
        position += 1
        return false
    }

    /// A string, its quotes and escapes included.
    mutating func string() throws(SyntaxError) -> Token {
        let quote = text[position]
        position += 1
        let isRaw = quote == UInt8(ascii: "`")
        while true {
            guard let (scalar, width) = scalar(at: position) else {
                throw failure(isRaw ? "unterminated raw string" : "unterminated quoted string")
            }
            position += width
            switch scalar {
            case "\u{fffd}": throw failure("invalid UTF-8 rune")
            case "\\" where !isRaw: try escape(quote)
            case "\n" where !isRaw: throw failure("unterminated quoted string")
            default: if scalar.value == UInt32(quote) { return token(.string) }
            }
        }
    }

    private mutating func escape(_ quote: UInt8) throws(SyntaxError) {
        let kind = take()
        let count: Int
        let radix: UInt32
        var digit = kind
        switch kind {
        case "a", "b", "f", "n", "r", "t", "v", "\\": return
        case "0", "1", "2", "3", "4", "5", "6", "7": (count, radix) = (3, 8)
        case "x": (count, radix, digit) = (2, 16, take())
        case "u": (count, radix, digit) = (4, 16, take())
        case "U": (count, radix, digit) = (8, 16, take())
        case nil: throw failure("escape sequence not terminated")
        case let other?:
            if other.value == UInt32(quote) { return }
            throw failure("unknown escape sequence \(GoText.codePoint(other))")
        }
        var value: UInt32 = 0
        for index in 0..<count {
            guard let scalar = digit else { throw failure("escape sequence not terminated") }
            guard let number = Lexer.hexadecimalDigit(scalar), number < radix else {
                throw failure("illegal character \(GoText.codePoint(scalar)) in escape sequence")
            }
            value = value &* radix &+ number
            if index < count - 1 { digit = take() }
        }
        let highest: UInt32 = kind == "u" || kind == "U" ? 0x10ffff : 255
        if value > highest || (0xd800..<0xe000).contains(value) {
            throw failure("escape sequence is an invalid Unicode code point")
        }
    }

    static func hexadecimalDigit(_ scalar: Unicode.Scalar) -> UInt32? {
        switch scalar {
        case "0"..."9": scalar.value - 0x30
        case "a"..."f": scalar.value - 0x61 + 10
        case "A"..."F": scalar.value - 0x41 + 10
        default: nil
        }
    }

    /// What a string token stands for.
    static func unquoted(_ token: Token) -> String {
        let bytes = Array(token.text.utf8.dropFirst().dropLast())
        guard token.text.utf8.first != UInt8(ascii: "`"), bytes.contains(UInt8(ascii: "\\")) else {
            return String(decoding: bytes, as: UTF8.self)
        }
        var result: [UInt8] = []
        var index = 0
        func number(_ count: Int, _ radix: UInt32) -> UInt32 {
            var value: UInt32 = 0
            for _ in 0..<count where index < bytes.count {
                value = value &* radix &+ (hexadecimalDigit(Unicode.Scalar(bytes[index])) ?? 0)
                index += 1
            }
            return value
        }
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            guard byte == UInt8(ascii: "\\"), index < bytes.count else {
                result.append(byte)
                continue
            }
            let kind = bytes[index]
            index += 1
            switch kind {
            case UInt8(ascii: "a"): result.append(0x07)
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0c)
            case UInt8(ascii: "n"): result.append(0x0a)
            case UInt8(ascii: "r"): result.append(0x0d)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "v"): result.append(0x0b)
            case UInt8(ascii: "x"): result.append(UInt8(truncatingIfNeeded: number(2, 16)))
            case UInt8(ascii: "u"), UInt8(ascii: "U"):
                let value = number(kind == UInt8(ascii: "u") ? 4 : 8, 16)
                result.append(contentsOf: (Unicode.Scalar(value) ?? "\u{fffd}").utf8)
            case UInt8(ascii: "0")...UInt8(ascii: "7"):
                index -= 1
                result.append(UInt8(truncatingIfNeeded: number(3, 8)))
            default: result.append(kind)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
