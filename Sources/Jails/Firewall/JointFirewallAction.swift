/// Bans of several jails in the firewall, so that they need one thread and are restored in one transaction.
package final class JointFirewallAction: BanAction {
    package let name = "firewall"
    private let firewall: Firewall
    private let actions: [String: FirewallAction]

    package init(_ jails: [JailSettings], _ firewall: Firewall) {
        self.firewall = firewall
        var actions: [String: FirewallAction] = [:]
        for jail in jails { actions[jail.name] = FirewallAction(jail, firewall) }
        self.actions = actions
    }

    package func start(restoring bans: [Ban], now: Double) throws(BanActionError) {
        let byJail = Dictionary(grouping: bans, by: \.jail)
        try firewall.restore(byJail, now: now)
        // What the firewall cannot ban is told by the jail's own.
        for (jail, action) in actions { try action.start(restoring: byJail[jail] ?? [], now: now) }
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
