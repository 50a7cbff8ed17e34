import Configuration

/// How to reach and to convince an HTTP server: Prometheus's HTTP client keys, which promtail's clients take in line.
package struct HTTPClientConfiguration: Sendable, Equatable {
    /// At most one of `basicAuth`, `authorization` and `bearerToken` is set.
    package var basicAuth: BasicAuth?
    package var authorization: Authorization?
    package var bearerToken: Credential?
    package var tlsConfig = TLSConfiguration()
    /// Empty for none.
    package var proxyURL: String = ""
    /// Hosts reached without the proxy, comma-separated as libcurl takes them.
    package var noProxy: String = ""
    package var followRedirects: Bool = true
    /// Further request headers.
    package var headers: [String: String] = [:]

    package init() {}

    /// A secret as it was written, or as it was read from a file.
    package struct Credential: Sendable, Equatable {
        package var secret: Secret
        /// The file it came from, to be read again when the server refuses the secret; empty if it was given in place.
        package var file: String = ""
        package init(_ secret: Secret, file: String = "") {
            self.secret = secret
            self.file = file
        }
    }

    package struct BasicAuth: Sendable, Equatable {
        package var username: String
        package var password: Credential
        package init(username: String, password: Credential) {
            self.username = username
            self.password = password
        }
    }

    /// An `Authorization:` header of any scheme.
    package struct Authorization: Sendable, Equatable {
        package var type: String = "Bearer"
        package var credentials: Credential
        package init(credentials: Credential) { self.credentials = credentials }
    }

    package struct TLSConfiguration: Sendable, Equatable {
        /// Certificate authorities in PEM; empty for the system's.
        package var caFile: String = ""
        /// The client's certificate and key in PEM; both or none.
        package var certFile: String = ""
        package var keyFile: String = ""
        /// The name to ask for and to expect in the certificate; empty for the URL's host.
        package var serverName: String = ""
        package var insecureSkipVerify: Bool = false
        package var minVersion: MinimumVersion = .tls12
        package init() {}

        /// As Prometheus writes them: `TLS12`.
        package enum MinimumVersion: String, Sendable, CaseIterable {
            case tls10 = "TLS10"
            case tls11 = "TLS11"
            case tls12 = "TLS12"
            case tls13 = "TLS13"
        }
    }
}
