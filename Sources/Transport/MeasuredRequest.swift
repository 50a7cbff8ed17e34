import Bytes
import CCurl
import Configuration
import Telemetry

/// What one request took, phase by phase, and what the server showed of itself: for probes.
package struct Measurement: Sendable {
    /// 0 where no answer came.
    package var status = 0
    /// 1.0, 1.1, 2.
    package var httpVersion = 0.0
    /// Seconds from the beginning to the end of each phase; 0 for one that was not reached.
    package var resolved = 0.0
    package var connected = 0.0
    package var encrypted = 0.0
    package var firstByte = 0.0
    package var total = 0.0
    /// As the server says it; -1 where it does not.
    package var contentLength = -1
    /// Bytes of the body that came.
    package var received = 0
    /// Seconds since 1970; nil where the server does not say.
    package var lastModified: Double?
    /// The address that was connected to.
    package var address = ""
    package var body: [UInt8] = []
    /// Where it redirects to, made absolute.
    package var redirect: String?
    /// Of the certificates that the server sent, its own first.
    package var certificates: [Certificate] = []
    /// `TLSv1.3` as OpenSSL names it; empty without TLS, or where libcurl uses another library.
    package var tlsVersion = ""
    /// Why there is no answer.
    package var failure: HTTPFailure?

    package struct Certificate: Sendable {
        package var subject: String
        package var issuer: String
        /// Seconds since 1970.
        package var notAfter: Double
        /// As it was sent, in PEM.
        package var pem: [UInt8]
    }

    package init() {}
}

/// One request over a connection of its own, measured.
package struct MeasuredRequest: Sendable {
    package enum AddressFamily: Sendable { case any, ip4, ip6 }

    package var url: String
    package var method = "GET"
    package var headers: [HTTPHeader] = []
    package var body: [UInt8] = []
    package var addressFamily = AddressFamily.any
    /// Connect and shake hands only; for `https` URLs.
    package var connectsOnly = false
    /// Bytes of the answer's body that are kept.
    package var bodyLimit = 1 << 20

    package init(url: String) { self.url = url }

    /// Sends it and waits for the answer for at most `timeout` seconds. Redirects are not followed.
    package func perform(_ configuration: HTTPClientConfiguration, timeout: Double) -> Measurement {
        var measurement = Measurement()
        do throws(HTTPFailure) {
            let handle = try EasyHandle(bodyLimit: bodyLimit)
            try handle.configure(configuration)
            try handle.setHeaders(headers)
            try set(handle, configuration, timeout)
            measurement.failure = handle.measure(body, into: &measurement)
        } catch {
            measurement.failure = error
        }
        return measurement
    }

    private func set(
        _ handle: EasyHandle, _ configuration: HTTPClientConfiguration, _ timeout: Double
    ) throws(HTTPFailure) {
        let milliseconds = Int(min(max(timeout, 0.001), 86_400) * 1000)
        try handle.set(CURLOPT_URL, url)
        try handle.setProxyHeaders(isTunnel: url.lowercased().hasPrefix("https:"))
        try handle.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds)
        try handle.set(CURLOPT_TIMEOUT_MS, milliseconds)
        try handle.set(CURLOPT_CERTINFO, 1)
        ccurl_note_tls_version(handle.curl, handle.transfer)
        try handle.set(CURLOPT_FILETIME, 1)
        try handle.set(CURLOPT_FRESH_CONNECT, 1)
        try handle.set(CURLOPT_FORBID_REUSE, 1)
        let family =
            switch addressFamily {
            case .any: CURL_IPRESOLVE_WHATEVER
            case .ip4: CURL_IPRESOLVE_V4
            case .ip6: CURL_IPRESOLVE_V6
            }
        try handle.set(CURLOPT_IPRESOLVE, Int(family))
        if let basic = configuration.basicAuth {
            try handle.set(CURLOPT_USERNAME, basic.username)
            try handle.set(CURLOPT_PASSWORD, basic.password.secret.value)
        }
        if connectsOnly { try handle.set(CURLOPT_CONNECT_ONLY, 1) }
        if body.isEmpty { try handle.set(CURLOPT_HTTPGET, 1) }
        if method == "HEAD" {
            try handle.set(CURLOPT_NOBODY, 1)
        } else if method != (body.isEmpty ? "GET" : "POST") {
            try handle.set(CURLOPT_CUSTOMREQUEST, method)
        }
    }
}
