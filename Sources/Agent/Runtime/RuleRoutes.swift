import Bytes
import Configuration
import Rules
import Synchronization
import Telemetry
import Web

extension Router {
    /// Prometheus's `/api/v1/rules` and `/api/v1/alerts`, and for commands of this host `/api/v1/rules/explain` (`alert`) and
    /// `/api/v1/rules/backtest` (a rule file as the body; `path`, `start`, `end` in milliseconds since 1970).
    ///
    /// - Parameter queries: ends what is evaluated when the agent stops.
    mutating func addRules(_ groups: RuleGroups, stateDirectory: String, queries: QueryCancellation) {
        on(.get, "/api/v1/rules") { request in
            // Expressions are written out as deep as they are.
            try await Blocking.run(stackSize: QueryEngine.stackSize) {
                do throws(RulesReport.SelectionError) {
                    let selection = try RulesReport.Selection(request.query.items.map { ($0.name, $0.value) })
                    var writer = JSONWriter()
                    try groups.report.write(selection, into: &writer)
                    writer.endLine()
                    return Response(
                        headers: ["Content-Type": "application/json"], body: .bytes(writer.written()))
                } catch {
                    return .badData(error.description)
                }
            }
        }
        on(.get, "/api/v1/alerts") { request in
            try request.expect(stateDirectory: stateDirectory)
            // Those about rules themselves, too: somebody who looks here wants to see them.
            let report = groups.fullReport
            return .json { report.writeAlerts(into: &$0) }
        }
        on(.get, "/api/v1/rules/explain") { request in
            try request.expect(stateDirectory: stateDirectory)
            let name = request.query["alert"] ?? ""
            let isText = request.query["format"] == "text"
            let (isKnown, answer) = try await queries.run { cancellation in
                let explanations = groups.explanations(of: name, cancellation: cancellation)
                return (!explanations.isEmpty, explanations.response(isText: isText))
            }
            guard isKnown else {
                let known = Set(
                    groups.report.groups.flatMap(\.rules).filter { $0.definition.kind == .alerting }.map(
                        \.definition.name))
                let hint = NearestKey.of(name, among: known.sorted()).map { "; did you mean \($0)?" } ?? ""
                throw HTTPError(404, "no alerting rule is named \"\(name)\"\(hint)")
            }
            return answer
        }
        let gate = BacktestGate(queries: queries)
        on(.post, "/api/v1/rules/backtest") { request in
            try request.expect(stateDirectory: stateDirectory)
            return try await gate.respond(to: request, groups)
        }
    }
}

extension Request {
    /// A command asks whichever agent listens where its configuration says; it may be another one's.
    func expect(stateDirectory: String) throws(HTTPError) {
        if let wanted = query["state_dir"], wanted != stateDirectory {
            throw HTTPError(409, "this agent's state directory is \(stateDirectory)")
        }
    }
}

extension Response {
    /// Prometheus's answer to parameters that are wrong.
    fileprivate static func badData(_ message: String) -> Response {
        .json(status: 400) { json in
            json.beginObject()
            for (name, text) in [("status", "error"), ("errorType", "bad_data"), ("error", message)] {
                json.key(name)
                json.string(text)
            }
            json.endObject()
        }
    }
}

/// Lets one backtest run at a time: it takes a thread, and as much memory as what it records.
private final class BacktestGate: Sendable {
    private let isBusy = Atomic<Bool>(false)
    private let queries: QueryCancellation

    init(queries: QueryCancellation) { self.queries = queries }

    func respond(to request: Request, _ groups: RuleGroups) async throws -> Response {
        guard let start = request.query["start"].flatMap({ Int64($0) }),
            let end = request.query["end"].flatMap({ Int64($0) }), start < end
        else { throw HTTPError(400, "expected start before end, in milliseconds since 1970") }
        guard !isBusy.exchange(true, ordering: .acquiring) else {
            throw HTTPError(503, "another backtest runs", headers: ["Retry-After": "10"])
        }
        defer { isBusy.store(false, ordering: .releasing) }
        let lines = try await queries.run { cancellation in
            let file = groups.read(request.body, path: request.query["path"] ?? "rules.yaml")
            guard file.problems.isEmpty else {
                throw HTTPError(400, file.problems.map(\.description).joined(separator: "\n"))
            }
            let backtest = groups.backtest(file.groups, cancellation: cancellation)
            let count = backtest.evaluations(from: start, through: end)
            guard count <= RuleBacktest.mostEvaluations else {
                throw HTTPError(
                    400, "that would be \(count) evaluations of rules, expected at most \(RuleBacktest.mostEvaluations)"
                )
            }
            return backtest.report(from: start, through: end, isStopped: { cancellation.isCanceled })
        }
        return Response(headers: ["Content-Type": "application/x-ndjson"], body: .bytes(lines))
    }
}

extension [RuleExplanation] {
    fileprivate func response(isText: Bool) -> Response {
        if isText { return .text(map(\.text).joined(separator: "\n")) }
        return .json { json in
            json.beginArray()
            for explanation in self { explanation.write(into: &json) }
            json.endArray()
        }
    }
}

extension QueryCancellation {
    /// Runs `body` on a thread with room for deep expressions; what it gets is canceled when nobody waits for the answer any
    /// more, or when `self` is.
    func run<Result: Sendable>(
        _ body: @escaping @Sendable (QueryCancellation) throws -> Result
    ) async throws -> Result {
        let cancellation = QueryCancellation(self)
        return try await withTaskCancellationHandler {
            try await Blocking.run(stackSize: QueryEngine.stackSize) { try body(cancellation) }
        } onCancel: {
            cancellation.cancel()
        }
    }
}
