import Bytes

/// Who is banned: an address or a network, or a text that a filter's `<F-ID>` took (a user, a session).
package enum BanTarget: Hashable, Sendable, CustomStringConvertible {
    case network(IPNetwork)
    case text(String)

    /// An address or network where `text` is one.
    package init(_ text: String) {
        self = IPNetwork(text).map { .network($0) } ?? .text(text)
    }

    package var network: IPNetwork? { if case .network(let network) = self { network } else { nil } }

    package var description: String {
        switch self {
        case .network(let network): network.description
        case .text(let text): text
        }
    }
}

extension BanTarget: Comparable {
    /// Networks first, by address.
    package static func < (left: BanTarget, right: BanTarget) -> Bool {
        switch (left, right) {
        case (.network(let left), .network(let right)): left < right
        case (.text(let left), .text(let right)): left < right
        case (.network, .text): true
        case (.text, .network): false
        }
    }
}

/// One ban of one jail.
package struct Ban: Sendable, Equatable {
    package var jail: String
    package var target: BanTarget
    /// Of the last failure, as its log has it; the ban counts from there. Seconds since 1970.
    package var time: Double
    /// Seconds; negative for ever.
    package var duration: Double
    /// How many times it has been banned in this jail, this time among them.
    package var count = 1
    /// Failures that led to it.
    package var failures = 0
    /// The lines that led to it, as far as they are kept.
    package var matches: [String] = []
    /// What the last failure's pattern took, by the group's name in lower case without `F-`: `user`, `ip4`, `fport`.
    package var groups: [String: String] = [:]
    package var origin = Origin.failures
    /// It was banned before this start of the agent.
    package var isRestored = false

    package enum Origin: Sendable, Hashable {
        case failures
        /// By a person, with what they said about it.
        case manual(String)
        /// From a list, by its name.
        case list(String)
        /// From another host, by its name.
        case peer(String)
    }

    package init(jail: String, target: BanTarget, time: Double, duration: Double) {
        self.jail = jail
        self.target = target
        self.time = time
        self.duration = duration
    }

    /// Seconds since 1970; infinite where it is for ever.
    package var end: Double { duration < 0 ? .infinity : time + duration }

    /// Seconds that are left; infinite where it is for ever.
    package func remaining(at now: Double) -> Double { end - now }
}
