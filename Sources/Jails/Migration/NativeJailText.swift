import Configuration
import Glibc
import Logs

/// A stock jail of fail2ban's as an entry of `jails.native`, where there is one that does the same.
enum NativeJailText {
    /// Ours, by fail2ban's filter and its mode; `""` is any other mode.
    private static let filters: [String: [String: String]] = [
        "sshd": ["normal": "sshd", "": "[sshd, sshd-aggressive]"], "apache-auth": ["normal": "apache"],
        "dovecot": ["normal": "dovecot"], "nginx-http-auth": ["normal": "nginx-auth"],
        "nginx-limit-req": ["normal": "nginx-limit"], "grafana": ["normal": "grafana"],
        "vaultwarden": ["normal": "vaultwarden"],
        "postfix": [
            "auth": "postfix-auth", "normal": "postfix-reject", "more": "postfix-reject",
            "aggressive": "[postfix-reject, postfix-auth]",
        ],
    ]
    /// Who sets one of these wants something else than the stock filter.
    private static let changes = ["failregex", "ignoreregex", "prefregex", "datepattern", "maxlines"]

    /// Nil where the jail is not simple: a filter without an equivalent, or changed; other actions than one firewall; a formula, a
    /// command that says who is ignored, a log read from its end.
    static func entry(for jail: JailDefinition, _ layers: ConfigurationLayers, directory: String) -> String? {
        guard let settings = try? JailSettings(jail), let filter = filter(jail, layers, directory),
            settings.ignoring.command == nil, let source = source(jail), let increment = increment(settings)
        else { return nil }
        let equivalents = jail.actions.map { NativeEquivalent($0) }
        guard equivalents.count == 1, let firewall = equivalents[0] else { return nil }
        var parts = [
            "name: \(Fail2banMigration.yaml(jail.name))", "filter: \(filter)", source,
            "max_retry: \(settings.maximumRetries)", "find_time: \(DurationText.text(settings.findTime))",
            "ban_time: \(settings.banTime < 0 ? "forever" : DurationText.text(settings.banTime))", increment,
        ]
        if !settings.ignoring.entries.isEmpty { parts.append("ignore_ips: \(list(settings.ignoring.entries))") }
        if !settings.ignoring.ignoresSelf { parts.append("ignore_self: false") }
        if let ports = firewall.ports {
            if !ports.ranges.isEmpty { parts.append("ports: [\(text(ports.ranges))]") }
            let protocols = [ports.isTCP ? "tcp" : nil, ports.isUDP ? "udp" : nil].compactMap { $0 }
            if ports.isUDP || ports.ranges.isEmpty { parts.append("protocols: [\(protocols.joined(separator: ", "))]") }
        }
        if firewall.rejects { parts.append("reject: true") }
        return "{\(parts.joined(separator: ", "))}"
    }

    private static func filter(_ jail: JailDefinition, _ layers: ConfigurationLayers, _ directory: String) -> String? {
        guard let name = jail.filter?.name, let modes = filters[name],
            !changes.contains(where: { layers.sections[jail.name]?[$0] != nil || layers.defaults[$0] != nil }),
            !["\(name).local", "\(name).d"].contains(where: { access("\(directory)/filter.d/\($0)", F_OK) == 0 }),
            let used = try? ParameterList(try layers.value(of: "filter", in: jail.name) ?? "")
        else { return nil }
        var mode = "normal"
        for parameter in used.parameters {
            guard parameter.name == "mode" else { return nil }
            mode = parameter.value.trimmed
        }
        return modes[mode] ?? modes[""]
    }

    private static func source(_ jail: JailDefinition) -> String? {
        switch try? jail.source() {
        case .files(let paths) where !paths.isEmpty && !paths.contains(where: \.isFromTail):
            return "files: \(list(paths.map(\.pattern)))"
        case .journal(let place, _) where place.directory.isEmpty && place.namespace.isEmpty:
            let matches = jail.filter?.journalMatches.filter { !$0.trimmed.isEmpty } ?? []
            return matches.isEmpty ? nil : "journal: \(list(matches.map(\.trimmed)))"
        default: return nil
        }
    }

    private static func increment(_ settings: JailSettings) -> String? {
        let increment = settings.increment
        guard increment.isEnabled else { return "ban_time_increment: false" }
        guard increment.formula == nil, increment.multipliers.isEmpty, let maximum = increment.maximum else {
            return nil
        }
        return
            "ban_time_increment: {factor: \(increment.factor), maximum: \(DurationText.text(maximum)), random: \(DurationText.text(increment.random)), all_jails: \(increment.countsAllJails)}"
    }

    private static func list(_ texts: [String]) -> String {
        "[\(texts.map(Fail2banMigration.yaml).joined(separator: ", "))]"
    }

    private static func text(_ ranges: [ClosedRange<UInt16>]) -> String {
        ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ", ")
    }

    /// What is closed, for people.
    static func ports(_ equivalent: NativeEquivalent) -> String {
        guard let ports = equivalent.ports else { return "everything" }
        let protocols = ports.isTCP == ports.isUDP ? "tcp and udp" : ports.isTCP ? "tcp" : "udp"
        let ranges = ports.ranges.isEmpty ? "" : " \(text(ports.ranges))"
        return protocols + ranges + (equivalent.rejects ? ", refused" : "")
    }
}
