import Bytes
import Rules
import Telemetry

/// What would become of an alert with some labels: `tocsin test route`. Times are milliseconds since 1970.
package struct RouteTrial: Sendable {
    /// One route that takes it.
    package struct Way: Sendable {
        package var route: RoutingTree.Route
        package var groupLabels: LabelSet
        package var groupKey: String
        /// What the time does to it now.
        package var timing: Suppression?
        /// When that becomes another, within a year.
        package var timingChange: Int64?
    }

    package var labels: LabelSet
    package var now: Int64
    package var ways: [Way]
    /// The silences and maintenance windows that hold it back.
    package var silences: [Silence]
    /// The labels of the alert that holds it back.
    package var inhibitedBy: LabelSet?

    /// - Parameter state: alerts and silences that there are.
    package init(
        _ labels: LabelSet, _ configuration: AlertingConfiguration, state: AlertingState = AlertingState(),
        at now: Int64
    ) {
        let engine = AlertingEngine(configuration, externalURL: "", state: state, now: now)
        self.labels = labels
        self.now = now
        ways = engine.tree.match(labels).map { index in
            let route = engine.tree.routes[index]
            let groupLabels = route.groupLabels(of: labels)
            return Way(
                route: route, groupLabels: groupLabels, groupKey: route.groupKey(groupLabels),
                timing: configuration.timing(of: route, at: now),
                timingChange: configuration.timingChange(of: route, after: now))
        }
        let windows = configuration.maintenance
        silences = engine.silences(of: labels, at: now).compactMap { id in
            engine.state.silences[id] ?? windows.first { $0.id == id }?.silence(at: now)
        }
        inhibitedBy = engine.inhibition(of: labels, at: now).flatMap { engine.state.alerts[$0]?.labels }
    }

    /// The first notification of it by one way.
    package func notification(_ way: Way, externalURL: String) -> Notification {
        let notice = AlertNotice(
            labels: labels, annotations: [:], state: .firing, startsAt: now, endsAt: now + 300_000, generatorURL: "",
            value: .nan)
        return Notification(
            receiver: way.route.receiver, groupKey: way.groupKey, groupLabels: way.groupLabels,
            routeLabels: way.route.labels, reason: .first, alerts: [notice], externalURL: externalURL, now: now)
    }

    /// The whole tree, a route a line, `*` before those that take it.
    package static func tree(_ tree: RoutingTree, _ labels: LabelSet) -> String {
        let taking = Set(tree.match(labels))
        func lines(_ index: Int, _ depth: Int) -> String {
            let route = tree.routes[index]
            let matchers = index == 0 ? "default-route" : route.matchers.alertmanagerText
            let mark = taking.contains(index) ? "* " : "  "
            let continues = route.isContinuing ? "  continue: true" : ""
            let own =
                mark + String(repeating: "  ", count: depth) + "\(matchers)  receiver: \(route.receiver)\(continues)\n"
            return own + route.children.map { lines($0, depth + 1) }.joined()
        }
        return lines(0, 0)
    }
}

extension AlertingConfiguration {
    /// When the time begins or ceases to keep a route from telling anybody, within a year.
    func timingChange(of route: RoutingTree.Route, after now: Int64) -> Int64? {
        let isHeld = timing(of: route, at: now) != nil
        let intervals = (route.muteTimeIntervals + route.activeTimeIntervals).compactMap { timeIntervals[$0] }
        var time = now
        // Of several intervals one may begin where another ends.
        for _ in 0..<64 {
            guard let next = intervals.compactMap({ $0.nextChange(after: time / 1000) }).min() else { return nil }
            time = next * 1000
            if (timing(of: route, at: time) != nil) != isHeld { return time }
        }
        return nil
    }
}

extension AlertingState {
    /// Alerts and silences as the API shows them; what cannot be read of them is left out.
    package init(alerts: JSONValue, silences: JSONValue, leavingOut windows: [MaintenanceWindow], at now: Int64) {
        self.init()
        for item in alerts.elements {
            guard let read = try? PostedAlerts.alert(item, "", 300_000, at: now), read.problem == nil else {
                continue
            }
            self.alerts[AlertID(of: read.0.labels)] = read.0
        }
        for item in silences.elements {
            guard case .success(let silence) = Silence.shown(item) else { continue }
            if !windows.contains(where: { $0.id == silence.id }) { self.silences[silence.id] = silence }
        }
        // The alerts go on for as long as they said.
        lastAlive = now
    }
}
