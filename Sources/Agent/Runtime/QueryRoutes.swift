import Bytes
import Glibc
import Rules
import Telemetry
import Web

/// What `/api/v1/status/…` tells of the agent.
struct ServerStatus: Sendable {
    /// The configuration as YAML, secrets hidden.
    var configuration: @Sendable () -> String
    /// Names and values of the command line's flags.
    var flags: [(name: String, value: String)] = []
    var started = Timestamp.now
    /// When the configuration was last loaded, and whether that succeeded.
    var lastReload: @Sendable () -> (time: Timestamp, isSuccess: Bool)
    /// URLs of the Alertmanagers that alerts go to, and of those that relabelling drops.
    var alertmanagers: @Sendable () -> (active: [String], dropped: [String])
    /// Files of the series store that were found damaged.
    var damagedFiles: @Sendable () -> Int
    /// Seconds that samples are kept.
    var retention: Double
}

extension Router {
    /// Adds Prometheus's API for queries, so that Grafana takes the agent as a Prometheus: `/api/v1/query`, `query_range`,
    /// `query_exemplars`, `series`, `labels`, `label/{name}/values`, `metadata`, `format_query`, `parse_query`, `status/…`,
    /// and, with a receiver, `/api/v1/write`.
    ///
    /// - Parameters:
    ///   - maxConcurrency: how many run at once; further ones wait.
    ///   - queries: ends them when the agent stops.
    mutating func addQueries(
        _ api: QueryAPI, maxConcurrency: Int, queries: QueryCancellation, status: ServerStatus, stateDirectory: String,
        receiver: RemoteWriteReceiver? = nil
    ) {
        let route = QueryRoute(
            api: api, gate: QueryGate(limit: maxConcurrency), queries: queries, stateDirectory: stateDirectory)
        let forms: [(path: String, call: QueryAPI.Call)] = [
            ("/api/v1/query", .query), ("/api/v1/query_range", .queryRange),
            ("/api/v1/query_exemplars", .queryExemplars), ("/api/v1/series", .series), ("/api/v1/labels", .labels),
            ("/api/v1/format_query", .formatQuery), ("/api/v1/parse_query", .parseQuery),
        ]
        for (path, call) in forms {
            for method in [Web.Method.get, .post] {
                on(method, path) { try await route.answer(call, $0) }
            }
        }
        // Where links in alerts and notifications lead: to Prometheus's and Alertmanager's pages, of which there are none here.
        on(.get, "/graph") { request in
            let query = PercentCoding.encoded(request.query["g0.expr"] ?? "")
            return Response(status: 302, headers: ["Location": "/api/v1/query?query=\(query)"])
        }
        on(.get, "/") { _ in
            .text(
                """
                Tocsin. It has no pages; what it has:
                /api/v1/alerts               alerts of rules         (tocsin alerts)
                /api/v1/alerts/history       what became of alerts   (tocsin alerts history)
                /api/v2/alerts, /silences    Alertmanager's API      (tocsin silence, amtool)
                /api/v1/query?query=up       Prometheus's API        (tocsin query, Grafana)
                /metrics                     measurements
                /-/ready                     how the agent is doing

                """)
        }
        on(.get, "/api/v1/metadata") { try await route.answer(.metadata, $0) }
        on(.get, "/api/v1/status/tsdb") { try await route.answer(.tsdbStatus, $0) }
        on(.get, "/api/v1/label/{name}/values") { request in
            try await route.answer(.labelValues(request.parameters["name"] ?? ""), request)
        }
        addStatus(status)
        guard let receiver else { return }
        on(.post, "/api/v1/write") { request in
            let (code, message) = try await Blocking.run {
                receiver.receive(
                    request.body, contentType: request.headers["Content-Type"] ?? "",
                    contentEncoding: request.headers["Content-Encoding"] ?? "")
            }
            return code == 204 ? Response(status: code) : .text(message + "\n", status: code)
        }
    }

