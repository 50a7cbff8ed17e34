import Bytes
import Telemetry

/// The alerts of a `POST /alerts` that are right, and what the sender is told: of those that are not, why. A body that is not
/// what the description of the API says brings none.
struct PostedAlerts {
    private(set) var alerts: [TrackedAlert] = []
    private(set) var response = APIResponse()

    /// - Parameters:
    ///   - resolveTimeout: milliseconds.
    ///   - now: when they came, milliseconds since 1970.
    init(_ request: APIRequest, resolveTimeout: Int64, at now: Int64) {
        do throws(APIFailure) {
            try read(request.body, resolveTimeout, at: now)
        } catch {
            response = error.response
        }
    }

    private mutating func read(_ body: [UInt8], _ resolveTimeout: Int64, at now: Int64) throws(APIFailure) {
        var found: [TrackedAlert] = []
        var problems: [String] = []
        var failure: APIFailure?
        var index = 0
        let isArray: Bool
        do throws(JSONError) {
            isArray = try JSONValue.forEachElement(of: body.span.bytes) { item in
                // The rest is read all the same: whether it is JSON at all is said first.
                guard failure == nil else { return }
                do throws(APIFailure) {
                    let (alert, problem) = try Self.alert(
                        item, "\(index)", resolveTimeout, like: found.last, at: now)
                    if let problem { problems.append(problem) } else { found.append(alert) }
                } catch {
                    failure = error
                }
                index += 1
            }
        } catch {
            throw .unreadable(error)
        }
        guard isArray else { throw .invalid("alerts in body must be of type array") }
        if let failure { throw failure }
        alerts = found
        if !problems.isEmpty { throw .bad(problems.joined(separator: "\n")) }
    }

    /// One alert of a body, which may be wrong in itself.
    ///
    /// - Parameter other: one whose texts are used where they are the same: alerts of one rule come one after the other, and
    ///   most of what they say is said by all of them.
    static func alert(
        _ item: JSONValue, _ place: String, _ resolveTimeout: Int64, like other: TrackedAlert? = nil, at now: Int64
    ) throws(APIFailure) -> (TrackedAlert, problem: String?) {
        guard case .object = item else { throw .invalid("\(place) in body must be of type object") }
        guard let pairs = try item.texts("labels", in: "\(place).labels") else {
            throw .missing("\(place).labels")
        }
        let labels = LabelSet(pairs.map { other?.labels.label($0.name, $0.value) ?? Label($0.name, $0.value) })
        var annotations = LabelSet()
        let texts = try item.texts("annotations", in: "\(place).annotations") ?? []
        annotations.reserve(texts.count)
        for (name, value) in texts {
            let label = other?.annotations.label(name, value) ?? Label(name, value)
            annotations.keep(label.name, label.value)
        }
        let startsAt = try item.time("startsAt", in: "\(place).startsAt")
        let endsAt = try item.time("endsAt", in: "\(place).endsAt")
        var alert = TrackedAlert(
            labels: labels, annotations: annotations, startsAt: startsAt ?? endsAt ?? now,
            endsAt: endsAt ?? now + resolveTimeout, updatedAt: now)
        alert.hasTimeout = endsAt == nil
        alert.generatorURL = item["generatorURL"]?.string ?? ""
        if let url = other?.generatorURL, url == alert.generatorURL { alert.generatorURL = url }
        if labels.isEmpty { return (alert, "at least one label pair required") }
        if labels.labels.contains(where: \.name.isEmpty) { return (alert, "invalid label set: invalid name \"\"") }
        return (alert, APITime.order(alert.startsAt, alert.endsAt, mayBeSame: true))
    }
}

extension LabelSet {
    /// A label made of this set's own texts as far as it has the same; nil where it has none of that name.
    fileprivate func label(_ name: String, _ value: String) -> Label? {
        guard let own = labels.first(where: { $0.name == name }) else { return nil }
        return own.value == value ? own : Label(own.name, value)
    }
}

extension AlertDispatcher {
    /// Answers a request to the API; returns once what it changed is written. Alerts are read before anybody waits for them.
    package func respond(to request: APIRequest, _ api: AlertmanagerAPI) -> APIResponse {
        guard request.method == "POST", request.path == "/alerts" else {
            return withEngine { engine, now in api.respond(to: request, engine: &engine, at: now) }
        }
        let (timeout, now) = read { engine, now in (engine.configuration.resolveTimeout, now) }
        let posted = PostedAlerts(request, resolveTimeout: timeout, at: now)
        receive(posted.alerts)
        return posted.response
    }
}
