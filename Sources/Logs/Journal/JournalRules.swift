import Telemetry

extension JournalSource {
    /// Relabelling of a journal job that configures none: `unit`, `identifier`, `level`, `transport` and `host`.
    ///
    /// Units that carry a number or an id of their own, such as a login session's scope, count as one unit: a stream
    /// for each login would be what Loki is worst at.
    package static let defaultRules: [RelabelRule] = [
        replace("__journal__transport", "kernel", "kernel", target: "unit"),
        replace("__journal__systemd_user_unit", "(.+)", "$1", target: "unit"),
        replace("__journal__systemd_unit", "(.+)", "$1", target: "unit"),
        replace("unit", "(session|run)-[a-z]?[0-9a-f-]+\\.(scope|service)", "$1.$2", target: "unit"),
        replace(
            "unit", "(docker|libpod|libpod-conmon|cri-containerd|crio)-[0-9a-f]{64}\\.scope", "$1.scope", target: "unit"
        ),
        replace("unit", "([^@]+)@[0-9]+-[0-9a-f.:]+-[0-9a-f.:]+(_[0-9-]+)?\\.service", "$1@.service", target: "unit"),
        replace("__journal_syslog_identifier", "(.+)", "$1", target: "identifier"),
        replace("__journal_priority_keyword", "(.+)", "$1", target: "level"),
        replace("__journal__transport", "(.+)", "$1", target: "transport"),
        replace("__journal__hostname", "(.+)", "$1", target: "host"),
    ]

    private static func replace(_ source: String, _ regex: String, _ replacement: String, target: String)
        -> RelabelRule
    {
        var rule = RelabelRule()
        rule.sourceLabels = [source]
        rule.regex = regex
        rule.replacement = replacement
        rule.targetLabel = target
        return rule
    }
}
