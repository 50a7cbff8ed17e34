import Bytes
import Telemetry

extension AlertmanagerAPI {
    func getSilences(
        _ request: APIRequest, _ engine: AlertingEngine, at now: Int64
    ) throws(APIFailure) -> APIResponse {
        let filters = try request.filters()
        var states: Set<Silence.State> = []
        for state in Silence.State.allCases {
            if try request.flag(state.rawValue) { states.insert(state) }
        }
        let windows = engine.configuration.maintenance.compactMap { $0.silence(at: now) }
        let shown = (Array(engine.state.silences.values) + windows).filter { silence in
            states.contains(silence.state(at: now))
                && filters.allSatisfy { filter in silence.matchers.contains { $0.isSame(as: filter) } }
        }.sorted { Self.precedes($0, $1, at: now) }
        return APIResponse.json { json in
            json.beginArray()
            for silence in shown { silence.write(at: now, to: &json) }
            json.endArray()
        }
    }

    /// Active ones by their end, pending ones by their beginning, then those that are over, the last first.
    private static func precedes(_ a: Silence, _ b: Silence, at now: Int64) -> Bool {
        let order = Silence.State.allCases
        let (first, second) = (a.state(at: now), b.state(at: now))
        if first != second { return (order.firstIndex(of: first) ?? 0) < (order.firstIndex(of: second) ?? 0) }
        switch first {
        case .active: return (a.endsAt, a.id) < (b.endsAt, b.id)
        case .pending: return (a.startsAt, a.id) < (b.startsAt, b.id)
        case .expired: return (b.endsAt, a.id) < (a.endsAt, b.id)
        }
    }

    func getSilence(_ id: String, _ engine: AlertingEngine, at now: Int64) throws(APIFailure) -> APIResponse {
        let window = engine.configuration.maintenance.first { $0.id == id }
        guard let silence = engine.state.silences[id] ?? window?.silence(at: now) else { throw .bad404 }
        return APIResponse.json { silence.write(at: now, to: &$0) }
    }

    func deleteSilence(
        _ id: String, _ engine: inout AlertingEngine, at now: Int64
    ) throws(APIFailure) -> APIResponse {
        do throws(SilenceError) {
            try engine.expireSilence(id, at: now)
        } catch {
            throw error == .notFound ? .bad404 : .bad(error.description)
        }
        return APIResponse()
    }

    func postSilence(
        _ request: APIRequest, _ engine: inout AlertingEngine, at now: Int64
    ) throws(APIFailure) -> APIResponse {
        let silence = try Silence.read(try request.json())
        if let problem = APITime.order(silence.startsAt, silence.endsAt, mayBeSame: false) {
            throw .bad("Failed to create silence: \(problem)")
        }
        if silence.endsAt < now { throw .bad("Failed to create silence: end time can't be in the past") }
        let id: String
        do throws(SilenceError) {
            id = try engine.set(silence, at: now)
        } catch {
            throw error == .notFound
                ? APIFailure(status: 404, message: error.description) : .bad(error.description)
        }
        return APIResponse.json { json in
            json.beginObject()
            json.key("silenceID")
            json.string(id)
            json.endObject()
        }
    }
}

extension APIFailure {
    fileprivate static var bad404: APIFailure { APIFailure(status: 404, message: SilenceError.notFound.description) }
}
