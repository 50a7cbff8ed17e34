/// Where a request goes: `http://host[:port]/path`, `https://…`, IPv6 hosts in brackets, or a Unix socket as
/// `unix:/run/loki.sock:/loki/api/v1/push` (the path in the server after the second colon, `/` without one).
package struct HTTPTarget: Sendable, Equatable {
    /// As libcurl takes it; may hold a user and a password: not for people's eyes.
    package let url: String
    /// Path of the Unix socket to connect to, or empty.
    package let socketPath: String
    package let scheme: String
    /// Lowercase, IPv6 in its brackets; `localhost` for a Unix socket.
    package let host: String
    package let port: Int
    /// Whether the URL itself holds a user name.
    package let hasUser: Bool
    /// Path and query.
    package let path: String

    /// Throws the sentence that says what is wrong with `text`.
    package init(parsing text: String) throws(HTTPTargetError) {
        if text.hasPrefix("unix:") {
            let rest = text.dropFirst(5)
            let socket = rest.prefix { $0 != ":" }
            let request = rest.dropFirst(socket.count + 1)
            guard socket.hasPrefix("/"), request.isEmpty || request.hasPrefix("/") else {
                throw HTTPTargetError(
                    "a Unix socket is written unix:/path/of.sock:/path/in/server with absolute paths")
            }
            // sockaddr_un holds 108 bytes with the final NUL.
            guard socket.utf8.count < 108 else {
                throw HTTPTargetError("the socket's path is longer than the 107 bytes the kernel takes")
            }
            socketPath = String(socket)
            path = request.isEmpty ? "/" : String(request)
            url = "http://localhost" + path
            scheme = "http"
            host = "localhost"
            port = 80
            hasUser = false
            return
        }
        guard let parts = Self.split(text) else {
            throw HTTPTargetError("expected http://host[:port]/path, https://… or unix:/path/of.sock:/path")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw HTTPTargetError("the URL holds a space or a control character; write it as %20 and the like")
        }
        url = text
        socketPath = ""
        (scheme, host, port, hasUser, path) = parts
    }

    /// Without user and password, for logs.
    package var description: String {
        if !socketPath.isEmpty { return "unix:\(socketPath):\(path)" }
        return "\(origin)\(path.prefix { $0 != "?" })"
    }

    /// `host:port`, the port only where it is not the scheme's own; what promtail puts into its `host` label.
    package var authority: String {
        if !socketPath.isEmpty { return socketPath }
        return port == (scheme == "https" ? 443 : 80) ? host : "\(host):\(port)"
    }

    private var origin: String { "\(scheme)://\(authority)" }

    /// Whether credentials meant for this target may go to `other`: the same server, or the same host reached by TLS.
    package func sharesCredentials(with other: HTTPTarget) -> Bool {
        guard socketPath == other.socketPath, host == other.host else { return false }
        if scheme == other.scheme && port == other.port { return true }
        return scheme == "http" && other.scheme == "https" && port == 80 && other.port == 443
    }

    private typealias Parts = (scheme: String, host: String, port: Int, hasUser: Bool, path: String)

    private static func split(_ text: String) -> Parts? {
        let scheme: String
        let rest: Substring
        if text.lowercased().hasPrefix("https://") {
            scheme = "https"
            rest = text.dropFirst(8)
        } else if text.lowercased().hasPrefix("http://") {
            scheme = "http"
            rest = text.dropFirst(7)
        } else {
            return nil
        }
        var authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let path = rest.dropFirst(authority.count)
        let hasUser = authority.contains("@")
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        let host: Substring
        let end: Substring
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            host = authority[...close]
            end = authority[authority.index(after: close)...]
        } else {
            host = authority.prefix { $0 != ":" }
            end = authority.dropFirst(host.count)
        }
        guard !host.isEmpty else { return nil }
        var port = scheme == "https" ? 443 : 80
        if !end.isEmpty {
            guard end.hasPrefix(":"), let number = Int(end.dropFirst()), (1...65535).contains(number) else {
                return nil
            }
            port = number
        }
        return (scheme, host.lowercased(), port, hasUser, path.hasPrefix("/") ? String(path) : "/" + path)
    }
}

/// What is wrong with a URL.
package struct HTTPTargetError: Error, Equatable, CustomStringConvertible, Sendable {
    package let description: String
    init(_ description: String) { self.description = description }
}
