import Synchronization
import Telemetry

/// What the server counts.
package final class WebMetrics: Sendable {
    /// Why a connection or a request was refused.
    package enum Refusal: String, Sendable, CaseIterable {
        /// Too many connections are open.
        case connections
        /// The TLS handshake failed.
        case handshake
        /// No user and password, or wrong ones.
        case authentication
        /// Too many passwords wait to be compared.
        case verification
        /// More requests than `rate_limit` lets in.
        case rate
        /// The client, or the handler, took too long.
        case timeout
    }

    private let refusals: [Refusal: Counter]
    private let connections: Gauge

    /// Counts that nobody is shown.
    package convenience init() { self.init(MetricRegistry()) }

    package init(_ registry: MetricRegistry) {
        refusals = Dictionary(
            uniqueKeysWithValues: Refusal.allCases.map { refusal in
                let counter = registry.counter(
                    "tocsin_http_refused_total", help: "Connections and requests that the HTTP server refused.",
                    ["reason": refusal.rawValue])
                return (refusal, counter)
            })
        connections = registry.gauge("tocsin_http_connections", help: "Open connections of the HTTP server.")
    }

    package func refused(_ refusal: Refusal) { refusals[refusal]?.add() }

    package func count(_ refusal: Refusal) -> Int { Int(clamping: refusals[refusal]?.current ?? 0) }

    func setConnections(_ count: Int) { connections.set(count) }

    /// How many connections are open.
    package var openConnections: Int { Int(connections.current) }
}
