import Bytes
import Telemetry

/// Alertmanager's API v2 (`api/v2/openapi.yaml`): what amtool, karma, Grafana and Prometheus talk to. Each call is a function of
/// the request and the engine.
package struct AlertmanagerAPI: Sendable {
    /// What `/status` says besides.
    package struct About: Sendable {
        package var version: String
        /// When the process started, milliseconds since 1970.
        package var startedAt: Int64
        /// The configuration without its secrets.
        package var configuration: String

        package init(version: String, startedAt: Int64, configuration: String) {
            self.version = version
            self.startedAt = startedAt
            self.configuration = configuration
        }
    }

    package var about: About

    package init(about: About) { self.about = about }

    package func respond(
        to request: APIRequest, engine: inout AlertingEngine, at now: Int64
    ) -> APIResponse {
        do throws(APIFailure) {
            let silencePath = "/silence/"
            if request.path.hasPrefix(silencePath) {
                let id = try Self.silenceID(String(request.path.dropFirst(silencePath.utf8.count)))
                switch request.method {
                case "GET": return try getSilence(id, engine, at: now)
                case "DELETE": return try deleteSilence(id, &engine, at: now)
                default: throw Self.wrongMethod(request)
                }
            }
            switch (request.method, request.path) {
            case ("GET", "/status"): return getStatus()
            case ("GET", "/receivers"): return try getReceivers(request, engine)
            case ("GET", "/alerts"): return try getAlerts(request, engine, at: now)
            case ("POST", "/alerts"):
                let posted = PostedAlerts(request, resolveTimeout: engine.configuration.resolveTimeout, at: now)
                engine.receive(posted.alerts, at: now)
                return posted.response
            case ("GET", "/alerts/groups"): return try getGroups(request, engine, at: now)
            case ("GET", "/silences"): return try getSilences(request, engine, at: now)
            case ("POST", "/silences"): return try postSilence(request, &engine, at: now)
            case (_, "/status"), (_, "/receivers"), (_, "/alerts"), (_, "/alerts/groups"), (_, "/silences"):
                throw Self.wrongMethod(request)
            default: throw APIFailure(status: 404, message: "path \(request.path) was not found", code: 404)
            }
        } catch {
            return error.response
        }
    }

    private static func wrongMethod(_ request: APIRequest) -> APIFailure {
        APIFailure(status: 405, message: "method \(request.method) is not allowed", code: 405)
    }

    private static func silenceID(_ text: String) throws(APIFailure) -> String {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let isUUID =
            parts.map(\.utf8.count) == [8, 4, 4, 4, 12] && parts.joined().allSatisfy { $0.isASCII && $0.isHexDigit }
        guard isUUID else { throw .invalid("silenceID in path must be of type uuid: \"\(text)\"") }
        return text.lowercased()
    }

    private func getStatus() -> APIResponse {
        APIResponse.json { json in
            json.beginObject()
            json.key("cluster")
            json.beginObject()
            json.key("peers")
            json.beginArray()
            json.endArray()
            json.key("status")
            json.string("disabled")
            json.endObject()
            json.key("config")
            json.beginObject()
            json.key("original")
            json.string(about.configuration)
            json.endObject()
            json.key("uptime")
            json.string(APITime.text(about.startedAt))
            json.key("versionInfo")
            json.beginObject()
            for (name, value) in [
                ("branch", ""), ("buildDate", ""), ("buildUser", ""), ("goVersion", ""), ("revision", ""),
                ("version", about.version),
            ] {
                json.key(name)
                json.string(value)
            }
            json.endObject()
            json.endObject()
        }
    }

    private func getReceivers(_ request: APIRequest, _ engine: AlertingEngine) throws(APIFailure) -> APIResponse {
        let matchers = try request.receiverMatchers()
        return APIResponse.json { json in
            json.beginArray()
            for receiver in engine.configuration.receivers where matchers.allSatisfy({ $0.filters(receiver.labels) }) {
                json.beginObject()
                json.key("name")
                json.string(receiver.name)
                if !receiver.labels.isEmpty {
                    json.key("labels")
                    json.labels(receiver.labels)
                }
                json.endObject()
            }
            json.endArray()
        }
    }
}

