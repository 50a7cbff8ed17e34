import Configuration

/// How to reach and to convince an HTTP server: Prometheus's HTTP client keys, which promtail's clients take in line.
package struct HTTPClientConfiguration: Sendable, Equatable {
    /// At most one of `basicAuth`, `authorization`, `bearerToken` and `oauth2` is set.
    package var basicAuth: BasicAuth?
    package var authorization: Authorization?
    package var bearerToken: Credential?
    package var oauth2: OAuth2?
    package var way = Way()
    package var followRedirects: Bool = true
    /// Further request headers.
    package var headers: [String: String] = [:]

    package init() {}

    init(_ way: Way) { self.way = way }

    package var tlsConfig: TLSConfiguration {
        get { way.tlsConfig }
        set { way.tlsConfig = newValue }
    }
    package var proxyURL: String {
        get { way.proxyURL }
        set { way.proxyURL = newValue }
    }
    package var noProxy: String {
        get { way.noProxy }
        set { way.noProxy = newValue }
    }

    /// How a server is reached and told from others.
    package struct Way: Sendable, Equatable {
        package var tlsConfig = TLSConfiguration()
        /// Empty for none.
        package var proxyURL = ""
        /// Hosts reached without the proxy, comma-separated as libcurl takes them.
        package var noProxy = ""
        /// What a proxy is told when it is asked for a connection to a server.
        package var proxyHeaders: [HTTPHeader] = []
        package init() {}
    }

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
