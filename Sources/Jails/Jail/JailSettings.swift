/// What a jail of either kind, fail2ban's or a native one, comes down to; its filter and its logs apart.
package struct JailSettings: Sendable, Equatable {
    package var name: String
    package var maximumRetries = 5
    /// Seconds.
    package var findTime = 600.0
    /// Seconds; negative for ever.
    package var banTime = 600.0
    /// Lines that are kept with a ticket.
    package var maximumMatches = 5
    package var increment = BanTimeIncrement()
    package var ignoring = IgnoreSettings()
    package var scope = BanScope()
    package var usesDNS = NameUse.warn
    /// Only tells who would have been banned.
    package var isObserving = false
    /// Which packets the firewall drops; nil for all.
    package var ports: PortSelection?
    /// Refuses with an answer instead of dropping.
    package var rejects = false

    package init(name: String) { self.name = name }

    /// What is done with a host's name where a filter takes one instead of an address.
    package enum NameUse: Sendable, Equatable {
        /// Resolved; each of its addresses has failed.
        case resolve
        /// The same, and it is logged once in a while that this trusts the DNS.
        case warn
        case ignore
        /// The text itself is who failed, whatever it is.
        case raw
    }
}

/// How much is banned for a failure of one address.
package struct BanScope: Sendable, Equatable {
    /// Bits of the network that counts and is banned as one.
    package var ipv4Bits = 32
    package var ipv6Bits = 128
    /// The network (/24, /48) is banned when so many of its members are; 0 for never.
    package var promotesAt = 0

    package init(ipv4Bits: Int = 32, ipv6Bits: Int = 128, promotesAt: Int = 0) {
        self.ipv4Bits = ipv4Bits
        self.ipv6Bits = ipv6Bits
        self.promotesAt = promotesAt
    }
}

/// `bantime.increment` and its like, as fail2ban's jail.conf(5) has them.
package struct BanTimeIncrement: Sendable, Equatable {
    package var isEnabled = false
    package var factor = 1.0
    /// In place of doubling; an expression over `ban.Time`, `ban.Count`, `banFactor`.
    package var formula: String?
    package var multipliers: [Double] = []
    /// Seconds; nil for no limit.
    package var maximum: Double?
    /// At most so many seconds are added at random.
    package var random = 0.0
    /// Bans of all jails count, not of this one alone.
    package var countsAllJails = false

    package init() {}
}

/// Who is never banned.
package struct IgnoreSettings: Sendable, Equatable {
    /// The host's own addresses.
    package var ignoresSelf = true
    /// Addresses, networks, names of hosts, `file:/path`, texts.
    package var entries: [String] = []
    /// A shell command that ends with 0 where the address is to be ignored; `<ip>` and its like are filled in.
    package var command: String?
    /// `key="<ip>", max-count=100, max-time=5m`
    package var cache: String?

    package init() {}
}

/// Ports and protocols that a jail's bans close.
package struct PortSelection: Sendable, Hashable {
    /// Ranges of ports; none for every port of the protocols.
    package var ranges: [ClosedRange<UInt16>]
    package var isTCP: Bool
    package var isUDP: Bool

    package init(ranges: [ClosedRange<UInt16>], isTCP: Bool = true, isUDP: Bool = false) {
        self.ranges = ranges
        self.isTCP = isTCP
        self.isUDP = isUDP
    }
}
