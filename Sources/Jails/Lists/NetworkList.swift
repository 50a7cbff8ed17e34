import Bytes

/// Addresses and networks as few networks as they can be: sorted, none within another, halves of one network joined.
package struct NetworkList: Sendable, Equatable {
    package private(set) var networks: [IPNetwork] = []

    package init() {}

    /// O(n log n).
    package init(_ networks: [IPNetwork]) {
        for network in networks.sorted() {
            if let last = self.networks.last, last.contains(network) { continue }
            self.networks.append(network)
            joinLast()
        }
        self.networks = Array(self.networks)
    }

    private mutating func joinLast() {
        while networks.count > 1 {
            let (left, right) = (networks[networks.count - 2], networks[networks.count - 1])
            guard left.isIPv4 == right.isIPv4, left.length == right.length, left.length > 0 else { return }
            let parent = left.network(Int(left.length) - 1)
            guard right.network(Int(right.length) - 1) == parent else { return }
            networks.removeLast(2)
            networks.append(parent)
        }
    }

    package var count: Int { networks.count }
    package var isEmpty: Bool { networks.isEmpty }

    /// Whether all of an address or network is in one of these. O(log n).
    package func contains(_ network: IPNetwork) -> Bool { covering(network) != nil }

    /// The network of these in which another lies. O(log n).
    package func covering(_ network: IPNetwork) -> IPNetwork? {
        // None lies within another, so that the last one that begins no later is the only candidate.
        let next = place(behind: network)
        guard next > 0, networks[next - 1].contains(network) else { return nil }
        return networks[next - 1]
    }

    /// A network of these that has an address of another. O(log n).
    package func overlapping(_ network: IPNetwork) -> IPNetwork? {
        let next = place(behind: network)
        return networks[max(0, next - 1)..<min(next + 1, networks.count)].first {
            $0.contains(network) || network.contains($0)
        }
    }

    /// Of the first that begins later than another.
    private func place(behind network: IPNetwork) -> Int {
        var (low, high) = (0, networks.count)
        while low < high {
            let middle = (low + high) / 2
            if networks[middle].begins(after: network) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Without any address of `excluded`: what holds some of them is split around them. O(n × excluded).
    package func subtracting(_ excluded: [IPNetwork]) -> NetworkList {
        // Mostly there is nothing to do, and the memory is shared.
        let isTouched = networks.contains { network in
            excluded.contains { $0.contains(network) || network.contains($0) }
        }
        guard isTouched else { return self }
        var result: [IPNetwork] = []
        result.reserveCapacity(networks.count)
        for network in networks { Self.split(network, around: excluded, into: &result) }
        return NetworkList(result)
    }

    private static func split(_ network: IPNetwork, around excluded: [IPNetwork], into result: inout [IPNetwork]) {
        if excluded.contains(where: { $0.contains(network) }) { return }
        guard excluded.contains(where: { network.contains($0) }), let (left, right) = network.halves else {
            return result.append(network)
        }
        split(left, around: excluded, into: &result)
        split(right, around: excluded, into: &result)
    }
}

extension IPNetwork {
    fileprivate func begins(after other: IPNetwork) -> Bool {
        (isIPv4 ? 0 : 1, high, low) > (other.isIPv4 ? 0 : 1, other.high, other.low)
    }

    /// The two networks of which it consists; nil for an address.
    fileprivate var halves: (IPNetwork, IPNetwork)? {
        guard !isAddress else { return nil }
        let bits = Int(length) + 1
        if isIPv4 {
            let address = UInt32(truncatingIfNeeded: low)
            return (
                IPNetwork(ipv4: address, length: bits),
                IPNetwork(ipv4: address | 1 << UInt32(32 - bits), length: bits)
            )
        }
        let isHigh = bits <= 64
        return (
            IPNetwork(high: high, low: low, length: bits),
            IPNetwork(
                high: isHigh ? high | 1 << UInt64(64 - bits) : high, low: isHigh ? low : low | 1 << UInt64(128 - bits),
                length: bits)
        )
    }
}
