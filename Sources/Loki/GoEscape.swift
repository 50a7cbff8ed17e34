/// The escapes in a double-quoted Go string (The Go Programming Language Specification, "Rune literals"): what LogQL and
/// Loki's label strings are written with.
enum GoEscape {
    /// Appends what the escape means whose first byte after the backslash is at `index` of `text`, and moves `index`
    /// behind it. Throws the sentence that says what is wrong with it.
    static func decode(
        _ text: ArraySlice<UInt8>, at index: inout Int, into bytes: inout [UInt8]
    ) throws(GoEscapeError) {
        guard index < text.endIndex else { throw GoEscapeError("nothing after `\\`") }
        let kind = text[index]
        index += 1
        switch kind {
        case UInt8(ascii: "n"): bytes.append(0x0a)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "r"): bytes.append(0x0d)
        case UInt8(ascii: "a"): bytes.append(0x07)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "v"): bytes.append(0x0b)
        case UInt8(ascii: "f"): bytes.append(0x0c)
        case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"): bytes.append(kind)
        case UInt8(ascii: "x"): bytes.append(UInt8(truncatingIfNeeded: try digits(2, radix: 16, text, &index)))
        case UInt8(ascii: "u"): try scalar(try digits(4, radix: 16, text, &index), into: &bytes)
        case UInt8(ascii: "U"): try scalar(try digits(8, radix: 16, text, &index), into: &bytes)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            index -= 1
            let value = try digits(3, radix: 8, text, &index)
            guard value < 256 else { throw GoEscapeError("octal escape above \\377") }
            bytes.append(UInt8(value))
        default:
            throw GoEscapeError(
                "unknown escape `\\\(Character(Unicode.Scalar(kind)))`; write `\\\\` for a backslash, "
                    + "or the string between backquotes")
        }
    }

    private static func digits(
        _ count: Int, radix: UInt32, _ text: ArraySlice<UInt8>, _ index: inout Int
    ) throws(GoEscapeError) -> UInt32 {
        let end = min(index + count, text.endIndex)
        var value: UInt32 = 0
        var read = 0
        for byte in text[index..<end] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, digit < radix else { break }
            value = value * radix + UInt32(digit)
            read += 1
        }
        guard read == count else { throw GoEscapeError("expected \(count) digits of base \(radix) in the escape") }
        index = end
        return value
    }

    private static func scalar(_ value: UInt32, into bytes: inout [UInt8]) throws(GoEscapeError) {
        guard let scalar = Unicode.Scalar(value) else {
            throw GoEscapeError("no such character: U+\(String(value, radix: 16))")
        }
        bytes.append(contentsOf: scalar.utf8)
    }
}

/// What is wrong with an escape.
struct GoEscapeError: Error {
    let message: String
    init(_ message: String) { self.message = message }
}
