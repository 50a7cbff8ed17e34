/// Where an expression can be looked at: Prometheus's page for it, which Alertmanager's receivers link to.
enum AlertLink {
    static func text(externalURL: String, expression: String) -> String {
        externalURL + "/graph?g0.expr=" + queryEscaped(expression) + "&g0.tab=1"
    }

    /// Go's `url.QueryEscape`.
    static func queryEscaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x20: bytes.append(0x2b)
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: bytes.append(byte)
            default: bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
