/// Texts cut to what a service takes, with `…` where something is missing.
enum TextLimit {
    /// In Unicode code points, as most services count.
    static func runes(_ text: String, _ limit: Int) -> String {
        let scalars = text.unicodeScalars
        guard text.utf8.count > limit, scalars.count > limit else { return text }
        guard limit > 3 else { return String(String.UnicodeScalarView(scalars.prefix(limit))) }
        return String(String.UnicodeScalarView(scalars.prefix(limit - 1))) + "…"
    }

    /// In bytes of UTF-8; no code point is cut in two.
    static func bytes(_ text: String, _ limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        guard limit >= 3 else { return String(repeating: ".", count: max(0, limit)) }
        var kept = String.UnicodeScalarView()
        var count = 3
        for scalar in text.unicodeScalars {
            count += UTF8.width(scalar)
            if count > limit { break }
            kept.append(scalar)
        }
        return String(kept) + "…"
    }
}

extension UTF8 {
    fileprivate static func width(_ scalar: Unicode.Scalar) -> Int {
        scalar.value < 0x80 ? 1 : scalar.value < 0x800 ? 2 : scalar.value < 0x10000 ? 3 : 4
    }
}
