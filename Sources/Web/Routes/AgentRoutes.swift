import Telemetry

extension Router {
    /// Adds what every supervisor asks for: `/-/healthy` and `/health`, `/-/ready` and `/ready`.
    package mutating func addAgentRoutes(readiness: Readiness) {
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
