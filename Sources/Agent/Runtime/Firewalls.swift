import Bytes
import Jails
import Logging
import Synchronization
import Telemetry

/// The agent's firewall while jails enforce bans with it, with who watches over it and whom it must not keep out.
final class Firewalls: Sendable {
    private struct Running: Sendable {
        var section: FirewallSection
        var firewall: Firewall
        var stop: StopToken
        var monitor: WorkerThread
    }

    private let metrics: MetricRegistry
    private let readiness: Readiness
    private let logger: Logger
    private let running = Mutex<Running?>(nil)

    init(metrics: MetricRegistry, readiness: Readiness, logger: Logger) {
        self.metrics = metrics
        self.readiness = readiness
        self.logger = logger
    }

    /// One lane for all jails that enforce with the firewall; nil where none does.
    ///
    /// - Parameter hasLists: block lists are to be enforced, whatever jails do.
    func lane(
        _ jails: [JailSettings], _ section: FirewallSection, guarding: LockoutGuard, hasLists: Bool,
        holding: @escaping @Sendable ((Ban) -> Void) -> Void
    ) -> ActionLane? {
        guard !jails.isEmpty || hasLists else {
            block([:])
            clear()
            stop()
            return nil
        }
        if running.withLock({ $0?.section != section }) {
            // Nobody would look after a table of another name any more.
            if running.withLock({ $0.map { $0.section.table != section.table } ?? false }) {
                block([:])
                clear()
            }
            stop()
            start(section)
        }
        guard let firewall = running.withLock({ $0?.firewall }) else { return nil }
        allow(guarding)
        guard !jails.isEmpty else {
            clear()
            return nil
        }
        firewall.retain(Set(jails.map(\.name)))
        let action = JointFirewallAction(jails, firewall, holding: holding)
        return ActionLane(
            action, context: ActionContext(name: action.name), metrics: metrics, readiness: readiness, holding: { [] })
    }

    /// Lets pass whom nobody may keep out: who that is changes.
    func allow(_ guarding: LockoutGuard) {
        guard let firewall = running.withLock({ $0?.firewall }) else { return }
        do throws(BanActionError) { try firewall.allow(guarding.standing()) } catch {
            // Readiness shows it, and the lane tries again.
            logger.error("firewall: \(error)")
        }
    }

    /// Keeps out the networks of these lists, and of no others; lets those of others pass.
    func block(_ lists: [String: [IPNetwork]], allowing: [String: [IPNetwork]] = [:]) {
        guard let firewall = running.withLock({ $0?.firewall }) else { return }
        do throws(BanActionError) { try firewall.block(lists, allowing: allowing) } catch {
            // Readiness shows it, and the monitor tries again.
            logger.error("firewall: \(error)")
        }
    }

    private func start(_ section: FirewallSection) {
        var settings = Firewall.Settings()
        settings.table = section.table
        let firewall = Firewall(settings, metrics: metrics, readiness: readiness) { [logger] text in
            logger.warning("\(text)")
        }
        let stop = StopToken()
        let monitor = FirewallMonitor(firewall, stop: stop)
        let thread = WorkerThread(name: "firewall") { monitor.run() }
        running.withLock { $0 = Running(section: section, firewall: firewall, stop: stop, monitor: thread) }
    }

    /// No jail enforces any more.
    private func clear() {
        guard let firewall = running.withLock({ $0?.firewall }) else { return }
        do throws(BanActionError) { try firewall.clear() } catch {
            logger.error("no jail uses the firewall any more, and its bans may still be there: \(error)")
        }
    }

    /// Ends; bans stay in force.
    func stop() {
        let ended = running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let ended else { return }
        ended.stop.stop()
        ended.monitor.join()
        metrics.provide(Firewall.part, nil)
        readiness.remove(Firewall.part)
    }

    /// For explanations: whether the kernel keeps somebody out, by its own word.
    func enforcement(of target: BanTarget, jail: String) throws(BanActionError) -> Firewall.Enforcement? {
        guard let firewall = running.withLock({ $0?.firewall }) else { return nil }
        return try firewall.enforcement(of: target, jail: jail)
    }
}
