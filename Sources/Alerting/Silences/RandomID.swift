/// Names that nobody else has given.
package enum RandomID {
    /// A random UUID (RFC 9562, version 4).
    package static func uuid() -> String {
        var random = SystemRandomNumberGenerator()
        return uuid((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }, version: 4)
    }

    /// 16 bytes as a UUID of a version.
    static func uuid(_ bytes: [UInt8], version: UInt8) -> String {
        var bytes = bytes
        bytes[6] = bytes[6] & 0x0f | version << 4
        bytes[8] = bytes[8] & 0x3f | 0x80
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            let digits = String(byte, radix: 16)
            text += digits.count < 2 ? "0" + digits : digits
        }
        return text
    }
}
