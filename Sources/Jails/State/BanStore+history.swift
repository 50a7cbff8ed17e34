import Bytes

extension BanStore {
    /// The newest events that are asked for, oldest first. Reads files: not for a hot path.
    package func events(_ query: BanEventQuery) throws(SystemError) -> [BanEvent] {
        try Self.events(in: directory.path, query)
    }

    /// As `events`, for whoever has only the directory.
    package static func events(in directory: String, _ query: BanEventQuery) throws(SystemError) -> [BanEvent] {
        var found: [BanEvent] = []
        let limit = max(query.limit, 0)
        try BanEventLog.read(StoreDirectory(path: directory)) { event in
            guard query.matches(event) else { return true }
            found.append(event)
            if found.count >= 2 * limit + 64 { found.removeFirst(found.count - limit) }
            return true
        }
        return Array(found.suffix(limit))
    }

    package struct NetworkCount: Sendable, Equatable {
        package var network: IPNetwork
        package var bans: Int
    }

    /// The networks of which most bans came, the most first: those of `ipv4Bits` or `ipv6Bits` in which banned ones lie. Of more
    /// than 50,000 networks those that came once are passed over now and then.
    package static func topNetworks(
        in directory: String, _ query: BanEventQuery, ipv4Bits: Int = 24, ipv6Bits: Int = 48
    ) throws(SystemError) -> [NetworkCount] {
        var counts: [IPNetwork: Int] = [:]
        var query = query
        query.kinds = [.banned]
        try BanEventLog.read(StoreDirectory(path: directory)) { event in
            guard query.matches(event), let banned = event.ban.target.network else { return true }
            counts[banned.network(banned.isIPv4 ? ipv4Bits : ipv6Bits), default: 0] += 1
            if counts.count > 50_000 {
                let least = counts.values.min() ?? 0
                counts = counts.filter { $0.value > least }
            }
            return true
        }
        return counts.map { NetworkCount(network: $0.key, bans: $0.value) }
            .sorted { ($1.bans, $0.network) < ($0.bans, $1.network) }.prefix(max(query.limit, 0)).map { $0 }
    }
}