extension APIRequest {
    /// A truth value of the query; true where it is absent.
    func flag(_ name: String) throws(APIFailure) -> Bool {
        guard let text = values(name).last, !text.isEmpty else { return true }
        switch text.lowercased() {
        case "true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled": return true
        case "false", "0", "no", "n", "off", "f", "disabled": return false
        default: throw .invalid("\(name) in query must be of type boolean: \"\(text)\"")
        }
    }

    /// The matchers of `filter`.
    func filters() throws(APIFailure) -> [LabelMatcher] { try matchers("filter", "") }

    /// Those of `receiver_matchers`, which receivers' labels have to meet.
    func receiverMatchers() throws(APIFailure) -> [LabelMatcher] {
        try matchers("receiver_matchers", "failed to parse receiver_matchers param: ")
    }

    private func matchers(_ name: String, _ complaint: String) throws(APIFailure) -> [LabelMatcher] {
        var result: [LabelMatcher] = []
        for text in values(name) {
            do throws(MatcherError) {
                result.append(try MatcherSyntax.matcher(text))
            } catch {
                throw .bad(complaint + error.description)
            }
        }
        return result
    }

    /// The regular expression of `receiver`.
    func receiverPattern() throws(APIFailure) -> Regex? {
        guard let text = values("receiver").last, !text.isEmpty else { return nil }
        do throws(RegexError) {
            return try Regex(text, anchored: true)
        } catch {
            throw .bad("failed to parse receiver param: \(error)")
        }
    }

    func json() throws(APIFailure) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(parsing: body.span.bytes)
        } catch {
            throw .unreadable(error)
        }
    }
}

extension LabelMatcher {
    /// Whether a filter of the API lets labels through; one without a value asks whether the label is there.
    func filters(_ labels: LabelSet) -> Bool {
        let isThere = labels[name] != nil
        if value.isEmpty {
            switch operation {
            case .notEqual, .notMatches: if isThere { return true }
            case .equal, .matches: if !isThere { return true }
            }
        }
        return matches(labels)
    }
}

extension JSONValue {
    /// A time at `key` of an object; nil where it is absent, null, or Go's time that is none.
    func time(_ key: String, in place: String) throws(APIFailure) -> Int64? {
        guard let value = self[key], value != .null else { return nil }
        guard let text = value.string else { throw .invalid("\(place) in body must be of type date-time") }
        if text.isEmpty { return nil }
        guard let time = APITime.milliseconds(text) else {
            throw .invalid("\(place) in body must be of type date-time: \"\(text)\"")
        }
        return time == .min ? nil : time
    }

    /// An object of texts at `key`.
    func texts(_ key: String, in place: String) throws(APIFailure) -> [(name: String, value: String)]? {
        guard let value = self[key], value != .null else { return nil }
        guard case .object(let members) = value else { throw .invalid("\(place) in body must be of type object") }
        // Sets of labels are short: what is done with one may take time by the square of their number.
        guard members.count <= 1000 else { throw .invalid("\(place) in body should have at most 1000 properties") }
        var result: [(name: String, value: String)] = []
        for member in members {
            guard let text = member.value.string else {
                throw .invalid("\(place).\(member.name) in body must be of type string")
            }
            result.append((member.name, text))
        }
        return result
    }
}

extension JSONWriter {
    mutating func labels(_ labels: LabelSet) {
        beginObject()
        for label in labels.labels {
            key(label.name)
            string(label.value)
        }
        endObject()
    }

    mutating func strings(_ texts: [String]) {
        beginArray()
        for text in texts { string(text) }
        endArray()
    }
}
