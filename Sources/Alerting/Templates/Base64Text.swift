/// Base64 (RFC 4648).
package enum Base64Text {
    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// With `=` at the end where the last group is short.
    package static func encoded(_ bytes: [UInt8], urlSafe isURLSafe: Bool = false) -> String {
        let alphabet = isURLSafe ? urlSafe : standard
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word = UInt32(0)
            for (index, byte) in group.enumerated() { word |= UInt32(byte) << (16 - 8 * UInt32(index)) }
            for place in 0..<4 {
                let digit = Int(word >> (18 - 6 * UInt32(place))) & 63
                output.append(place <= group.count ? alphabet[digit] : UInt8(ascii: "="))
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Nil where the text is not base64 of this alphabet with its `=`. Line breaks are passed over, as Go does it.
    package static func decoded(_ text: String, urlSafe isURLSafe: Bool = false) -> [UInt8]? {
        let alphabet = isURLSafe ? urlSafe : standard
        let characters = text.utf8.filter { $0 != 0x0a && $0 != 0x0d }
        guard characters.count % 4 == 0 else { return nil }
        let end = characters.suffix(2).firstIndex(of: UInt8(ascii: "=")) ?? characters.count
        guard characters[end...].allSatisfy({ $0 == UInt8(ascii: "=") }) else { return nil }
        var output: [UInt8] = []
        var word: UInt32 = 0
        var bits = 0
        for character in characters[..<end] {
            guard let digit = alphabet.firstIndex(of: character) else { return nil }
            word = word << 6 | UInt32(digit)
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            output.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
        }
        return output
    }
}
