import Bytes

/// Which packets are concerned by bans, and what becomes of them. Jails with the same scope share a chain and sets.
struct FirewallScope: Hashable, Sendable {
    /// Of its chain, and the beginning of its sets' names; tells everything about the scope. `all` or `tcp` would be words of nft's
    /// language, and what it lists could not be loaded again.
    let name: String
    let verdict: Verdict
    /// IP protocols; none for every packet.
    let protocols: [UInt8]
    /// None for every port.
    let ranges: [ClosedRange<UInt16>]

    enum Verdict: String, Sendable { case accept, drop, reject }

    static let allowed = FirewallScope(name: "allowed", verdict: .accept, protocols: [], ranges: [])
    /// Of block lists: sets of their own, so that a jail's ban never has to look at a list's many networks.
    static let lists = FirewallScope(name: "lists", verdict: .drop, protocols: [], ranges: [])

    private init(name: String, verdict: Verdict, protocols: [UInt8], ranges: [ClosedRange<UInt16>]) {
        self.name = name
        self.verdict = verdict
        self.protocols = protocols
        self.ranges = ranges
    }

    init(ports: PortSelection?, rejects: Bool) {
        verdict = rejects ? .reject : .drop
        guard let ports else {
            (protocols, ranges, name) = ([], [], rejects ? "bans_reject" : "bans")
            return
        }
        // A selection of neither is one of both.
        let hasBoth = ports.isTCP == ports.isUDP
        protocols = hasBoth ? [6, 17] : ports.isTCP ? [6] : [17]
        ranges = Self.merged(ports.ranges)
        var name = hasBoth ? "bans_tcpudp" : ports.isTCP ? "bans_tcp" : "bans_udp"
        for range in ranges {
            name += range.count == 1 ? "_\(range.lowerBound)" : "_\(range.lowerBound)-\(range.upperBound)"
        }
        if name.utf8.count > 80 {
            name =
                "\(name.prefix(60))_\(String(name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, radix: 16))"
        }
        self.name = rejects ? name + "_reject" : name
    }

    private static func merged(_ ranges: [ClosedRange<UInt16>]) -> [ClosedRange<UInt16>] {
        var result: [ClosedRange<UInt16>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, Int(range.lowerBound) <= Int(last.upperBound) + 1 {
                result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }

    static func == (left: FirewallScope, right: FirewallScope) -> Bool { left.name == right.name }
    func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// A set of networks of one length: a hash table in the kernel that is asked with the source address, masked. Networks of different
/// lengths may so overlap, and adding one costs the same whatever else is banned; sets of intervals do neither.
struct FirewallSet: Hashable, Sendable {
    let name: String
    let scope: FirewallScope
    let isIPv4: Bool
    let length: UInt8

    init(_ scope: FirewallScope, isIPv4: Bool, length: UInt8) {
        self.scope = scope
        self.isIPv4 = isIPv4
        self.length = length
        name = "\(scope.name)_ip\(isIPv4 ? 4 : 6)_\(length)"
    }

    init(_ scope: FirewallScope, of network: IPNetwork) {
        self.init(scope, isIPv4: network.isIPv4, length: network.length)
    }

    /// Whether a network is of its kind.
    func holds(_ network: IPNetwork) -> Bool { network.isIPv4 == isIPv4 && network.length == length }

    /// nftables' numbers of the types `ipv4_addr` and `ipv6_addr`.
    var keyType: UInt32 { isIPv4 ? 7 : 8 }
    var keyLength: UInt32 { isIPv4 ? 4 : 16 }

    /// The mask as bytes of a packet; nil for whole addresses.
    var mask: [UInt8]? {
        let bytes = Int(keyLength)
        guard Int(length) < bytes * 8 else { return nil }
        return (0..<bytes).map { index in
            let bits = min(8, max(0, Int(length) - index * 8))
            return bits == 0 ? 0 : 0xff << UInt8(8 - bits)
        }
    }

    static func == (left: FirewallSet, right: FirewallSet) -> Bool { left.name == right.name }
    func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
