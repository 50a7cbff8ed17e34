import Bytes
import Rules
import Telemetry

extension AlertmanagerAPI {
    /// Which alerts a request wants to see.
    private struct Wish {
        var matchers: [LabelMatcher]
        var receiver: Regex?
        /// What labels of receivers have to meet.
        var receiverMatchers: [LabelMatcher]
        var isActive: Bool
        var isSilenced: Bool
        var isInhibited: Bool

        init(_ request: APIRequest) throws(APIFailure) {
            matchers = try request.filters()
            receiver = try request.receiverPattern()
            receiverMatchers = try request.receiverMatchers()
            isActive = try request.flag("active")
            isSilenced = try request.flag("silenced")
            isInhibited = try request.flag("inhibited")
            // Whether an alert is held back is known at once here, so none is unprocessed.
            _ = try request.flag("unprocessed")
        }

        /// Whether one of these receivers is asked for.
        func includes(_ receivers: [String], _ engine: AlertingEngine) -> Bool {
            if let receiver, !receivers.contains(where: receiver.isMatch) { return false }
            return receiverMatchers.isEmpty
                || receivers.contains { name in
                    let labels = engine.receivers[name]?.labels ?? [:]
                    return receiverMatchers.allSatisfy { $0.filters(labels) }
                }
        }

        func includes(_ status: AlertStatus, of alert: TrackedAlert, at now: Int64) -> Bool {
            if alert.endsAt < now || !matchers.allSatisfy({ $0.filters(alert.labels) }) { return false }
            if !isActive, !status.isSuppressed { return false }
            if !isSilenced, !status.silencedBy.isEmpty { return false }
            return isInhibited || status.inhibitedBy.isEmpty
        }
    }

    /// Why an alert is held back at the moment.
    private struct AlertStatus {
        var silencedBy: [String]
        var inhibitedBy: [String]
        var mutedBy: [String] = []

        init(_ labels: LabelSet, _ engine: AlertingEngine, at now: Int64) {
            silencedBy = engine.silences(of: labels, at: now)
            inhibitedBy = engine.inhibition(of: labels, at: now).map { [$0.description] } ?? []
        }

        var isSuppressed: Bool { !silencedBy.isEmpty || !inhibitedBy.isEmpty }
    }

    func getAlerts(_ request: APIRequest, _ engine: AlertingEngine, at now: Int64) throws(APIFailure) -> APIResponse {
        let wish = try Wish(request)
        return APIResponse.json { json in
            json.beginArray()
            for (id, alert) in engine.state.alerts.sorted(by: { $0.key < $1.key }) {
                let receivers = engine.tree.match(alert.labels).map { engine.tree.routes[$0].receiver }
                guard wish.includes(receivers, engine) else { continue }
                let status = AlertStatus(alert.labels, engine, at: now)
                guard wish.includes(status, of: alert, at: now) else { continue }
                write(alert, id, status, receivers, to: &json)
            }
            json.endArray()
        }
    }

    func getGroups(_ request: APIRequest, _ engine: AlertingEngine, at now: Int64) throws(APIFailure) -> APIResponse {
        let wish = try Wish(request)
        let wantsMuted = try request.flag("muted")
        var receivers: [AlertID: Set<String>] = [:]
        for group in engine.groups.values {
            for id in group.members { receivers[id, default: []].insert(engine.tree.routes[group.route].receiver) }
        }
        let groups = engine.groups.sorted { first, second in
            if first.key.labels != second.key.labels {
                return AlertOrder.precedesByLabels(first.key.labels, second.key.labels)
            }
            let (a, b) = (engine.tree.routes[first.value.route], engine.tree.routes[second.value.route])
            return (a.receiver, a.id) < (b.receiver, b.id)
        }
        return APIResponse.json { json in
            json.beginArray()
            for (id, group) in groups {
                let route = engine.tree.routes[group.route]
                guard wish.includes([route.receiver], engine) else { continue }
                let mutedBy: [String]
                switch engine.configuration.timing(of: route, at: now) {
                case .muted(let names), .inactive(let names): mutedBy = names
                default: mutedBy = []
                }
                if !wantsMuted, !mutedBy.isEmpty { continue }
                var shown: [(id: AlertID, alert: TrackedAlert, status: AlertStatus)] = []
                for member in group.members {
                    guard let alert = engine.state.alerts[member] else { continue }
                    var status = AlertStatus(alert.labels, engine, at: now)
                    guard wish.includes(status, of: alert, at: now) else { continue }
                    status.mutedBy = mutedBy
                    shown.append((member, alert, status))
                }
                if shown.isEmpty { continue }
                shown.sort { AlertOrder.precedes($0.alert.labels, $1.alert.labels) }
                json.beginObject()
                json.key("alerts")
                json.beginArray()
                for (id, alert, status) in shown {
                    write(alert, id, status, (receivers[id] ?? []).sorted(), to: &json)
                }
                json.endArray()
                json.key("labels")
                json.labels(id.labels)
                json.key("receiver")
                json.beginObject()
                json.key("name")
                json.string(route.receiver)
                json.endObject()
                json.key("routeLabels")
                json.labels(Self.labels(of: route, id, group, engine, at: now))
                json.endObject()
            }
            json.endArray()
        }
    }

    /// A route's labels, their templates expanded for what a group has now; as they are written where that fails.
    private static func labels(
        of route: RoutingTree.Route, _ id: GroupID, _ group: AggregationGroup, _ engine: AlertingEngine, at now: Int64
    ) -> LabelSet {
        if route.labels.isEmpty { return route.labels }
        let alerts = group.members.compactMap { engine.state.alerts[$0] }
            .sorted { AlertOrder.precedes($0.labels, $1.labels) }
        let notification = Notification(
            receiver: route.receiver, groupKey: group.key, groupLabels: id.labels, reason: .first,
            alerts: alerts.map { $0.notice(at: now) }, externalURL: engine.externalURL, now: now)
        let data = NotificationData(notification)
        return (try? engine.configuration.templates?.routeLabels(route.labels, for: data)) ?? route.labels
    }

    private func write(
        _ alert: TrackedAlert, _ id: AlertID, _ status: AlertStatus, _ receivers: [String], to json: inout JSONWriter
    ) {
        json.beginObject()
        json.key("annotations")
        json.labels(alert.annotations)
        json.key("endsAt")
        json.string(APITime.text(alert.endsAt))
        json.key("fingerprint")
        json.string(id.description)
        json.key("receivers")
        json.beginArray()
        for receiver in receivers {
            json.beginObject()
            json.key("name")
            json.string(receiver)
            json.endObject()
        }
        json.endArray()
        json.key("startsAt")
        json.string(APITime.text(alert.startsAt))
        json.key("status")
        json.beginObject()
        json.key("inhibitedBy")
        json.strings(status.inhibitedBy)
        json.key("mutedBy")
        json.strings(status.mutedBy)
        json.key("silencedBy")
        json.strings(status.silencedBy)
        json.key("state")
        json.string(status.isSuppressed || !status.mutedBy.isEmpty ? "suppressed" : "active")
        json.endObject()
        json.key("updatedAt")
        json.string(APITime.text(alert.updatedAt))
        if !alert.generatorURL.isEmpty {
            json.key("generatorURL")
            json.string(alert.generatorURL)
        }
        json.key("labels")
        json.labels(alert.labels)
        json.endObject()
    }
}
