/// Durations as Prometheus (`1h30m`, `7d`, `500ms`) and Go (`1.5s`, `100us`) write them.
package enum DurationText {
    /// Fractions of a second are divided by their number in a second, which rounds better than multiplying.
    private static let fractions: [(name: String, perSecond: Double)] = [
        ("ns", 1e9), ("us", 1e6), ("µs", 1e6), ("μs", 1e6), ("ms", 1e3),
    ]
    private static let units: [(name: String, seconds: Double)] = [
        ("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 7 * 86400), ("y", 365 * 86400),
    ]

    /// Seconds, or nil where the text is no duration. A number needs its unit, but for `0`.
    package static func seconds(_ text: String) -> Double? {
        if text == "0" { return 0 }
        var rest = text[...]
        var total = 0.0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard digits.first != ".", digits.last != ".", let number = Double(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            rest = rest.dropFirst(name.count)
            if let fraction = fractions.first(where: { $0.name == name }) {
                total += number / fraction.perSecond
            } else if let unit = units.first(where: { $0.name == name }) {
                total += number * unit.seconds
            } else {
                return nil
            }
        }
        return total.isFinite ? total : nil
    }

    /// The shortest such text: `7h`, `1m30s`, `500ms`.
    package static func text(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds > 0, seconds < 1e12 else { return seconds == 0 ? "0s" : "\(seconds)s" }
        if seconds < 1 { return "\(Int((seconds * 1000).rounded()))ms" }
        var rest = Int(seconds.rounded())
        var text = ""
        for (name, size) in [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)] where rest >= size {
            text += "\(rest / size)\(name)"
            rest %= size
        }
        return text
    }
}
