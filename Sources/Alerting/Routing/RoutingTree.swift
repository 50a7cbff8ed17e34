import Telemetry

/// The routes of a configuration, each with what it inherits.
package struct RoutingTree: Sendable {
    /// One node.
    package struct Route: Sendable {
        /// Unique: the ways of matchers and places that lead to it, as Alertmanager's `routeID`.
        package var id: String
        /// The way of matchers that leads to it, `{}/{severity="page"}`; not unique.
        package var key: String
        package var receiver: String
        package var grouping: RouteDefinition.Grouping
        package var matchers: [LabelMatcher]
        package var isContinuing: Bool
        /// Milliseconds.
        package var groupWait: Int64
        package var groupInterval: Int64
        package var repeatInterval: Int64
        package var muteTimeIntervals: [String]
        package var activeTimeIntervals: [String]
        package var labels: LabelSet
        /// Places in `routes`.
        package var children: [Int] = []

        /// The labels that make the group of an alert.
        package func groupLabels(of labels: LabelSet) -> LabelSet {
            switch grouping {
            case .all: labels
            case .labels(let names): LabelSet(sorted: labels.labels.filter { names.contains($0.name) })
            }
        }

        /// What receivers know a group by: `{}/{severity="page"}:{alertname="X"}`.
        package func groupKey(_ groupLabels: LabelSet) -> String { "\(key):\(groupLabels)" }
    }

    /// The root first.
    package private(set) var routes: [Route] = []

    package init(_ root: RouteDefinition) { add(root, below: nil, place: 0) }

    /// The routes that take an alert with these labels, in the order of the file: at least one, the root matches all.
    package func match(_ labels: LabelSet) -> [Int] {
        var found: [Int] = []
        _ = collect(0, labels, &found)
        return found
    }

    /// Depth first; a node takes what none of its children takes.
    private func collect(_ index: Int, _ labels: LabelSet, _ found: inout [Int]) -> Bool {
        let route = routes[index]
        guard route.matchers.matches(labels) else { return false }
        let before = found.count
        for child in route.children where collect(child, labels, &found) && !routes[child].isContinuing { break }
        if found.count == before { found.append(index) }
        return true
    }

    @discardableResult
    private mutating func add(_ definition: RouteDefinition, below parent: Int?, place: Int) -> Int {
        let above = parent.map { routes[$0] }
        let text = definition.matchers.alertmanagerText
        let index = routes.count
        routes.append(
            Route(
                id: above.map { "\($0.id)/\(text)/\(place)" } ?? text, key: above.map { "\($0.key)/\(text)" } ?? text,
                receiver: definition.receiver ?? above?.receiver ?? "",
                grouping: definition.grouping ?? above?.grouping ?? .labels([]), matchers: definition.matchers,
                isContinuing: definition.isContinuing, groupWait: definition.groupWait ?? above?.groupWait ?? 30_000,
                groupInterval: definition.groupInterval ?? above?.groupInterval ?? 300_000,
                repeatInterval: definition.repeatInterval ?? above?.repeatInterval ?? 14_400_000,
                muteTimeIntervals: definition.muteTimeIntervals, activeTimeIntervals: definition.activeTimeIntervals,
                labels: definition.labels.labels.reduce(into: above?.labels ?? LabelSet()) {
                    $0.keep($1.name, $1.value)
                }
            ))
        for (place, child) in definition.routes.enumerated() {
            let child = add(child, below: index, place: place)
            routes[index].children.append(child)
        }
        return index
    }
}
