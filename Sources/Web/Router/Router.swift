/// Which handler answers which method and path.
///
/// Built once before the server starts. A path is written as `/api/v1/label/{name}/values`; a segment in braces
/// takes any one segment, `{name...}` at the end takes all that is left. Where several paths fit, one without
/// parameters wins, else the one that was added first.
package struct Router: Sendable {
    private enum Segment: Sendable, Equatable {
        case literal(String)
        case parameter(String)
        case rest(String)
    }

    private struct Route: Sendable {
        var segments: [Segment]
        var handlers: [Method: Handler]
    }

    private var exact: [String: Route] = [:]
    private var patterns: [(path: String, route: Route)] = []
    private var middlewares: [any Middleware] = []

    package init() {}

    /// Adds a handler. GET answers HEAD too.
    package mutating func on(_ method: Method, _ path: String, _ handler: @escaping Handler) {
        precondition(path.hasPrefix("/"), "a route begins with a slash: \(path)")
        let segments = Router.segments(path).map(Router.segment)
        if segments.allSatisfy({ if case .literal = $0 { true } else { false } }) {
            exact[path, default: Route(segments: segments, handlers: [:])].handlers[method] = handler
        } else if let index = patterns.firstIndex(where: { $0.route.segments == segments }) {
            patterns[index].route.handlers[method] = handler
        } else {
            patterns.append((path, Route(segments: segments, handlers: [method: handler])))
        }
    }

    /// Adds a middleware inside those added before: the first one added sees a request first.
    package mutating func add(_ middleware: any Middleware) { middlewares.append(middleware) }

    /// The answer to a request: errors that handlers throw become responses, except for cancellation and what the
    /// caller has to log, which is rethrown.
    package func respond(to request: Request) async throws -> Response {
        var next: Handler = { try await self.dispatch($0) }
        for middleware in middlewares.reversed() {
            let inner = next
            next = { try await middleware.respond(to: $0, next: inner) }
        }
        do {
            return try await next(request)
        } catch let error as HTTPError {
            return error.response(to: request.path)
        }
    }

    private func dispatch(_ request: Request) async throws -> Response {
        guard let (route, parameters) = try find(request.path) else {
            throw HTTPError(404, "There is nothing at \(request.path).")
        }
        var handler = route.handlers[request.method]
        if handler == nil, request.method == .head { handler = route.handlers[.get] }
        guard let handler else {
            var allowed = Set(route.handlers.keys)
            if allowed.contains(.get) { allowed.insert(.head) }
            let list = allowed.map(\.rawValue).sorted().joined(separator: ", ")
            throw HTTPError(
                405, "\(request.path) does not take \(request.method.rawValue), only \(list).",
                headers: ["Allow": list])
        }
        var request = request
        request.parameters = parameters
        return try await handler(request)
    }

    private func find(_ path: String) throws -> (Route, [String: String])? {
        if let route = exact[path] { return (route, [:]) }
        let given = Router.segments(path)
        for (_, route) in patterns {
            if let parameters = try Router.match(route.segments, given) { return (route, parameters) }
        }
        return nil
    }

    private static func match(_ segments: [Segment], _ given: [Substring]) throws -> [String: String]? {
        var parameters: [String: String] = [:]
        for (index, segment) in segments.enumerated() {
            guard index < given.count else { return nil }
            switch segment {
            case .literal(let text):
                guard given[index] == text else { return nil }
            case .parameter(let name):
                guard !given[index].isEmpty else { return nil }
                parameters[name] = try decoded(given[index])
            case .rest(let name):
                parameters[name] = try decoded(given[index...].joined(separator: "/"))
                return parameters
            }
        }
        return segments.count == given.count ? parameters : nil
    }

    private static func decoded(_ text: some StringProtocol) throws -> String {
        guard let decoded = PercentCoding.decoded(text) else {
            throw HTTPError(400, "The path holds a percent sign without two hexadecimal digits, or is not UTF-8.")
        }
        return decoded
    }

    private static func segments(_ path: String) -> [Substring] {
        path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    }

    private static func segment(_ text: Substring) -> Segment {
        guard text.hasPrefix("{"), text.hasSuffix("}") else { return .literal(String(text)) }
        let name = text.dropFirst().dropLast()
        return name.hasSuffix("...") ? .rest(String(name.dropLast(3))) : .parameter(String(name))
    }
}
