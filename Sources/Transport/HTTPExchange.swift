/// One request header.
package struct HTTPHeader: Sendable, Equatable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// What may stand in a header; a line break in a value would begin another header.
    var isWellFormed: Bool {
        !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }
            && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
    }
}

/// What a server answered.
package struct HTTPResponse: Sendable, Equatable {
    package var status: Int
    /// The first 64 KiB.
    package var body: [UInt8]
    /// Seconds the server asked to wait (`Retry-After`, as a number or a date), if it did.
    package var retryAfter: Double?
    /// Where a redirect that was not followed leads, without user and password.
    package var location: String?

    package init(status: Int, body: [UInt8] = [], retryAfter: Double? = nil, location: String? = nil) {
        self.status = status
        self.body = body
        self.retryAfter = retryAfter
        self.location = location
    }
}

/// Why there is no answer.
package enum HTTPFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The stop token ended it.
    case stopped
    /// Nothing came or went for as long as was allowed.
    case timedOut(String)
    /// No connection, a reset one, a name that does not resolve: trying again may help.
    case connection(String)
    /// The server's certificate is not trusted, or it does not trust ours.
    case trust(String)
    /// What was configured cannot be used: a file that cannot be read, a URL libcurl does not take.
    case configuration(String)
    /// libcurl is not there.
    case noLibrary(String)

    package var description: String {
        switch self {
        case .stopped: "stopped"
        case .timedOut(let reason): "timed out: \(reason)"
        case .connection(let reason): reason
        case .trust(let reason): "\(reason); see tls_config (ca_file, cert_file, key_file, server_name)"
        case .configuration(let reason): reason
        case .noLibrary(let reason): "libcurl cannot be loaded (\(reason)); install it: apt-get install libcurl4"
        }
    }
}
