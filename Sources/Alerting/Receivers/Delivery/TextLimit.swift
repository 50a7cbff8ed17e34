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

/// `application/x-www-form-urlencoded`.
enum FormText {
    static let contentType = "application/x-www-form-urlencoded"

    static func encoded(_ fields: [(String, String)]) -> [UInt8] {
        Array(fields.map { "\(percent($0.0))=\(percent($0.1))" }.joined(separator: "&").utf8)
    }

    /// RFC 3986: all but letters, digits and `-._~` as `%XX`; what AWS signs.
    static func percent(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}

extension UTF8 {
    fileprivate static func width(_ scalar: Unicode.Scalar) -> Int {
        scalar.value < 0x80 ? 1 : scalar.value < 0x800 ? 2 : scalar.value < 0x10000 ? 3 : 4
    }
}
