import Telemetry

/// Pieces of text as Go's `fmt` writes them, which Prometheus's messages are made of.
enum GoText {
    /// `%q` of a string.
    static func quoted(_ text: String) -> String { GoQuoted.quote(text) }

    /// `%q` of a character; nil for the end of the input.
    static func quoted(_ scalar: Unicode.Scalar?) -> String {
        guard let scalar else { return "'\u{fffd}'" }
        switch scalar {
        case "'": return "'\\''"
        case "\"": return "'\"'"
        default:
            let text = GoQuoted.quote(String(Character(scalar)))
            return "'" + text.dropFirst().dropLast() + "'"
        }
    }

    /// `%#U` of a character: `U+0071 'q'`.
    static func codePoint(_ scalar: Unicode.Scalar?) -> String {
        guard let scalar else { return "U+FFFFFFFFFFFFFFFF" }
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let number = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        let text = GoQuoted.quote(String(Character(scalar)))
        let isPrintable = scalar == "\"" || scalar == "\\" || text.unicodeScalars.count == 3
        return isPrintable ? number + " '" + String(Character(scalar)) + "'" : number
    }
}
