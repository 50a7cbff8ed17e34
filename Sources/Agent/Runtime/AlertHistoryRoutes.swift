import Alerting
import Telemetry
import Web

extension Router {
    /// `GET /api/v1/alerts/history?start=…&end=…&limit=…&alert=…&match[]=…&event=…`: what became of alerts, one JSON object per
    /// line, the newest `limit`, oldest first; times are milliseconds since 1970. See `HistoryQuery`.
    mutating func addAlertHistory(_ files: HistoryFiles, stateDirectory: String) {
        on(.get, "/api/v1/alerts/history") { request in
            try request.expect(stateDirectory: stateDirectory)
            let query: HistoryQuery
            do throws(MatcherError) {
                query = try HistoryQuery(request.query.items.map { ($0.name, $0.value) })
            } catch {
                throw HTTPError(400, error.description)
            }
            let lines = try await Blocking.run { try files.lines(query) }
            return Response(headers: ["Content-Type": "application/x-ndjson"], body: .bytes(lines))
        }
    }
}