    private mutating func addStatus(_ status: ServerStatus) {
        on(.get, "/api/v1/status/config") { _ in
            QueryRoute.data { json in
                json.member("yaml", status.configuration())
            }
        }
        on(.get, "/api/v1/status/flags") { _ in
            QueryRoute.data { json in
                for flag in status.flags { json.member(flag.name, flag.value) }
            }
        }
        on(.get, "/api/v1/status/buildinfo") { _ in
            QueryRoute.data { json in
                // Clients ask here what a server can do: it can what this Prometheus can.
                json.member("version", QueryRoute.prometheusVersion)
                json.member("revision", Version.revision)
                json.member("branch", "")
                json.member("buildUser", "")
                json.member("buildDate", "")
                json.member("goVersion", "")
                json.member("application", "Tocsin \(Version.current)")
            }
        }
        on(.get, "/api/v1/status/runtimeinfo") { _ in
            let reload = status.lastReload()
            return QueryRoute.data { json in
                json.member("startTime", QueryRoute.text(status.started))
                json.member("CWD", ProcessFacts.directory)
                json.member("hostname", ProcessFacts.hostName)
                json.member("serverTime", QueryRoute.text(.now))
                json.key("reloadConfigSuccess")
                json.bool(reload.isSuccess)
                json.member("lastConfigTime", QueryRoute.text(reload.time))
                json.key("corruptionCount")
                json.integer(status.damagedFiles())
                // Go's: there are threads in place of its routines, and nothing in place of its collector's settings.
                json.key("goroutineCount")
                json.integer(ProcessFacts.threads)
                json.key("GOMAXPROCS")
                json.integer(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
                json.key("GOMEMLIMIT")
                json.integer(Int64.max)
                json.member("GOGC", "")
                json.member("GODEBUG", "")
                json.member("storageRetention", PrometheusDuration.text(Int64(status.retention * 1000)))
            }
        }
        on(.get, "/api/v1/status/walreplay") { _ in
            // The store has read its logs before the server answers.
            QueryRoute.data { json in
                for name in ["min", "max", "current"] {
                    json.key(name)
                    json.integer(0)
                }
            }
        }
        on(.get, "/api/v1/alertmanagers") { _ in
            let (active, dropped) = status.alertmanagers()
            return QueryRoute.data { json in
                for (name, urls) in [("activeAlertmanagers", active), ("droppedAlertmanagers", dropped)] {
                    json.key(name)
                    json.beginArray()
                    for url in urls {
                        json.beginObject()
                        json.member("url", url)
                        json.endObject()
                    }
                    json.endArray()
                }
            }
        }
    }
}

private struct QueryRoute: Sendable {
    /// Whose API this is.
    static let prometheusVersion = "3.14.0"

    let api: QueryAPI
    let gate: QueryGate
    let queries: QueryCancellation
    let stateDirectory: String

    func answer(_ call: QueryAPI.Call, _ request: Request) async throws -> Response {
        // A command asks whichever agent listens where its configuration says; it may be another one's.
        if let wanted = request.query["state_dir"], wanted != stateDirectory {
            throw HTTPError(409, "this agent's state directory is \(stateDirectory)")
        }
        let (api, queries) = (api, queries)
        let parameters = try Self.parameters(of: request)
        let response: APIResponse
        do {
            response = try await gate.run {
                try await queries.run { api.respond(to: call, parameters, cancellation: $0) }
            }
        } catch let error as HTTPError {
            return Self.response(APIError(.unavailable, error.message).response)
        }
        return Self.response(response)
    }

    private static func response(_ response: APIResponse) -> Response {
        Response(
            status: response.status, headers: ["Content-Type": "application/json"], body: .bytes(response.body))
    }

    /// Those of a form go before those of the address, as in Go.
    private static func parameters(of request: Request) throws -> APIParameters {
        var items: [(name: String, value: String)] = []
        let type = request.headers["Content-Type"]?.lowercased() ?? ""
        if request.method == .post, type.hasPrefix("application/x-www-form-urlencoded") {
            guard let form = Query(String(decoding: request.body, as: UTF8.self)) else {
                throw HTTPError(400, "The form holds a percent sign without two hexadecimal digits, or is not UTF-8.")
            }
            items = form.items.map { ($0.name, $0.value) }
        }
        return APIParameters(items + request.query.items.map { ($0.name, $0.value) })
    }

    /// `{"status":"success","data":{…}}`
    static func data(_ write: (inout JSONWriter) -> Void) -> Response {
        .json { json in
            json.beginObject()
            json.member("status", "success")
            json.key("data")
            json.beginObject()
            write(&json)
            json.endObject()
            json.endObject()
        }
    }

    static func text(_ time: Timestamp) -> String {
        var buffer = ByteBuffer(capacity: 32)
        RFC3339.append(time.nanoseconds, to: &buffer)
        return String(lossy: buffer.bytes)
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ text: String) {
        key(name)
        string(text)
    }
}
