import Bytes
import Synchronization
import Telemetry

/// The agent's part of the kernel's packet filter: one table of nf_tables with sets of banned networks, whose time-outs the kernel keeps
/// by itself. Jails use it through `FirewallAction`. Safe from any thread; calls block for as long as the kernel takes, which is
/// under a millisecond for a few bans and some tenths of a second for 100,000.
///
/// Packets are dropped in prerouting before connections are tracked: for the host and for what it forwards to containers, at
/// the port they were sent to, whether their connection is new or not.
package final class Firewall: Sendable {
    package struct Settings: Sendable {
        /// Of the table, of the family inet. Nobody else may use it.
        package var table = "tocsin"
        /// Of the hook: after fragments are put together (-400), before connections are tracked (-200).
        package var priority: Int32 = -310
        /// Networks that all jails together may have in it.
        package var maximumBans = 1_000_000
        /// Each banned network counts what it has stopped, not only each set: 16 bytes for each processor and network, and a
        /// start with many takes half as long again.
        package var countsElements = false
        package init() {}
    }

    package static let part = "firewall"

    let settings: Settings
    private let core: Mutex<FirewallCore>
    private let readiness: Readiness
    private let clock: @Sendable () -> Double
    let note: @Sendable (String) -> Void
    private let registrations = Atomic<Int>(0)
    private let restores: Counter
    private let errors: Counter

    /// - Parameters:
    ///   - clock: seconds since 1970.
    ///   - note: takes a sentence for the log.
    package init(
        _ settings: Settings, metrics: MetricRegistry, readiness: Readiness,
        clock: @escaping @Sendable () -> Double = { Timestamp.now.secondsSince1970 },
        note: @escaping @Sendable (String) -> Void
    ) {
        self.settings = settings
        core = Mutex(FirewallCore(settings))
        self.readiness = readiness
        self.clock = clock
        self.note = note
        restores = metrics.counter(
            "f2b_firewall_restores_total", help: "Times the firewall's table was restored after others had changed it.")
        errors = metrics.counter("f2b_firewall_errors_total", help: "Changes that the kernel did not take.")
        metrics.provide(Self.part) { [weak self] in self?.families() ?? [] }
    }

    /// Tells of a jail before any is started, so that none's bans are taken for superfluous before it has told of them. One of the same
    /// name is replaced; where it had the same scope, its bans stay until the new one tells of its own.
    /// - Returns: a number to take it away with.
    func register(_ jail: String, ports: PortSelection?, rejects: Bool) -> Int {
        core.withLock { core in
            registrations.wrappingAdd(1, ordering: .relaxed)
            let number = registrations.load(ordering: .relaxed)
            let scope = FirewallScope(ports: ports, rejects: rejects)
            var holder = FirewallCore.Holder(scope: scope, registration: number)
            if let before = core.holders[jail], before.scope == scope { holder.table = before.table }
            core.holders[jail] = holder
            core.doubt()
            return number
        }
    }

    /// All bans that hold, of all registered jails, in one transaction: those of each jail's `FirewallAction.start` that follows make
    /// no difference then.
    func restore(_ tables: [String: ElementTable], now: Double) throws(BanActionError) {
        try perform { core throws(NetfilterError) in
            for (jail, holder) in core.holders where holder.isJail {
                core.holders[jail]?.table = tables[jail] ?? ElementTable()
                core.holders[jail]?.isStarted = true
            }
            try core.reconcile(now: now)
        }
    }

    /// No jail uses it any more: what they have in the kernel goes.
    package func clear() throws(BanActionError) {
        retain([])
        try restore([:], now: clock())
    }

    /// Who is never dropped, whatever is banned: all of it, in place of what was said before.
    package func allow(_ networks: [IPNetwork]) throws(BanActionError) {
        let now = clock()
        try perform { core throws(NetfilterError) in
            var table = ElementTable()
            for network in networks where network.length > 0 { table[network] = ElementTable.forever }
            guard core.holders[FirewallCore.allowed]?.table != table else { return }
            core.holders[FirewallCore.allowed]?.table = table
            // Without a jail there is no table yet, and with the first it comes complete.
            if core.hasBegun { try core.reconcile(now: now) }
        }
    }

    /// Whether the kernel has this ban of the jail now, by its own word; what it has stopped so far.
    package func enforcement(of target: BanTarget, jail: String) throws(BanActionError) -> Enforcement? {
        guard let network = target.network else { return nil }
        return try perform { core throws(NetfilterError) in
            guard let scope = core.holders[jail]?.scope else { return nil }
            let set = FirewallSet(scope, of: network)
            return try core.socket().element(network, of: set, settings.table).map {
                Enforcement(remaining: $0.remaining.map { Double($0) / 1000 }, packets: $0.packets, bytes: $0.bytes)
            }
        }
    }

    package struct Enforcement: Sendable, Equatable {
        /// Seconds; nil for ever.
        package var remaining: Double?
        /// Of packets that were stopped since it was last set, where elements are counted.
        package var packets: UInt64
        package var bytes: UInt64
    }

    package func isEnforced(_ target: BanTarget, jail: String) throws(BanActionError) -> Bool {
        try enforcement(of: target, jail: jail) != nil
    }

    // MARK: What FirewallAction and FirewallMonitor do with it

    func start(_ jail: String, _ table: ElementTable, now: Double) throws(BanActionError) {
        try perform { core throws(NetfilterError) in
            guard let holder = core.holders[jail] else { return }
            core.holders[jail]?.table = table
            core.holders[jail]?.isStarted = true
            if !holder.isStarted || !core.isInStep || holder.table != table { try core.reconcile(now: now) }
        }
    }

    /// - Returns: what could not be taken for want of room.
    func apply(_ changes: [(IPNetwork, ElementTable.Deadline?)], of jail: String, now: Double) throws(BanActionError)
        -> Int
    {
        try perform { core throws(NetfilterError) in
            guard core.holders[jail] != nil else { return 0 }
            var room = settings.maximumBans - core.holders.values.reduce(0) { $0 + ($1.isJail ? $1.table.count : 0) }
            var (touched, refused): (Set<IPNetwork>, Int) = ([], 0)
            for (network, deadline) in changes {
                let before = core.holders[jail]?.table[network]
                if deadline != nil, before == nil, room <= 0 {
                    refused += 1
                    continue
                }
                room += (deadline == nil ? 0 : -1) + (before == nil ? 0 : 1)
                core.holders[jail]?.table[network] = deadline
                // What the kernel has ended by itself is not worth a message.
                if deadline != nil || Double(before ?? 0) > now { touched.insert(network) }
            }
            if !touched.isEmpty || !core.isInStep { try core.update(Array(touched), of: jail, now: now) }
            return refused
        }
    }

    /// Takes a jail's elements away, unless another of its name has come.
    func remove(_ jail: String, _ registration: Int) throws(BanActionError) {
        let now = clock()
        try perform { core throws(NetfilterError) in
            guard core.holders[jail]?.registration == registration else { return }
            core.holders[jail] = nil
            try core.reconcile(now: now)
        }
    }

    /// Forgets all jails but these; what others have in the kernel goes with the next `restore`.
    package func retain(_ jails: Set<String>) {
        core.withLock { core in
            for (jail, holder) in core.holders where holder.isJail && !jails.contains(jail) {
                core.holders[jail] = nil
            }
            core.doubt()
        }
    }

    /// Keeps out all networks of block lists, in place of what was said of them before; lists that are not among these go. In force on
    /// every port, behind who is allowed.
    ///
    /// - Parameter allowing: lists of who is allowed.
    package func block(_ lists: [String: [IPNetwork]], allowing: [String: [IPNetwork]] = [:]) throws(BanActionError) {
        let now = clock()
        var wanted: [String: [IPNetwork]] = [:]
        for (name, networks) in lists { wanted[FirewallCore.list + name] = networks }
        for (name, networks) in allowing { wanted[FirewallCore.allowList + name] = networks }
        try perform { core throws(NetfilterError) in
            var isChanged = false
            for (key, holder) in core.holders where !holder.isJail && key != FirewallCore.allowed && wanted[key] == nil
            {
                core.holders[key] = nil
                isChanged = true
            }
            for (key, networks) in wanted {
                var table = ElementTable()
                for network in networks where network.length > 0 { table[network] = ElementTable.forever }
                if core.holders[key]?.table == table { continue }
                core.holders[key] = FirewallCore.Holder(
                    scope: key.hasPrefix(FirewallCore.list) ? .lists : .allowed, table: table, isStarted: true)
                isChanged = true
            }
            guard isChanged else { return }
            // A jail that is about to begin brings its bans and these lists in one.
            if core.holders.values.allSatisfy(\.isStarted) { try core.reconcile(now: now) } else { core.doubt() }
        }
    }

    /// The port of the socket by which the kernel is changed.
    func port() throws(BanActionError) -> UInt32 {
        try perform { core throws(NetfilterError) in try core.socket().port }
    }

    /// Compares with the kernel and sends what differs.
    /// - Parameter author: who has changed it, as far as it is known; nil where that is to be tried again which failed.
    /// - Returns: whether all is well.
    func heal(_ author: String?) -> Bool {
        let now = clock()
        do throws(BanActionError) {
            let count = try perform { core throws(NetfilterError) in
                // What no jail has begun with is not ours yet.
                guard core.hasBegun, author != nil || !core.isInStep else { return 0 }
                return try core.reconcile(now: now)
            }
            if count > 0, let author {
                restores.add()
                note("the firewall's table \(settings.table) was changed by \(author); it is restored")
            }
            return true
        } catch {
            return false
        }
    }

    func families() -> [MetricRegistry.Family] {
        let (rules, counts) = core.withLock { core -> ([String: [KernelTable.Rule]], [String: Int]) in
            // Without a right to ask there is nothing to show; readiness tells why.
            let rules = core.hasBegun ? (try? core.socket().rules(settings.table)) ?? [:] : [:]
            return (rules, core.holders.filter(\.value.isJail).mapValues(\.table.count))
        }
        return Self.families(rules, counts)
    }

    /// Does it, and tells readiness how that went.
    private func perform<Result: Sendable>(
        _ body: (FirewallCore) throws(NetfilterError) -> Result
    ) throws(BanActionError) -> Result {
        do throws(NetfilterError) {
            let (result, isInStep) = try core.withLock { core throws(NetfilterError) in (try body(core), core.isInStep)
            }
            // What only asked has mended nothing.
            if isInStep { readiness.set(Self.part, .ok) }
            return result
        } catch {
            errors.add()
            let text = "\(error); bans that come are not enforced by the firewall until this is mended"
            readiness.set(Self.part, .failed(text))
            throw BanActionError(text)
        }
    }
}
