import Bytes
import Synchronization

/// Decides which bans of other hosts are done here, and hands them on with the origin `.peer`. Safe from any thread.
package final class SharedBans: Sendable {
    /// Targets at most that some have banned and that are not done yet; at the bound the half goes that ends first.
    private static let mostVotes = 20_000
    /// Bits of the widest networks that another host can have banned here.
    private static let widest = (ipv4: 16, ipv6: 32)

    private struct Vote {
        var weight: Double
        var end: Double
    }

    private struct State {
        /// By target, then by host.
        var votes: [BanTarget: [String: Vote]] = [:]
        var numbers = Numbers()
    }

    package struct Numbers: Sendable, Equatable {
        package var received = 0
        package var enforced = 0
        /// They were over, too wide, exempt, or of a jail that does not count.
        package var passedOver = 0
        package var waiting = 0
    }

    private let trust: [String: PeerTrust]
    private let others: PeerTrust?
    private let threshold: Double
    private let exempt: @Sendable () -> [IPNetwork]
    private let emit: @Sendable ([BanChange]) -> Bool
    private let state = Mutex(State())

    /// - Parameters:
    ///   - trust: by a host's name.
    ///   - others: for hosts that `trust` does not name; nil for none.
    ///   - threshold: sum of weights at which a ban is done.
    ///   - exempt: own addresses and whoever is never banned.
    ///   - emit: gets bans to do, and those to lift: a ban of this host's own, or of another peer, for the same target is to stay.
    ///     When it returns true, they are known to whoever keeps them; false where nobody keeps them.
    package init(
        trust: [String: PeerTrust], others: PeerTrust?, threshold: Double,
        exempt: @escaping @Sendable () -> [IPNetwork],
        emit: @escaping @Sendable ([BanChange]) -> Bool
    ) {
        self.trust = trust
        self.others = others
        self.threshold = threshold
        self.exempt = exempt
        self.emit = emit
    }

    /// Whether there are hosts whose bans are not enough alone.
    package var keepsVotes: Bool { (trust.values + [others].compactMap { $0 }).contains { $0.weight < threshold } }

    package var numbers: Numbers {
        state.withLock { state in
            var numbers = state.numbers
            numbers.waiting = state.votes.count
            return numbers
        }
    }

    /// What a host that has proved its name has said.
    ///
    /// - Returns: whether what follows from it is kept, so that it need not be said again.
    @discardableResult
    package func receive(_ bans: [SharedBan], from host: String, now: Double) -> Bool {
        guard !bans.isEmpty else { return true }
        let trust = trust[host] ?? others
        let excluded = BlockList.neverBlocked + exempt()
        let changes = state.withLock { state in
            var changes: [BanChange] = []
            for shared in bans {
                state.numbers.received += 1
                if let trust, trust.jails.isEmpty || trust.jails.contains(shared.ban.jail),
                    Self.isAllowed(shared.ban.target, excluded), shared.isLifted || shared.ban.end > now
                {
                    if let change = weigh(shared, host, trust, now: now, &state) { changes.append(change) }
                } else {
                    state.numbers.passedOver += 1
                }
            }
            return changes
        }
        return changes.isEmpty || emit(changes)
    }

    private static func isAllowed(_ target: BanTarget, _ excluded: [IPNetwork]) -> Bool {
        guard let network = target.network else { return true }
        return network.length >= (network.isIPv4 ? widest.ipv4 : widest.ipv6)
            && !excluded.contains { $0.contains(network) || network.contains($0) }
    }

    private func weigh(
        _ shared: SharedBan, _ host: String, _ trust: PeerTrust, now: Double, _ state: inout State
    ) -> BanChange? {
        var ban = shared.ban
        // A clock that is ahead makes no ban longer.
        ban.time = min(ban.time, now)
        ban.duration = min(shared.ban.end, now + trust.maxDuration) - ban.time
        ban.origin = .peer(host)
        if shared.isLifted {
            state.votes[ban.target]?[host] = nil
            if state.votes[ban.target]?.isEmpty == true { state.votes[ban.target] = nil }
            return trust.weight >= threshold ? .unban(ban) : nil
        }
        if trust.weight < threshold {
            var votes = (state.votes[ban.target] ?? [:]).filter { $0.value.end > now }
            votes[host] = Vote(weight: trust.weight, end: ban.end)
            guard votes.values.reduce(0, { $0 + $1.weight }) >= threshold else {
                if state.votes.count >= Self.mostVotes { Self.dropHalf(&state.votes) }
                state.votes[ban.target] = votes
                return nil
            }
            state.votes[ban.target] = votes
            ban.origin = .peer(votes.keys.sorted().joined(separator: ", "))
        }
        state.numbers.enforced += 1
        return .ban(ban)
    }

    private static func dropHalf(_ votes: inout [BanTarget: [String: Vote]]) {
        let byEnd = votes.map { (target: $0.key, end: $0.value.values.map(\.end).max() ?? 0) }.sorted {
            $0.end < $1.end
        }
        for (target, _) in byEnd.prefix(byEnd.count / 2) { votes[target] = nil }
    }
}
