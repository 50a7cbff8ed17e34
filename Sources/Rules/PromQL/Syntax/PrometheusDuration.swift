/// Durations as Prometheus writes them: `1h30m`, `500ms`; whole numbers, the longest unit first, each once (`model.Duration`).
package enum PrometheusDuration {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("y", 365 * 86_400_000), ("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000),
        ("s", 1000), ("ms", 1),
    ]

    package enum Failure: Error, Equatable {
        case empty
        case invalid(String)
        case outOfRange
    }

    /// The longest that fits into nanoseconds.
    static let longest = Int64.max / 1_000_000

    /// Milliseconds.
    package static func milliseconds(_ text: String) throws(Failure) -> Int64 {
        if text == "0" { return 0 }
        if text.isEmpty { throw .empty }
        var total: Int64 = 0
        var rest = text.utf8[...]
        var remaining = units[...]
        while !rest.isEmpty {
            let digits = rest.prefix { Lexer.isDigit($0) }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { Lexer.isAlpha($0) }
            rest = rest.dropFirst(letters.count)
            let name = String(Substring(letters))
            guard !digits.isEmpty, let unit = remaining.firstIndex(where: { $0.name == name }) else {
                throw .invalid(text)
            }
            remaining = remaining[(unit + 1)...]
            guard let number = Int64(String(Substring(digits))) else { throw .outOfRange }
            let (product, overflowed) = number.multipliedReportingOverflow(by: units[unit].milliseconds)
            guard !overflowed, product <= longest, total <= longest - product else { throw .outOfRange }
            total += product
        }
        return total
    }

    /// `1h30m`; years and weeks only where nothing remains (`90d`, not `12w6d`). Not for negative ones.
    package static func text(_ milliseconds: Int64) -> String {
        if milliseconds == 0 { return "0s" }
        var rest = milliseconds
        var text = ""
        for unit in units {
            if unit.name == "y" || unit.name == "w", rest % unit.milliseconds != 0 { continue }
            let number = rest / unit.milliseconds
            guard number > 0 else { continue }
            text += "\(number)\(unit.name)"
            rest -= number * unit.milliseconds
        }
        return text
    }
}

extension PrometheusDuration.Failure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .empty: "empty duration string"
        case .invalid(let text): "not a valid duration string: \(GoText.quoted(text))"
        case .outOfRange: "duration out of range"
        }
    }
}
