/// A number of a template: what it is in each of the types it fits, as untyped constants of Go have it.
struct TemplateNumber: Sendable {
    var text: String
    var integer: Int64?
    var unsigned: UInt64?
    var float: Double?
    /// Of an imaginary or complex number.
    var complex: (real: Double, imaginary: Double)?

    /// nil where `text` is no number.
    init?(_ text: String, isCharacter: Bool = false) {
        self.text = text
        if isCharacter {
            guard let value = GoLiteral.character(text) else { return nil }
            integer = Int64(value)
            unsigned = UInt64(value)
            float = Double(value)
            return
        }
        if text.utf8.last == UInt8(ascii: "i") {
            guard let value = Self.complex(text.dropLast()) else { return nil }
            complex = value
            guard value.imaginary == 0 else { return }
            float = value.real
            integer = Int64(exactly: value.real)
            unsigned = UInt64(exactly: value.real)
            return
        }
        integer = GoLiteral.integer(text)
        unsigned = text.utf8.first == UInt8(ascii: "+") ? nil : GoLiteral.unsigned(text)
        if integer == 0 { unsigned = 0 }
        if let integer {
            float = Double(integer)
        } else if let unsigned {
            float = Double(unsigned)
        } else if let value = GoLiteral.float(text) {
            // What looks like an integer and does not fit is an error, not a float.
            guard text.utf8.contains(where: { ".eEpP".utf8.contains($0) }) else { return nil }
            float = value
            integer = Int64(exactly: value)
            unsigned = UInt64(exactly: value)
        } else {
            return nil
        }
    }

    /// Whether it was written as a float where no type is asked for.
    var isWrittenAsFloat: Bool {
        let isHexInteger = text.hasPrefix("0x") || text.hasPrefix("0X")
        if text.utf8.first == UInt8(ascii: "'") { return false }
        if isHexInteger, !text.utf8.contains(where: { "pP".utf8.contains($0) }) { return false }
        return text.utf8.contains { ".eEpP".utf8.contains($0) }
    }

    /// `2` or `1+2` before the `i`.
    private static func complex(_ text: Substring) -> (real: Double, imaginary: Double)? {
        if let imaginary = GoLiteral.float(String(text)) { return (0, imaginary) }
        var split: Substring.Index?
        var previous: Character = " "
        for index in text.indices.dropFirst() {
            if "+-".contains(text[index]), !"eEpP".contains(previous) { split = index }
            previous = text[index]
        }
        guard let split, let real = GoLiteral.float(String(text[..<split])),
            let imaginary = GoLiteral.float(String(text[split...]))
        else { return nil }
        return (real, imaginary)
    }
}
