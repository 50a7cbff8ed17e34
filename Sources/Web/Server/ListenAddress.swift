/// Where the server listens: `127.0.0.1:9464`, `[::1]:9464`, `name:9464`, `:9464` or `unix:/run/tocsin.sock`, which may
/// be followed by `?mode=0660&group=adm`.
package enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// Without a host: every address of this machine.
    case tcp(host: String?, port: Int)
    case unix(path: String, permissions: SocketPermissions = SocketPermissions())

    /// The longest path that fits into `sockaddr_un` with its final NUL.
    private static let longestPath = 107

    package init(_ text: String) throws(WebServerError) {
        if text.hasPrefix("unix:") {
            let parts = text.dropFirst(5).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            let path = String(parts[0])
            guard path.hasPrefix("/") else {
                throw WebServerError(
                    "'\(text)' is no listen address: a socket needs an absolute path, unix:/run/x.sock")
            }
            guard path.utf8.count <= ListenAddress.longestPath else {
                throw WebServerError(
                    "'\(text)' is too long a path for a socket: \(path.utf8.count) bytes, at most 107 fit")
            }
            self = .unix(path: path, permissions: try SocketPermissions(parts.count > 1 ? parts[1] : "", of: text))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw WebServerError(
                "'\(text)' is no listen address: expected host:port with a port from 0 to 65535, such as "
                    + "127.0.0.1:9464, [::1]:9464 or :9464, or unix:/run/tocsin.sock")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw WebServerError("'\(text)' is no listen address: write an IPv6 address in brackets, [\(host)]:\(port)")
        }
        self = .tcp(host: host.isEmpty ? nil : host, port: Int(port))
    }

    package var description: String {
        switch self {
        case .unix(let path, let permissions): "unix:\(path)\(permissions.query)"
        case .tcp(nil, let port): ":\(port)"
        case .tcp(let host?, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}

/// Why the server cannot listen, as one sentence with the remedy.
package struct WebServerError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
