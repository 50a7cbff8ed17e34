/// Where the server listens: `127.0.0.1:9464`, `[::1]:9464`, `name:9464`, `:9464` or `unix:/run/tocsin.sock`.
package enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// Without a host: every address of this machine.
    case tcp(host: String?, port: Int)
    case unix(path: String)

    /// The longest path that fits into `sockaddr_un` with its final NUL.
    private static let longestPath = 107

    package init(_ text: String) throws(WebServerError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/") else {
                throw WebServerError(
                    "'\(text)' is no listen address: a socket needs an absolute path, unix:/run/x.sock")
            }
            guard path.utf8.count <= ListenAddress.longestPath else {
                throw WebServerError(
                    "'\(text)' is too long a path for a socket: \(path.utf8.count) bytes, at most 107 fit")
            }
            self = .unix(path: path)
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
        case .unix(let path): "unix:\(path)"
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

/// Addresses and limits of the server.
package struct ServerConfiguration: Sendable {
    package var addresses: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 9464)]
    /// Bytes of a request's header, all fields together.
    package var headerLimit = 32 << 10
    /// Bytes of a request's body.
    package var bodyLimit = 4 << 20
    /// Bytes of a request's body from another host, which is not asked who it is before it has been read.
    package var networkBodyLimit = 64 << 10
    /// Open connections; one more is closed at once.
    package var connectionLimit = 512
    /// How long a connection may wait for its next request, or for its client to take a response.
    package var idleTimeout = Duration.seconds(75)
    /// How long the first header, and every body, may take to arrive.
    package var receiveTimeout = Duration.seconds(10)
    /// How long requests in progress get when the server stops.
    package var drainTimeout = Duration.seconds(2)

    package init() {}
}
