/// One request header.
package struct HTTPHeader: Sendable, Equatable {
    package var name: String
    package var value: String
    /// Whether it must not go along with a redirect to another server.
    package var isSecret: Bool

    /// - Parameter isSecret: nil for what the name says: `Authorization` is.
    package init(_ name: String, _ value: String, isSecret: Bool? = nil) {
        self.name = name
        self.value = value
        self.isSecret = isSecret ?? (name.lowercased() == "authorization")
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
    /// The connection ended while the request was being sent or the answer read.
    case cutOff(String)
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
        case .connection(let reason), .cutOff(let reason): reason
        case .trust(let reason): "\(reason); \(Self.remedy(reason))"
        case .configuration(let reason): reason
        case .noLibrary(let reason): "libcurl cannot be loaded (\(reason)); install it: apt-get install libcurl4"
        }
    }

    /// What OpenSSL calls an alert is what the server says of us.
    static func isAboutOurCertificate(_ reason: String) -> Bool {
        reason.contains("alert") && (reason.contains("certificate") || reason.contains("unknown ca"))
    }

    /// What to do when libcurl does not trust the server for `reason`, or the server does not trust us.
    private static func remedy(_ reason: String) -> String {
        if isAboutOurCertificate(reason) {
            return "the server does not accept this client's certificate: see tls_config (cert_file, key_file)"
        }
        if reason.contains("expired") { return "renew the server's certificate, or set this host's clock" }
        if reason.contains("not yet valid") { return "set this host's clock, or see the server's certificate" }
        if reason.contains("subject name") || reason.contains("match") {
            return "the certificate is for another name: see url and tls_config (server_name)"
        }
        return "its authority is not known here: see tls_config (ca_file)"
    }
}
