/// Who may ask for what: everything answers on this host and to whoever has proven who it is, by a password or by a
/// certificate; to others only what tells nothing of the logs.
package struct AddressPolicy: Middleware {
    /// The paths that answer on every address. The feed of bans tells nothing to who does not sign with the hosts' secret.
    package static let openPaths: Set<String> = [
        "/metrics", "/-/healthy", "/health", "/-/ready", "/ready", "/api/bans/feed",
    ]

    package init() {}

    package func respond(to request: Request, next: Handler) async throws -> Response {
        if request.identity != nil || AddressPolicy.openPaths.contains(request.path) { return try await next(request) }
        switch request.origin {
        case .unixSocket: break
        case .network:
            throw HTTPError(
                403,
                "\(request.path) answers only on this host: ask on 127.0.0.1, on [::1] or on the unix socket, or "
                    + "set server.web_config with users or client certificates. Without, only /metrics and the "
                    + "health paths answer on other addresses.")
        case .loopback:
            // A web page can make its visitor's browser ask 127.0.0.1 under the page's own name (DNS rebinding).
            guard AddressPolicy.isLocal(host: request.headers["Host"]) else {
                throw HTTPError(
                    403, "\(request.path) answers only to local names: ask for it as localhost or by address.")
            }
        }
        return try await next(request)
    }

    /// Whether a `Host` header names this host: absent, an address, or localhost.
    static func isLocal(host: String?) -> Bool {
        guard let host, !host.isEmpty else { return true }
        if host.hasPrefix("[") { return true }
        let name = (host.split(separator: ":", maxSplits: 1).first.map(String.init) ?? "").lowercased()
        if name == "localhost" || name.hasSuffix(".localhost") { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}
