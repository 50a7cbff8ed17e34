/// Sizes as promtail and Prometheus write them: `1GiB`, `256KB`, `1048576`. All units are powers of 1024, `KB` too.
package enum ByteCountText {
    private static let units = "kmgtp"

    /// Bytes, or nil where the text is no size or overflows.
    package static func bytes(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard digits.first != ".", digits.last != ".", !digits.isEmpty else { return nil }
        var unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        if unit.hasSuffix("b") {
            unit.removeLast()
            if unit.hasSuffix("i") {
                unit.removeLast()
                if unit.isEmpty { return nil }
            }
        }
        var shift = 0
        if let letter = unit.first {
            guard unit.count == 1, let index = units.firstIndex(of: letter) else { return nil }
            shift = 10 * (units.distance(from: units.startIndex, to: index) + 1)
        }
        if let whole = Int(digits) {
            let (bytes, overflow) = whole.multipliedReportingOverflow(by: 1 << shift)
            return overflow ? nil : bytes
        }
        guard let number = Double(digits) else { return nil }
        return Int(exactly: (number * Double(1 << shift)).rounded())
    }

    /// The size in the largest unit that divides it: `256KiB`.
    package static func text(_ bytes: Int) -> String {
        let names = ["", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var value = bytes
        var index = 0
        while value != 0, value % 1024 == 0, index < names.count - 1 {
            value /= 1024
            index += 1
        }
        return "\(value)\(names[index])"
    }
}
