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
        let shown = engine.state.silences.values.filter { silence in
            states.contains(silence.state(at: now))
                && filters.allSatisfy { filter in silence.matchers.contains { $0.isSame(as: filter) } }
        }.sorted { Self.precedes($0, $1, at: now) }
        return APIResponse.json { json in
            json.beginArray()
            for silence in shown { write(silence, at: now, to: &json) }
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
        guard let silence = engine.state.silences[id] else { throw .bad404 }
        return APIResponse.json { write(silence, at: now, to: &$0) }
    }

    func deleteSilence(
        _ id: String, _ engine: inout AlertingEngine, at now: Int64
    ) throws(APIFailure) -> APIResponse {
        do throws(SilenceError) {
            try engine.expireSilence(id, at: now)
        } catch {
            throw .bad404
        }
        return APIResponse()
    }

    func postSilence(
        _ request: APIRequest, _ engine: inout AlertingEngine, at now: Int64
    ) throws(APIFailure) -> APIResponse {
        let silence = try Self.silence(try request.json())
        if silence.startsAt >= silence.endsAt {
            throw .bad("Failed to create silence: start time must be before end time")
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

    private static func silence(_ body: JSONValue) throws(APIFailure) -> Silence {
        guard case .object = body else { throw .invalid("silence in body must be of type object") }
        guard let comment = body["comment"]?.string else { throw .missing("comment") }
        guard let author = body["createdBy"]?.string else { throw .missing("createdBy") }
        guard let list = body["matchers"], case .array(let items) = list else { throw .missing("matchers") }
        if items.isEmpty { throw .invalid("matchers in body should have at least 1 items", code: 612) }
        var matchers: [LabelMatcher] = []
        for (index, item) in items.enumerated() { matchers.append(try matcher(item, "matchers.\(index)")) }
        guard let startsAt = try body.time("startsAt", in: "startsAt") else { throw .missing("startsAt") }
        guard let endsAt = try body.time("endsAt", in: "endsAt") else { throw .missing("endsAt") }
        var annotations = LabelSet()
        for pair in try body.texts("annotations", in: "annotations") ?? [] { annotations.keep(pair.name, pair.value) }
        return Silence(
            id: body["id"]?.string ?? "", matchers: matchers, startsAt: startsAt, endsAt: endsAt, createdBy: author,
            comment: comment, annotations: annotations)
    }

    private static func matcher(_ item: JSONValue, _ place: String) throws(APIFailure) -> LabelMatcher {
        guard let name = item["name"]?.string else { throw .missing("\(place).name") }
        guard let value = item["value"]?.string else { throw .missing("\(place).value") }
        guard let isRegex = item["isRegex"]?.bool else { throw .missing("\(place).isRegex") }
        let isEqual = item["isEqual"]?.bool ?? true
        do throws(MatcherError) {
            return try MatcherSyntax.make(
                name, isRegex ? (isEqual ? .matches : .notMatches) : (isEqual ? .equal : .notEqual), value)
        } catch {
            throw .bad("invalid silence: invalid label matcher \(place.dropFirst(9)): \(error)")
        }
    }

    private func write(_ silence: Silence, at now: Int64, to json: inout JSONWriter) {
        json.beginObject()
        json.key("id")
        json.string(silence.id)
        json.key("status")
        json.beginObject()
        json.key("state")
        json.string(silence.state(at: now).rawValue)
        json.endObject()
        json.key("updatedAt")
        json.string(APITime.text(silence.updatedAt))
        if !silence.annotations.isEmpty {
            json.key("annotations")
            json.labels(silence.annotations)
        }
        json.key("comment")
        json.string(silence.comment)
        json.key("createdBy")
        json.string(silence.createdBy)
        json.key("endsAt")
        json.string(APITime.text(silence.endsAt))
        json.key("matchers")
        json.beginArray()
        for matcher in silence.matchers {
            json.beginObject()
            json.key("isEqual")
            json.bool(matcher.operation == .equal || matcher.operation == .matches)
            json.key("isRegex")
            json.bool(matcher.operation == .matches || matcher.operation == .notMatches)
            json.key("name")
            json.string(matcher.name)
            json.key("value")
            json.string(matcher.value)
            json.endObject()
        }
        json.endArray()
        json.key("startsAt")
        json.string(APITime.text(silence.startsAt))
        json.endObject()
    }
}

extension APIFailure {
    fileprivate static var bad404: APIFailure { APIFailure(status: 404, message: SilenceError.notFound.description) }
}
