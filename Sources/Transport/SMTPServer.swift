/// A mail server: `host:port`, IPv6 addresses in brackets.
package struct SMTPServer: Sendable, Equatable {
    /// Without brackets.
    package let host: String
    package let port: Int

    /// Nil where the text is something else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"/@?#\\\"<>".utf8.contains($0) }) else {
            return nil
        }
        self.host = String(host)
        self.port = port
    }

    /// Whether it is this host: nobody listens on the way.
    package var isLoopback: Bool {
        let name = host.lowercased()
        return name == "localhost" || name.hasSuffix(".localhost") || name.hasPrefix("127.") || name == "::1"
    }

    /// For a URL.
    var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
