/// Bans of several jails in the firewall, so that they need one thread and are restored in one transaction.
package final class JointFirewallAction: BanAction {
    package let name = "firewall"
    private let firewall: Firewall
    private let actions: [String: FirewallAction]
    private let holding: @Sendable ((Ban) -> Void) -> Void

    /// - Parameter holding: hands out all bans that hold, one by one: there may be a million, which would not be had twice. Those of
    ///   other jails are passed over.
    package init(
        _ jails: [JailSettings], _ firewall: Firewall, holding: @escaping @Sendable ((Ban) -> Void) -> Void
    ) {
        self.firewall = firewall
        self.holding = holding
        var actions: [String: FirewallAction] = [:]
        for jail in jails { actions[jail.name] = FirewallAction(jail, firewall) }
        self.actions = actions
    }

    /// Asks for the bans itself, so `bans` may be empty.
    package func start(restoring bans: [Ban], now: Double) throws(BanActionError) {
        var tables = actions.mapValues { _ in ElementTable() }
        var refused: Ban?
        func take(_ ban: Ban) { if tables[ban.jail]?.add(ban, now: now) == false { refused = ban } }
        bans.forEach(take)
        holding(take)
        try firewall.restore(tables, now: now)
        if let refused, let action = actions[refused.jail] { throw action.refusal(of: refused.target) }
    }

    package func apply(_ changes: [BanChange], now: Double) throws(BanActionError) {
        var problem: BanActionError?
        for (jail, ofJail) in Dictionary(grouping: changes, by: \.ban.jail) {
            do throws(BanActionError) {
                try actions[jail]?.apply(ofJail, now: now)
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
    }

    package func stop(isRemoved: Bool) {
        for action in actions.values { action.stop(isRemoved: isRemoved) }
    }
}
