/// Answers a request, or throws an `HTTPError`.
package typealias Handler = @Sendable (Request) async throws -> Response

/// What every request passes on its way to its handler, and every response on its way back.
package protocol Middleware: Sendable {
    /// Answers by itself or by what `next` answers.
    func respond(to request: Request, next: Handler) async throws -> Response
}
