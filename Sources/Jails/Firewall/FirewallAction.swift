import Bytes

/// Bans of one jail in the firewall.
package final class FirewallAction: BanAction {
    package let name: String
    private let jail: String
    private let firewall: Firewall
    private let registration: Int

    /// Make those of all jails before the first is started.
    package init(_ jail: JailSettings, _ firewall: Firewall) {
        self.jail = jail.name
        self.firewall = firewall
        name = "firewall/\(jail.name)"
        registration = firewall.register(jail.name, ports: jail.ports, rejects: jail.rejects)
    }

    package func start(restoring bans: [Ban], now: Double) throws(BanActionError) {
        try firewall.start(jail, ElementTable(bans, now: now), now: now)
        if let refused = bans.first(where: { ($0.target.network?.length ?? 0) == 0 }) {
            throw refusal(of: refused.target)
        }
    }

    package func apply(_ changes: [BanChange], now: Double) throws(BanActionError) {
        var last: [(IPNetwork, ElementTable.Deadline?)] = []
        var refused: [BanTarget] = []
        for change in changes {
            guard let network = change.ban.target.network, network.length > 0 else {
                if case .unban = change {} else { refused.append(change.ban.target) }
                continue
            }
            switch change {
            case .ban(let ban), .prolong(let ban):
                if ban.remaining(at: now) > 0 { last.append((network, ElementTable.deadline(ban.end))) }
            case .unban: last.append((network, nil))
            }
        }
        let count = try firewall.apply(last, of: jail, now: now)
        if let first = refused.first { throw refusal(of: first) }
        if count > 0 {
            throw BanActionError(
                "the firewall has room for \(firewall.settings.maximumBans) bans and is full: \(count) of jail \(jail) are not in it; ban networks instead of addresses, or for a shorter time"
            )
        }
    }

    /// What the kernel has goes on without the agent, and ends when its time-outs do.
    package func stop(isRemoved: Bool) {
        guard isRemoved else { return }
        do throws(BanActionError) { try firewall.remove(jail, registration) } catch {
            firewall.note("jail \(jail) is gone, its bans are still in the firewall: \(error)")
        }
    }

    /// Why the firewall cannot ban a text or everybody.
    func refusal(of target: BanTarget) -> BanActionError {
        BanActionError(
            target.network == nil
                ? "the firewall bans addresses and networks, and jail \(jail) has banned \"\(target)\"; give the jail an action that knows what to do with it"
                : "the firewall does not ban \(target), which is everybody")
    }
}
