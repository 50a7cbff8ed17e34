import NIOCore
import NIOHTTP1

extension Request {
    /// The request as NIO's parser gives it.
    init(
        _ head: HTTPRequestHead, body: [UInt8], certificate: String?, local: SocketAddress?, remote: SocketAddress?
    ) throws(HTTPError) {
        guard let method = Method(rawValue: head.method.rawValue) else {
            throw HTTPError(501, "The method \(head.method.rawValue) is not one that this server knows.")
        }
        let target = Request.origin(of: head.uri)
        guard target.hasPrefix("/") else {
            throw HTTPError(400, "The request's target is no path: \(head.uri.prefix(200))")
        }
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let query = Query(parts.count > 1 ? parts[1] : "") else {
            throw HTTPError(400, "The query holds a percent sign without two hexadecimal digits, or is not UTF-8.")
        }
        var headers = Headers()
        for (name, value) in head.headers { headers.add(name, value) }
        self.init(
            method: method, path: String(parts[0]), query: query, headers: headers, body: body,
            origin: Origin(local: local, remote: remote), peer: remote.map { "\($0)" } ?? "")
        identity = certificate.map(Identity.certificate)
    }

    /// What is left of `http://host/path` is the path; a path is itself.
    private static func origin(of target: String) -> Substring {
        guard !target.hasPrefix("/") else { return target[...] }
        for scheme in ["http://", "https://"] where target.lowercased().hasPrefix(scheme) {
            let rest = target.dropFirst(scheme.count)
            return rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
        }
        return target[...]
    }
}

extension Request.Origin {
    /// Both ends count: with `route_localnet` set, packets for 127.0.0.1 may come from elsewhere.
    init(local: SocketAddress?, remote: SocketAddress?) {
        if case .unixDomainSocket = local {
            self = .unixSocket
        } else {
            self = Self.isLoopback(local) && Self.isLoopback(remote) ? .loopback : .network
        }
    }

    private static func isLoopback(_ address: SocketAddress?) -> Bool {
        guard let text = address?.ipAddress else { return false }
        return text == "::1" || text.hasPrefix("127.") || text.hasPrefix("::ffff:127.")
    }
}
