import Bytes
import Configuration

/// HMAC-SHA-256 with the secret that hosts share, over what is said, by whom and when.
///
/// The text that is signed has a line for each part, and the last part behind the last line end as it is.
enum SharingSignature {
    /// Seconds that clocks may differ.
    static let tolerance = 300.0

    static func sign(_ parts: [String], _ body: RawSpan, secret: Secret) -> String {
        var message = ByteBuffer(capacity: body.byteCount + 128)
        for part in parts {
            message.append(part)
            message.append(0x0a)
        }
        message.append(body)
        return hexadecimal(SHA256.authenticate([UInt8](message.bytes), key: Array(secret.value.utf8)))
    }

    /// In the same time whatever is different.
    static func verify(_ signature: String, _ parts: [String], _ body: RawSpan, secret: Secret) -> Bool {
        let expected = Array(sign(parts, body, secret: secret).utf8)
        let given = Array(signature.utf8)
        guard expected.count == given.count else { return false }
        return zip(expected, given).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// What nobody has said before.
    static func nonce() -> String {
        hexadecimal((0..<16).map { _ in UInt8.random(in: 0...255) })
    }
}
