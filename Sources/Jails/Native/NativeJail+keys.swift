import Configuration

extension NativeJail {
    package static let configurationKeys =
        [
            ConfigurationKey("name", "string", "Unique among all jails: letters, digits, `-`, `_` and `.`."),
            ConfigurationKey("enabled", "bool", default: "true", "Whether it works at all."),
            ConfigurationKey(
                "logs", "selector or list of them",
                "Streams of the agent's own logs, as Loki selects them: `'{job=\"nginx\"}'`."),
            ConfigurationKey(
                "files", "path or list of paths", "Files to read for it; `*`, `?` and `[…]` stand for names."),
            ConfigurationKey(
                "journal", "match or list of matches",
                "Entries of the journal, as journalctl matches them; the items of a list are alternatives."),
            ConfigurationKey(
                "filter", "name or list of names",
                "What to look for, by the name of a filter that comes with the agent."),
        ] + NativeFilter.ownKeys + [
            ConfigurationKey("find_time", "duration", default: "10m", "The time within which failures add up."),
            ConfigurationKey("max_retry", "integer", default: "5", "So many failures within that time bring the ban."),
            ConfigurationKey(
                "max_score", "integer", default: "5", "The same as `max_retry`, for patterns with scores of their own."),
            ConfigurationKey(
                "ban_time", "duration or forever", default: "10m",
                "How long the first ban lasts, from the last failure."),
            ConfigurationKey(
                "ban_time_increment", "bool or mapping", default: "true",
                "How bans of the same address grow: see below."),
            ConfigurationKey("scope", "mapping", "How much is banned for one address: see below."),
            ConfigurationKey(
                "ignore_ips", "list of strings", default: "[]", "Addresses and networks that are never banned."),
            ConfigurationKey("ignore_self", "bool", default: "true", "Never ban the host's own addresses."),
            ConfigurationKey(
                "ports", "list of ports", "Ports that are closed: numbers, ranges (`8000-8100`), names; by default all."
            ),
            ConfigurationKey(
                "protocols", "list of tcp, udp", default: "[tcp]", "Protocols to which `ports` belong."),
            ConfigurationKey("reject", "bool", default: "false", "Answer with a refusal instead of dropping packets."),
            ConfigurationKey("actions", "list of names", default: "[firewall]", "What is done with its bans."),
            ConfigurationKey(
                "mode", "observe or enforce",
                "`observe` only tells who would have been banned; by default that of all jails."),
            ConfigurationKey(
                "alert", "bool or mapping of labels",
                "Whether its bans raise an alert, and with which labels; by default that of all jails."),
            ConfigurationKey(
                "silent_after", "duration",
                "An alert tells when it has read no line for so long, 0 for never; by default that of all jails, and never for "
                    + "a jail that reads the journal alone."),
        ]
}

extension BanScope: ConfigurationSection {
    package static let configurationKeys = [
        ConfigurationKey(
            "ipv4", "integer", default: "32", "Bits of the IPv4 network that counts and is banned as one."),
        ConfigurationKey(
            "ipv6", "integer", default: "64", "Bits of the IPv6 network that counts and is banned as one."),
        ConfigurationKey(
            "promote_at", "integer", default: "0",
            "The network around (/24, /48) is banned when so many of it are; 0 for never."),
    ]

    package init(_ reader: MappingReader) {
        self.init(
            ipv4Bits: reader.int("ipv4", in: 8...32) ?? 32, ipv6Bits: reader.int("ipv6", in: 16...128) ?? 64,
            promotesAt: reader.int("promote_at", in: 0...65_536) ?? 0)
        if promotesAt == 1 {
            reader.report("promote_at: expected 0 for never, or at least 2 members, found 1", at: "promote_at")
        }
        reader.finish()
    }
}

extension BanTimeIncrement: ConfigurationSection {
    package static let configurationKeys = [
        ConfigurationKey("factor", "number", default: "1", "By which the grown ban time is multiplied."),
        ConfigurationKey("maximum", "duration", default: "7d", "How long a ban may last."),
        ConfigurationKey(
            "multipliers", "list of numbers", default: "[]",
            "Of the ban time, ban by ban, the last for all that follow; instead of doubling."),
        ConfigurationKey("random", "duration", default: "0s", "Up to so much is added at random."),
        ConfigurationKey("all_jails", "bool", default: "false", "Bans by all jails count, not by this one alone."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        isEnabled = true
        factor = reader.double("factor", in: 0.001...1_000_000) ?? factor
        maximum = reader.duration("maximum", in: 1...100 * 365 * 86_400) ?? 7 * 86_400
        multipliers = reader.value("multipliers")?.items()?.compactMap { $0.double(in: 0.001...1_000_000_000) } ?? []
        random = reader.duration("random", in: 0...365 * 86_400) ?? random
        countsAllJails = reader.bool("all_jails") ?? countsAllJails
        reader.finish()
    }
}

extension PortSelection {
    private enum Transport: String, CaseIterable { case tcp, udp }

    /// `ports` and `protocols`; nil for everything.
    static func read(_ reader: MappingReader) -> PortSelection? {
        let transports = reader.value("protocols")?.items()?.compactMap { $0.choice(Transport.self) }
        if let transports, transports.isEmpty { reader.report("protocols: expected tcp, udp or both", at: "protocols") }
        var ranges: [ClosedRange<UInt16>] = []
        for item in reader.value("ports")?.items() ?? [] {
            guard let text = item.string() else { continue }
            do {
                ranges.append(try range(text))
            } catch {
                item.report(error.message)
            }
        }
        guard reader.has("ports") || transports != nil else { return nil }
        return PortSelection(
            ranges: ranges, isTCP: transports?.contains(.tcp) ?? true, isUDP: transports?.contains(.udp) ?? false)
    }
}
