/// `application/x-www-form-urlencoded`.
package enum FormText {
    package static let contentType = "application/x-www-form-urlencoded"

    package static func encoded(_ fields: [(String, String)]) -> [UInt8] {
        Array(fields.map { "\(percent($0.0))=\(percent($0.1))" }.joined(separator: "&").utf8)
    }

    /// RFC 3986: all but letters, digits and `-._~` as `%XX`; what AWS signs.
    package static func percent(_ text: String) -> String {
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
