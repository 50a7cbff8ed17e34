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

    /// Who asks, as far as that has been proven.
    package enum Identity: Sendable, Equatable {
        /// By a user's password.
        case user(String)
        /// By a verified certificate, with this subject.
        case certificate(String)
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
    /// nil: nobody has asked who it is.
    package var identity: Identity?
    /// When the whole request was there.
    package var received = ContinuousClock.now
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

extension Request {
    /// How long a scraper waits for the answer, as `X-Prometheus-Scrape-Timeout-Seconds` tells; nil where it does not.
    package var scrapeTimeout: Duration? {
        guard let seconds = headers["X-Prometheus-Scrape-Timeout-Seconds"].flatMap({ Double($0) }), seconds > 0,
            seconds <= 86_400
        else { return nil }
        return .seconds(seconds)
    }
}
