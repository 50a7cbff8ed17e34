import Bytes
import Telemetry

/// Prometheus's HTTP API for queries (https://prometheus.io/docs/prometheus/latest/querying/api/): what each call answers, apart
/// from how it came in. Safe from any thread; a call takes as long as its query does.
package struct QueryAPI: Sendable {
    package enum Call: Sendable, Equatable {
        case query
        case queryRange
        case queryExemplars
        case series
        case labels
        case labelValues(String)
        case metadata
        case formatQuery
        case parseQuery
        case tsdbStatus
    }

    let source: any SampleSource
    let options: QueryOptions
    /// Milliseconds since 1970.
    let now: @Sendable () -> Int64
    /// What is known about families.
    let metadata: @Sendable () -> [MetricMetadata]

    package init(
        source: any SampleSource, options: QueryOptions,
        now: @escaping @Sendable () -> Int64 = { Timestamp.now.nanoseconds / 1_000_000 },
        metadata: @escaping @Sendable () -> [MetricMetadata] = { [] }
    ) {
        self.source = source
        self.options = options
        self.now = now
        self.metadata = metadata
    }

    /// - Parameter cancellation: ends the query when nobody waits for it any more.
    package func respond(
        to call: Call, _ parameters: APIParameters, cancellation: QueryCancellation? = nil
    ) -> APIResponse {
        do throws(APIError) {
            switch call {
            case .query: return try instantQuery(parameters, cancellation)
            case .queryRange: return try rangeQuery(parameters, cancellation)
            case .queryExemplars: return try queryExemplars(parameters)
            case .series: return try series(parameters)
            case .labels: return try labelNames(parameters)
            case .labelValues(let name): return try labelValues(of: name, parameters)
            case .metadata: return try metadata(parameters)
            case .formatQuery:
                let expression = try QueryAPI.expression(parameters)
                return .success { $0.string(expression.prettyDescription) }
            case .parseQuery:
                let expression = try QueryAPI.expression(parameters)
                return .success { expression.write(to: &$0) }
            case .tsdbStatus: return try tsdbStatus(parameters)
            }
        } catch {
            return error.response
        }
    }

    static func expression(_ parameters: APIParameters) throws(APIError) -> Expression {
        do throws(QueryError) {
            return try Expression.parse(parameters["query"])
        } catch {
            throw APIError(error)
        }
    }
}
