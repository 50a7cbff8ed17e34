import Configuration
import Telemetry

/// Whether alerts of this host's rules go to Alertmanagers, and when people are told from here.
package struct ForwardingConfiguration: Sendable, Equatable {
    package var alertmanagers: [AlertmanagerGroup] = []
    /// What becomes of every alert before it is sent.
    package var alertRelabeling: [RelabelRule] = []
    package var policy = Policy.local
    /// Seconds for which an alert waits for an Alertmanager to take it.
    package var fallbackAfter = 300.0
    /// Labels that every alert gets which does not have them.
    package var externalLabels: LabelSet = [:]

    /// Who tells people.
    package enum Policy: String, Sendable, CaseIterable {
        /// This agent.
        case local
        /// Alertmanagers, whatever becomes of them.
        case forward
        /// Alertmanagers, and this agent of alerts that none has taken for a while.
        case fallback
        /// All of them, each by itself.
        case both
    }

    package init() {}

    /// All Alertmanagers, each URL once, and the URLs of those that relabelling drops.
    func endpoints() -> (active: [AlertmanagerEndpoint], dropped: [String]) {
        var active: [AlertmanagerEndpoint] = []
        var dropped: [String] = []
        for group in alertmanagers {
            let found = group.endpoints()
            for endpoint in found.active where !active.contains(where: { $0.target == endpoint.target }) {
                active.append(endpoint)
            }
            dropped += found.dropped
        }
        return (active, dropped)
    }
}

extension ForwardingConfiguration {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey(
            "alertmanagers", "list of Alertmanagers",
            "Prometheus's: each alert of a rule goes to all of them; see [alertmanagers](#alertmanagers)."),
        ConfigurationKey(
            "alert_relabel_configs", "list",
            "What becomes of alerts before they are sent to Alertmanagers; see [relabel_configs](#relabel_configs)."),
        ConfigurationKey(
            "policy", "`local`, `forward`, `fallback` or `both`",
            "Who tells people of the rules' alerts: this agent; Alertmanagers; or Alertmanagers, and this agent of what none has taken "
                + "for `fallback_after`; or all of them, each by itself. Without `alertmanagers` `local`, with a `route` besides `fallback`, else `forward`."
        ),
        ConfigurationKey(
            "fallback_after", "duration", default: "5m",
            "How long an alert waits for an Alertmanager to take it before this agent tells of it."),
    ]

    /// - Parameter hasRoute: whether this agent could tell people.
    package init(_ reader: MappingReader, hasRoute: Bool) {
        alertmanagers = reader.sections("alertmanagers") ?? []
        alertRelabeling = reader.sections("alert_relabel_configs") ?? []
        fallbackAfter = reader.duration("fallback_after", in: 1...86_400) ?? fallbackAfter
        policy = reader.choice("policy") ?? (alertmanagers.isEmpty ? .local : hasRoute ? .fallback : .forward)
        if policy != .local, alertmanagers.isEmpty, !reader.has("alertmanagers") {
            reader.report("policy: \(policy.rawValue) needs alertmanagers", at: "policy")
        }
        if policy != .forward, !alertmanagers.isEmpty, !hasRoute {
            reader.report("policy: \(policy.rawValue) needs a route and receivers here", at: "policy")
        }
        if policy == .local, !alertmanagers.isEmpty {
            reader.warn("policy is local: nothing is sent to alertmanagers", at: "policy")
        }
    }
}
