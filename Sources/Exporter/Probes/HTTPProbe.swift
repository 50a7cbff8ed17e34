import Bytes
import Configuration
import Telemetry
import Transport

/// An HTTP request, with redirects followed one by one so that each phase is the sum over all of them.
struct HTTPProbe: Probe {
    struct Options: Sendable, Equatable {
        var method = "GET"
        var body = ""
        /// Empty for 200 to 299.
        var validStatusCodes: [Int] = []
        /// Empty for any; `HTTP/1.1`, `HTTP/2.0`.
        var validHTTPVersions: [String] = []
        var failsIfTLS = false
        var failsIfNotTLS = false
        var failsIfBodyMatches: [String] = []
        var failsIfBodyDoesNotMatch: [String] = []
        var preference = AddressPreference.any
        var client = HTTPClientConfiguration()
    }

    let target: String
    let options: Options
    private let forbidden: [Regex]
    private let required: [Regex]

    private static let mostRedirects = 10

    init(target: String, options: Options) throws(RegexError) {
        self.target = target
        self.options = options
        var forbidden: [Regex] = []
        for pattern in options.failsIfBodyMatches { forbidden.append(try Regex(pattern)) }
        var required: [Regex] = []
        for pattern in options.failsIfBodyDoesNotMatch { required.append(try Regex(pattern)) }
        self.forbidden = forbidden
        self.required = required
    }

    func run(_ round: inout ProbeRound) throws(ProbeFailure) {
        var phases = Phases()
        var url = target
        var redirects = 0
        var result = Measurement()
        while true {
            let client = client(for: url)
            result = request(url, client).perform(client, timeout: round.secondsLeft)
            phases.add(result)
            guard result.failure == nil, options.client.followRedirects, (300..<400).contains(result.status),
                let next = result.redirect, redirects < Self.mostRedirects
            else { break }
            redirects += 1
            url = next
        }
        let isTLS = url.lowercased().hasPrefix("https:")
        phases.write(to: &round)
        write(result, redirects: redirects, isTLS: isTLS, to: &round)
        try judge(result, isTLS: isTLS, &round)
    }

    /// What is secret goes to the target's own server alone, not to another one that it redirects to.
    private func client(for url: String) -> HTTPClientConfiguration {
        if let from = try? HTTPTarget(parsing: target), let to = try? HTTPTarget(parsing: url),
            from.sharesCredentials(with: to)
        {
            return options.client
        }
        var client = options.client
        client.basicAuth = nil
        client.authorization = nil
        client.bearerToken = nil
        client.headers = [:]
        client.tlsConfig.certFile = ""
        client.tlsConfig.keyFile = ""
        return client
    }

    private func request(_ url: String, _ client: HTTPClientConfiguration) -> MeasuredRequest {
        var request = MeasuredRequest(url: url)
        request.method = options.method
        request.body = Array(options.body.utf8)
        request.headers = client.headers.sorted { $0.key < $1.key }.map { HTTPHeader($0.key, $0.value) }
        if let authorization = client.authorization {
            request.headers.append(
                HTTPHeader("Authorization", "\(authorization.type) \(authorization.credentials.secret.value)"))
        } else if let token = client.bearerToken {
            request.headers.append(HTTPHeader("Authorization", "Bearer \(token.secret.value)"))
        }
        if !client.headers.keys.contains(where: { $0.lowercased() == "user-agent" }) {
            request.headers.append(HTTPHeader("User-Agent", "tocsin-probe"))
        }
        switch options.preference {
        case .any: request.addressFamily = .any
        case .ip4: request.addressFamily = .ip4
        case .ip6: request.addressFamily = .ip6
        }
        return request
    }

    private func write(_ result: Measurement, redirects: Int, isTLS: Bool, to round: inout ProbeRound) {
        round.connection(result)
        round.gauge("probe_http_status_code", "Status of the last answer, 0 for none.", Double(result.status))
        round.gauge("probe_http_version", "Version of HTTP of the last answer.", result.httpVersion)
        round.gauge("probe_http_redirects", "Redirects that were followed.", Double(redirects))
        round.gauge("probe_http_ssl", "Whether the last request went over TLS.", isTLS ? 1 : 0)
        round.gauge(
            "probe_http_content_length", "Length of the body as the server says it, -1 where it does not.",
            Double(result.contentLength))
        round.gauge(
            "probe_http_uncompressed_body_length", "Bytes of the body that came.", Double(result.received))
        if let modified = result.lastModified {
            round.gauge(
                "probe_http_last_modified_timestamp_seconds", "Last-Modified of the last answer.", modified)
        }
        round.security(result, isVerified: !options.client.tlsConfig.insecureSkipVerify)
    }

    private func judge(_ result: Measurement, isTLS: Bool, _ round: inout ProbeRound) throws(ProbeFailure) {
        if let failure = result.failure {
            round.regex(failed: false)
            throw ProbeFailure("\(failure)")
        }
        let isValid =
            options.validStatusCodes.isEmpty
            ? (200..<300).contains(result.status) : options.validStatusCodes.contains(result.status)
        let name = result.httpVersion >= 2 ? "HTTP/\(Int(result.httpVersion)).0" : "HTTP/\(result.httpVersion)"
        var reason = ""
        let body = result.body.span.bytes
        for pattern in forbidden where reason.isEmpty && pattern.isMatch(body) {
            reason = "the body matches \(pattern.pattern)"
        }
        for pattern in required where reason.isEmpty && !pattern.isMatch(body) {
            reason = "the body does not match \(pattern.pattern)"
        }
        round.regex(failed: !reason.isEmpty)
        if !isValid { throw ProbeFailure("status \(result.status)") }
        if options.failsIfTLS, isTLS { throw ProbeFailure("the answer came over TLS") }
        if options.failsIfNotTLS, !isTLS { throw ProbeFailure("the answer did not come over TLS") }
        if !options.validHTTPVersions.isEmpty, !options.validHTTPVersions.contains(name) {
            throw ProbeFailure("the answer is \(name)")
        }
        if !reason.isEmpty { throw ProbeFailure(reason) }
    }

    /// Seconds of each phase, summed over redirects.
    private struct Phases {
        var resolve = 0.0
        var connect = 0.0
        var tls = 0.0
        var processing = 0.0
        var transfer = 0.0

        mutating func add(_ result: Measurement) {
            let ready = max(result.connected, result.encrypted)
            resolve += result.resolved
            connect += max(0, result.connected - result.resolved)
            tls += result.encrypted > 0 ? max(0, result.encrypted - result.connected) : 0
            guard result.firstByte > 0 else { return }
            processing += max(0, result.firstByte - ready)
            transfer += max(0, result.total - result.firstByte)
        }

        func write(to round: inout ProbeRound) {
            for (name, seconds) in [
                ("resolve", resolve), ("connect", connect), ("tls", tls), ("processing", processing),
                ("transfer", transfer),
            ] {
                round.gauge(
                    "probe_http_duration_seconds", "Seconds that a phase took, over all redirects.", seconds,
                    ["phase": name])
            }
        }
    }
}
