import Bytes
import CCurl
import Configuration
import Telemetry

/// Sends requests to one server over one kept connection: HTTP/1.1 by libcurl, which is loaded when the first client
/// is made. For the thread that made it.
///
/// Redirects are followed (POST stays POST, but after 303, which says where the outcome is to be got) where the
/// configuration allows it, at most five, and to another server only when nothing secret goes along: no credentials,
/// no headers of the user's, no client certificate.
package struct HTTPClient: ~Copyable {
    package let target: HTTPTarget
    private var configuration: HTTPClientConfiguration
    private let userAgent: String
    let handle: EasyHandle
    /// The headers that `handle` holds a list of.
    private var current: [HTTPHeader]?
    private var token: OAuth2.Token?
    /// Whether an answer of success counts only with its whole body.
    package var needsBody = true
    static let redirectLimit = 5
    /// A longer body is given time by its progress, not as a whole.
    private static let smallBody = 64 << 10

    /// Throws `.noLibrary`, or `.configuration` with what cannot be used.
    package init(
        _ target: HTTPTarget, configuration: HTTPClientConfiguration, userAgent: String
    ) throws(HTTPFailure) {
        for (name, value) in configuration.headers where !HTTPHeader(name, value).isWellFormed {
            throw .configuration("header \(name) cannot be sent: it holds a line break or another control character")
        }
        // Everything that can fail comes before the first field: a value that cannot be copied must not be half made.
        let handle = try EasyHandle(bodyLimit: 64 << 10)
        try handle.configure(configuration)
        self.target = target
        self.configuration = configuration
        self.userAgent = userAgent
        self.handle = handle
    }

    /// Reads secrets again that came from files; for when the server has refused them. Returns whether one changed.
    package mutating func reloadCredentials() -> Bool {
        var changed = false
        if configuration.basicAuth?.password.reload() == true { changed = true }
        if configuration.authorization?.credentials.reload() == true { changed = true }
        if configuration.bearerToken?.reload() == true { changed = true }
        if changed { current = nil }
        return changed
    }

    /// Posts `body` and waits for the answer.
    ///
    /// A body of at most 64 KiB has `timeout` seconds from begin to end. A longer one has as long as the server goes on
    /// taking it: the transfer ends when it has taken nothing, or not answered in full, for `timeout` seconds.
    package mutating func post(
        _ body: RawSpan, headers: [HTTPHeader], timeout: Double, stop: StopToken?
    ) throws(HTTPFailure) -> HTTPResponse {
        try authorize(timeout, stop)
        let response = try exchange(body, headers, timeout, stop)
        guard response.status == 401, try authorize(timeout, stop, isRefused: true) else { return response }
        return try exchange(body, headers, timeout, stop)
    }

    /// Sees to a token, where there is to be one. Returns whether it is another than before.
    @discardableResult
    mutating func authorize(_ timeout: Double, _ stop: StopToken?, isRefused: Bool = false) throws(HTTPFailure) -> Bool
    {
        guard let oauth2 = configuration.oauth2 else { return false }
        let fresh = try oauth2.token(
            notBeing: isRefused ? token : nil, userAgent: userAgent, timeout: timeout, stop: stop)
        guard fresh != token else { return false }
        token = fresh
        current = nil
        return true
    }

    private mutating func exchange(
        _ body: RawSpan, _ headers: [HTTPHeader], _ timeout: Double, _ stop: StopToken?
    ) throws(HTTPFailure) -> HTTPResponse {
        var destination = target
        var isDone = false
        for _ in 0...Self.redirectLimit {
            try prepare(destination, headers)
            let response = try handle.perform(
                body, isGet: isDone, timeout: timeout, isSmall: isDone || body.byteCount <= Self.smallBody,
                needsBody: needsBody, stop: stop)
            isDone = isDone || response.status == 303
            let status = response.status == 303 ? 302 : response.status
            guard let next = redirection(ofStatus: status, from: destination, headers) else { return response }
            destination = next
        }
        throw .configuration("\(target.description) redirects more than \(Self.redirectLimit) times")
    }

    /// Where to send the request again, or nil when what came with `status` is the answer.
    func redirection(ofStatus status: Int, from: HTTPTarget, _ headers: [HTTPHeader]) -> HTTPTarget? {
        guard configuration.followRedirects, [301, 302, 307, 308].contains(status),
            let location = handle.redirectURL, let next = try? HTTPTarget(parsing: location), next.socketPath.isEmpty,
            target.socketPath.isEmpty
        else { return nil }
        let isSecretFree =
            configuration.basicAuth == nil && configuration.authorization == nil && configuration.bearerToken == nil
            && configuration.oauth2 == nil
            && configuration.headers.isEmpty && configuration.tlsConfig.certFile.isEmpty && !target.hasUser
            && !headers.contains(where: \.isSecret)
        return isSecretFree || from.sharesCredentials(with: next) ? next : nil
    }

    mutating func prepare(_ destination: HTTPTarget, _ headers: [HTTPHeader]) throws(HTTPFailure) {
        try handle.setTarget(destination, serverName: configuration.tlsConfig.serverName)
        // A kept handle keeps its list: the headers of a destination seldom change from request to request.
        var all = headers
        all.append(HTTPHeader("User-Agent", userAgent))
        if destination != target || !configuration.tlsConfig.serverName.isEmpty {
            all.append(HTTPHeader("Host", destination.authority))
        }
        guard all != current else { return }
        for header in headers where !header.isWellFormed {
            throw .configuration("header \(header.name) cannot be sent: it holds a control character")
        }
        current = nil
        try handle.setHeaders(all + configured(overriding: headers))
        try setCredentials()
        current = all
    }

    /// The user's own headers and the authorization.
    private func configured(overriding headers: [HTTPHeader]) throws(HTTPFailure) -> [HTTPHeader] {
        var result: [HTTPHeader] = []
        for (name, value) in configuration.headers.sorted(by: { $0.key < $1.key })
        where !headers.contains(where: { $0.name.lowercased() == name.lowercased() }) {
            result.append(HTTPHeader(name, value))
        }
        var authorization: HTTPHeader?
        if let given = configuration.authorization {
            authorization = HTTPHeader("Authorization", "\(given.type) \(given.credentials.secret.value)")
        } else if let token = configuration.bearerToken {
            authorization = HTTPHeader("Authorization", "Bearer \(token.secret.value)")
        } else if let token {
            authorization = HTTPHeader("Authorization", "\(token.type) \(token.secret)")
        }
        if let authorization {
            guard authorization.isWellFormed else {
                throw .configuration("the authorization's secret holds a line break or another control character")
            }
            result.append(authorization)
        }
        return result
    }

    private func setCredentials() throws(HTTPFailure) {
        guard let basic = configuration.basicAuth else { return }
        try handle.set(CURLOPT_USERNAME, basic.username)
        try handle.set(CURLOPT_PASSWORD, basic.password.secret.value)
    }
}
