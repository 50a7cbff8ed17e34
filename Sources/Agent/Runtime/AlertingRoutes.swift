import Alerting
import Telemetry
import Web

extension Router {
    /// Alertmanager's `/api/v2/…`: alerts, groups, silences, receivers, status.
    mutating func addAlertmanager(
        _ road: AlertingRoad, stateDirectory: String, api: @escaping @Sendable () -> AlertmanagerAPI
    ) {
        let worker = SerialWorker(name: "alerting-api")
        let answer: Handler = { request in
            try request.expect(stateDirectory: stateDirectory)
            guard let dispatcher = road.dispatcher else {
                if road.isStarting { throw HTTPError(503, "the agent is starting", headers: ["Retry-After": "1"]) }
                throw HTTPError(404, "there is no `alerting` in the configuration")
            }
            // A page in somebody's browser could post anything else without asking first.
            let type = request.headers["Content-Type"] ?? ""
            if request.method == .post, !type.lowercased().hasPrefix("application/json") {
                throw HTTPError(415, "expected Content-Type: application/json, found \"\(type)\"")
            }
            let id = request.parameters["id"]
            let path = id.map { "/silence/\($0)" } ?? String(request.path.dropFirst("/api/v2".count))
            let call = APIRequest(
                request.method.rawValue, path, query: request.query.items.map { ($0.name, $0.value) },
                body: request.body)
            // What a client has been told is kept: its answer waits for the disk.
            let response = try await worker.run { dispatcher.respond(to: call, api()) }
            return Response(
                status: response.status,
                headers: ["Content-Type": "application/json", "Cache-Control": "no-store"],
                body: .bytes(response.body))
        }
        for path in ["status", "receivers", "alerts", "alerts/groups", "silences", "silence/{id}"] {
            on(.get, "/api/v2/\(path)", answer)
        }
        for path in ["alerts", "silences"] { on(.post, "/api/v2/\(path)", answer) }
        on(.delete, "/api/v2/silence/{id}", answer)
    }
}
