/// What the web configuration file demands of every request that comes over the network: the rate limit, then a
/// user and a password; and the headers that every response carries.
///
/// A unix socket is left alone: whoever can open its file has been let in by the file's permissions.
package struct AccessControl: Middleware {
    private let access: WebAccess
    private let metrics: WebMetrics
    /// From where the rate limit counts time.
    private let start = ContinuousClock.now

    package init(_ access: WebAccess, metrics: WebMetrics) {
        self.access = access
        self.metrics = metrics
    }

    package func respond(to request: Request, next: Handler) async throws -> Response {
        guard request.origin != .unixSocket else { return try await next(request) }
        let rules = access.rules
        var response: Response
        do {
            response = try await answer(request, rules, next)
        } catch let error as HTTPError {
            response = error.response(to: request.path)
        }
        for field in rules.configuration.headers.fields where response.headers[field.name] == nil {
            response.headers.add(field.name, field.value)
        }
        return response
    }

    private func answer(_ request: Request, _ rules: WebAccess.Rules, _ next: Handler) async throws -> Response {
        if let wait = rules.bucket?.take(at: start.duration(to: .now)) {
            metrics.refused(.rate)
            let seconds = max(1, wait.components.seconds + (wait.components.attoseconds > 0 ? 1 : 0))
            throw HTTPError(
                429, "More requests than rate_limit of the web configuration lets in; ask again in \(seconds) s.",
                headers: ["Retry-After": "\(seconds)"])
        }
        let users = rules.configuration.users
        guard !users.isEmpty else { return try await next(request) }
        guard let credentials = request.headers["Authorization"].flatMap(BasicCredentials.init) else {
            throw unauthorized("This address wants a user and a password.")
        }
        switch await access.verifier.verify(credentials.user, credentials.password, among: users) {
        case .accepted: break
        case .refused: throw unauthorized("The user or the password is wrong.")
        case .busy:
            metrics.refused(.verification)
            throw HTTPError(
                503, "Too many passwords wait to be compared; ask again in a second.", headers: ["Retry-After": "1"])
        }
        var request = request
        request.identity = .user(credentials.user)
        return try await next(request)
    }

    private func unauthorized(_ sentence: String) -> HTTPError {
        metrics.refused(.authentication)
        return HTTPError(401, sentence, headers: ["WWW-Authenticate": "Basic realm=\"tocsin\", charset=\"UTF-8\""])
    }
}
