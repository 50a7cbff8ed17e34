import Bytes

/// Networks and when each is no longer wanted, in little memory: 12 to 30 bytes for an IPv4 one.
struct ElementTable: Sendable, Equatable {
    /// Whole seconds since 1970; `forever` for what does not end.
    typealias Deadline = UInt32
    static let forever = Deadline.max

    /// By address and length.
    private var four: [UInt64: Deadline] = [:]
    private var six: [IPNetwork: Deadline] = [:]

    init() {}

    /// What holds of these bans at `now`; texts are left out.
    init(_ bans: [Ban], now: Double) {
        for ban in bans { add(ban, now: now) }
    }

    /// Adds a ban if it holds at `now`; false for a text or everybody.
    @discardableResult
    mutating func add(_ ban: Ban, now: Double) -> Bool {
        guard let network = ban.target.network, network.length > 0 else { return false }
        // Of two bans of one network the longer holds.
        if ban.remaining(at: now) > 0 { self[network] = max(self[network] ?? 0, Self.deadline(ban.end)) }
        return true
    }

    /// Rounded up, so that no ban ends early.
    static func deadline(_ end: Double) -> Deadline { Deadline(exactly: end.rounded(.up)) ?? (end < 0 ? 0 : forever) }

    /// What is left in milliseconds: 0 for ever, nil where it is over.
    static func milliseconds(_ deadline: Deadline, now: Double) -> UInt64? {
        if deadline == forever { return 0 }
        let left = (Double(deadline) - now) * 1000
        return left >= 1 ? UInt64(left) : nil
    }

    var count: Int { four.count + six.count }

    subscript(network: IPNetwork) -> Deadline? {
        get { network.isIPv4 ? four[Self.key(network)] : six[network] }
        set { if network.isIPv4 { four[Self.key(network)] = newValue } else { six[network] = newValue } }
    }

    func forEach<Failure: Error>(_ body: (IPNetwork, Deadline) throws(Failure) -> Void) throws(Failure) {
        for (key, deadline) in four {
            try body(IPNetwork(ipv4: UInt32(truncatingIfNeeded: key >> 8), length: Int(key & 0xff)), deadline)
        }
        for (network, deadline) in six { try body(network, deadline) }
    }

    /// Adds what the other has; where both have a network, the later end holds.
    mutating func formUnion(_ other: ElementTable) {
        // Neither becomes a copy where the other has nothing.
        if other.count == 0 { return }
        if count == 0 { return self = other }
        four.merge(other.four) { max($0, $1) }
        six.merge(other.six) { max($0, $1) }
    }

    private static func key(_ network: IPNetwork) -> UInt64 { network.low << 8 | UInt64(network.length) }
}
