import Bytes
import Telemetry

/// `postableSilence` and `gettableSilence` of the API.
extension Silence {
    /// One that an Alertmanager shows, or what is wrong with it.
    package static func shown(_ json: JSONValue) -> Result<Silence, SilenceError> {
        do throws(APIFailure) {
            return .success(try read(json))
        } catch {
            return .failure(.invalid(error.message))
        }
    }

    /// What is posted to set it.
    package var posted: [UInt8] { APIResponse.json { write(at: nil, to: &$0) }.body }

    /// What is posted, or what was shown.
    static func read(_ body: JSONValue) throws(APIFailure) -> Silence {
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

    /// - Parameter now: for its state; nil for what is to be posted.
    func write(at now: Int64?, to json: inout JSONWriter) {
        json.beginObject()
        if !id.isEmpty {
            json.key("id")
            json.string(id)
        }
        if let now {
            json.key("status")
            json.beginObject()
            json.key("state")
            json.string(state(at: now).rawValue)
            json.endObject()
            json.key("updatedAt")
            json.string(APITime.text(updatedAt))
        }
        // Required of what is shown since Alertmanager 0.32, and posted only where there are some.
        if now != nil || !annotations.isEmpty {
            json.key("annotations")
            json.labels(annotations)
        }
        json.key("comment")
        json.string(comment)
        json.key("createdBy")
        json.string(createdBy)
        json.key("endsAt")
        json.string(APITime.text(endsAt))
        json.key("matchers")
        json.beginArray()
        for matcher in matchers {
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
        json.string(APITime.text(startsAt))
        json.endObject()
    }
}
