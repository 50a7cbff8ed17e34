/// What a client asks.
package struct Request: Sendable {
    /// Where a request came in.
    package enum Origin: Sendable, Equatable {
        /// Through a socket file, whose permissions have let the client in.
        case unixSocket
        /// From this host, over 127.0.0.0/8 or ::1.
        case loopback
        /// By any other address.
        case network
    }

    package var method: Method
    /// Percent-encoded, without the query.
    package var path: String
    package var query: Query
    package var headers: Headers
    /// At most `ServerConfiguration.bodyLimit` bytes.
    package var body: [UInt8]
    package var origin: Origin
    /// The client's address as text, for the log.
    package var peer: String
    /// What stood in the path where the route has a name, decoded.
    package var parameters: [String: String] = [:]

    package init(
        method: Method, path: String, query: Query, headers: Headers = [:], body: [UInt8] = [],
        origin: Origin = .loopback, peer: String = ""
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.origin = origin
        self.peer = peer
    }
}
