import Exporter
import Telemetry

extension Router {
    /// Adds what every scraper and supervisor asks for: `/metrics`, `/-/healthy` and `/health`, `/-/ready` and
    /// `/ready`.
    package mutating func addAgentRoutes(metrics: MetricsPage, readiness: Readiness) {
        on(.get, "/metrics") { request in
            let page = metrics.render(
                accept: request.headers.list("Accept"), acceptEncoding: request.headers.list("Accept-Encoding"))
            var response = Response(
                headers: ["Content-Type": page.contentType, "Vary": "Accept, Accept-Encoding"], body: .bytes(page.body))
            if let encoding = page.contentEncoding { response.headers.add("Content-Encoding", encoding) }
            return response
        }
        for path in ["/-/healthy", "/health"] {
            on(.get, path) { _ in .text("Tocsin is healthy.\n") }
        }
        for path in ["/-/ready", "/ready"] {
            on(.get, path) { _ in ReadinessReport(readiness.all).response }
        }
    }

    /// Adds `POST /-/reload`; `reload` throws an `HTTPError` with the reason where it refuses.
    package mutating func addReload(_ reload: @escaping @Sendable () async throws -> Void) {
        for method in [Method.post, .put] {
            on(method, "/-/reload") { _ in
                try await reload()
                return .text("The configuration has been loaded again.\n")
            }
        }
    }
}
