import Bytes
import Glibc

/// The host's own addresses: those of its interfaces, looked at again after `lifetime`, and those of its name. Used by one thread.
package final class HostAddresses {
    private let interfaces: () -> [IPNetwork]
    private let name: String
    private let resolver: any NameResolving
    private var addresses: Set<IPNetwork> = []
    private var networks = NetworkSet()
    private var lookedAt: Double?

    /// Seconds.
    private static let lifetime = 10.0

    /// - Parameter name: the host's; empty for none.
    package init(
        interfaces: @escaping () -> [IPNetwork] = IPNetwork.ofInterfaces, name: String = systemName,
        resolver: any NameResolving
    ) {
        self.interfaces = interfaces
        self.name = name
        self.resolver = resolver
    }

    /// All that are known.
    package func all(now: Double) -> [IPNetwork] {
        refresh(now)
        return addresses.sorted()
    }

    func contains(_ address: IPNetwork, now: Double) -> Bool {
        refresh(now)
        return addresses.contains(address)
    }

    func overlaps(_ network: IPNetwork, now: Double) -> Bool {
        refresh(now)
        return networks.overlaps(network)
    }

    private func refresh(_ now: Double) {
        if let lookedAt, now >= lookedAt, now - lookedAt < Self.lifetime { return }
        lookedAt = now
        addresses = Set(interfaces())
        if !name.isEmpty, case .known(let found) = resolver.addresses(of: name, now: now) { addresses.formUnion(found) }
        networks = NetworkSet(Array(addresses))
    }

    /// gethostname(2)
    package static var systemName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
