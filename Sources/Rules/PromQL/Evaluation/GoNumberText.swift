import Glibc

/// Numbers in remarks, as Go's `%g` writes them.
enum GoNumberText {
    /// `%g`: the shortest digits that read back as the same number, with an exponent below 1e-4 and from 1e6 on.
    static func general(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return GoNumber.shortest(value) }
        // Few digits tell a number apart most of the time; 17 always do.
        for digits in 1...17 {
            let text = general(value, digits: digits)
            guard Double(text) == value else { continue }
            let exponent = Int(floor(log10(value.magnitude)))
            if exponent >= -4, exponent < 6 { return GoNumber.shortest(value) }
            return scientific(value, digits: digits)
        }
        return GoNumber.shortest(value)
    }

    /// `%.2g` and its like.
    static func general(_ value: Double, digits: Int) -> String { formatted(value, Int32(digits), "%.*g") }

    private static func scientific(_ value: Double, digits: Int) -> String {
        formatted(value, Int32(digits - 1), "%.*e")
    }

    private static func formatted(_ value: Double, _ precision: Int32, _ format: String) -> String {
        guard value.isFinite else { return GoNumber.shortest(value) }
        var buffer = [CChar](repeating: 0, count: 64)
        let length = withVaList([precision, value]) { vsnprintf(&buffer, buffer.count, format, $0) }
        return String(decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
