import Bytes

/// Many networks, asked whether one of them has an address: their ranges, joined and in order. O(log n) to ask, 32 bytes a range.
struct NetworkSet: Equatable, Sendable {
    private var ipv4: [ClosedRange<UInt128>] = []
    private var ipv6: [ClosedRange<UInt128>] = []

    init(_ networks: [IPNetwork] = []) {
        ipv4 = Self.joined(networks.filter(\.isIPv4))
        ipv6 = Self.joined(networks.filter { !$0.isIPv4 })
    }

    var isEmpty: Bool { ipv4.isEmpty && ipv6.isEmpty }

    /// The whole of it lies in the set.
    func contains(_ network: IPNetwork) -> Bool {
        let bounds = network.bounds
        return range(near: bounds, network.isIPv4).map {
            $0.contains(bounds.upperBound) && $0.contains(bounds.lowerBound)
        }
            ?? false
    }

    /// At least one address of it lies in the set.
    func overlaps(_ network: IPNetwork) -> Bool {
        let bounds = network.bounds
        return range(near: bounds, network.isIPv4).map { $0.overlaps(bounds) } ?? false
    }

    /// The first range that ends at or after the beginning of another.
    private func range(near bounds: ClosedRange<UInt128>, _ isIPv4: Bool) -> ClosedRange<UInt128>? {
        let ranges = isIPv4 ? ipv4 : ipv6
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < bounds.lowerBound { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count ? ranges[low] : nil
    }

    private static func joined(_ networks: [IPNetwork]) -> [ClosedRange<UInt128>] {
        var ranges: [ClosedRange<UInt128>] = []
        for bounds in networks.map(\.bounds).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = ranges.last, last.upperBound == .max || bounds.lowerBound <= last.upperBound + 1 {
                ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, bounds.upperBound)
            } else {
                ranges.append(bounds)
            }
        }
        return ranges
    }
}
