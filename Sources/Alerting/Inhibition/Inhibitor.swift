import Telemetry

/// Knows which alerts hold others back. Sources are found by the values of a rule's equal labels.
struct Inhibitor: Sendable {
    private struct Rule: Sendable {
        var definition: InhibitRule
        /// By the values of `equal`.
        var sources: [[String]: Set<AlertID>] = [:]

        func key(_ labels: LabelSet) -> [String] { definition.equal.map { labels[$0] ?? "" } }
    }

    private var rules: [Rule]

    init(_ rules: [InhibitRule]) { self.rules = rules.map { Rule(definition: $0) } }

    /// Takes an alert up as one that may hold others back.
    mutating func insert(_ id: AlertID, _ labels: LabelSet) {
        for index in rules.indices where rules[index].definition.sources.matches(labels) {
            rules[index].sources[rules[index].key(labels), default: []].insert(id)
        }
    }

    mutating func remove(_ id: AlertID, _ labels: LabelSet) {
        for index in rules.indices where rules[index].definition.sources.matches(labels) {
            let key = rules[index].key(labels)
            rules[index].sources[key]?.remove(id)
            if rules[index].sources[key]?.isEmpty == true { rules[index].sources[key] = nil }
        }
    }

    /// A firing alert that holds back those with these labels, and the rule's name; nil where there is none.
    func source(for labels: LabelSet, among alerts: [AlertID: TrackedAlert], at now: Int64) -> (AlertID, rule: String)?
    {
        for rule in rules where rule.definition.targets.matches(labels) {
            guard let candidates = rule.sources[rule.key(labels)] else { continue }
            // Those who are on both sides of a rule do not hold one another back.
            let isSource = rule.definition.sources.matches(labels)
            let found = candidates.filter { id in
                guard let alert = alerts[id], !alert.isResolved(at: now) else { return false }
                return !(isSource && rule.definition.targets.matches(alert.labels))
            }
            if let id = found.min() { return (id, rule.definition.name) }
        }
        return nil
    }
}
