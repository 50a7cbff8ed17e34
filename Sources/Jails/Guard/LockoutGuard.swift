import Bytes
import Synchronization
import Telemetry

/// Knows whom a ban must not hit: the host itself, what it cannot do without, and who administers it. Asked before a ban is made;
/// safe from any thread. Who has logged in is known at once; all else that it knows is a tenth of a second old where looking costs little, else
/// at most five seconds.
package final class LockoutGuard: Sendable {
    package struct Settings: Sendable {
        /// Local TCP ports that administrators come in by; with none, the session alone counts.
        package var adminPorts: Set<UInt16> = [22]
        package var protectsAdministrators = true
        /// As configured: `ignoreip`, networks of the operator.
        package var allowed: [IPNetwork] = []
        /// Networks with fewer bits are never banned.
        package var fewestIPv4Bits = 8
        package var fewestIPv6Bits = 16
        package init() {}
    }

    /// Why somebody is not banned.
    package enum Refusal: Sendable, Equatable, CustomStringConvertible {
        /// So many bits at least are wanted.
        case tooWide(Int)
        case loopback
        case own(IPNetwork)
        case gateway(IPNetwork)
        case resolver(IPNetwork)
        case administrator(IPNetwork)
        case allowed(IPNetwork)
        /// By a list, with its name.
        case listed(IPNetwork, String)

        package var description: String {
            switch self {
            case .tooWide(let bits): "it is wider than a network of \(bits) bits, which is the widest that is banned"
            case .loopback: "it is the host's loopback"
            case .own(let address): "\(address) is an address of this host"
            case .gateway(let address): "\(address) is a default gateway of this host"
            case .resolver(let address): "\(address) is a name server of this host"
            case .administrator(let address): "somebody is logged in from \(address) by an administrators' port"
            case .allowed(let network): "\(network) is allowed by configuration"
            case .listed(let network, let list): "\(network) is allowed by the list \(list)"
            }
        }

        /// For a metric's label.
        package var reason: String {
            switch self {
            case .tooWide: "too_wide"
            case .loopback: "loopback"
            case .own: "own"
            case .gateway: "gateway"
            case .resolver: "resolver"
            case .administrator: "administrator"
            case .allowed, .listed: "allowed"
            }
        }
    }

    private struct Snapshot {
        var own: [IPNetwork] = []
        var gateways: [IPNetwork] = []
        var resolvers: [IPNetwork] = []
        var administrators: [IPNetwork] = []
        var taken: Timestamp?
        var logins = LoginSessions.Stamp()
        /// Seconds that it is good for, unless somebody logs in or out.
        var lifetime = 0.0
    }

    private let settings: Settings
    /// Whom lists allow.
    package let listed: AllowedNetworks
    private let root: String
    private let ownAddresses: @Sendable () -> [IPNetwork]
    private let snapshot = Mutex(Snapshot())

    /// Seconds.
    private static let ages = 0.1...5
    /// So much of a thread's time goes into looking at most.
    private static let share = 0.02

    /// - Parameters:
    ///   - root: before `/proc`, `/run` and `/etc`.
    ///   - ownAddresses: those of the host's interfaces.
    package init(
        _ settings: Settings, listed: AllowedNetworks = AllowedNetworks(), root: String = "",
        ownAddresses: @escaping @Sendable () -> [IPNetwork] = { HostNetwork.ownAddresses() }
    ) {
        self.settings = settings
        self.listed = listed
        self.root = root
        self.ownAddresses = ownAddresses
    }

    /// Why `target` must not be banned; nil where it may be. A network is refused for one protected address in it: the address that
    /// failed may be banned alone then. Texts are never refused.
    package func refusal(of target: BanTarget, now: Timestamp = .monotonic) -> Refusal? {
        guard let network = target.network else { return nil }
        let fewest = network.isIPv4 ? settings.fewestIPv4Bits : settings.fewestIPv6Bits
        if network.length < fewest || network.isUnspecified { return .tooWide(fewest) }
        if network.isLoopback { return .loopback }
        if let hit = Self.first(settings.allowed, network) { return .allowed(hit) }
        if let hit = listed.overlapping(network) { return .listed(hit.network, hit.list) }
        let known = current(now)
        if let hit = Self.first(known.own, network) { return .own(hit) }
        if let hit = Self.first(known.gateways, network) { return .gateway(hit) }
        if let hit = Self.first(known.resolvers, network) { return .resolver(hit) }
        if let hit = Self.first(known.administrators, network) { return .administrator(hit) }
        return nil
    }

    /// What a firewall lets pass whatever is banned, beside lists: who is allowed, and the host's own addresses, gateways and name servers. They
    /// change; ask again now and then.
    package func standing(now: Timestamp = .monotonic) -> [IPNetwork] {
        let known = current(now)
        return Set(settings.allowed + known.own + known.gateways + known.resolvers).sorted()
    }

    /// Whom a block list must not hit: those of `standing`, and administrators who are logged in.
    package func protected(now: Timestamp = .monotonic) -> [IPNetwork] {
        standing(now: now) + current(now).administrators
    }

    private func current(_ now: Timestamp) -> Snapshot {
        snapshot.withLock { known in
            // Connections come before logins, so that whoever has logged in since is known by a change of those.
            let isOld =
                known.taken.map { now.seconds(since: $0) > known.lifetime } ?? true
                || settings.protectsAdministrators && known.logins != LoginSessions.stamp(root: root)
            if isOld { known = look(now) }
            return known
        }
    }

    private static func first(_ protected: [IPNetwork], _ network: IPNetwork) -> IPNetwork? {
        protected.first { $0.contains(network) || network.contains($0) }
    }

    private func look(_ now: Timestamp) -> Snapshot {
        let start = Timestamp.monotonic
        // Before the look: who logs in meanwhile is looked for again.
        let logins = settings.protectsAdministrators ? LoginSessions.stamp(root: root) : LoginSessions.Stamp()
        var known = Snapshot(
            own: ownAddresses(), gateways: HostNetwork.gateways(root: root),
            resolvers: HostNetwork.resolvers(root: root),
            administrators: settings.protectsAdministrators
                ? LoginSessions.administrators(root: root, ports: settings.adminPorts) : [],
            taken: now, logins: logins)
        let cost = Timestamp.monotonic.seconds(since: start)
        known.lifetime = min(max(cost / Self.share, Self.ages.lowerBound), Self.ages.upperBound)
        return known
    }
}
