import Bytes
import CLinux
import CNFTables
import Glibc

/// What the firewall is to hold and what it knows of the kernel; for one thread at a time.
final class FirewallCore {
    /// Who wants networks in the table: a jail, a block list, or the list of who is allowed.
    struct Holder {
        let scope: FirewallScope
        var registration = 0
        var table = ElementTable()
        /// It has told what it wants. Until all have, nothing is taken for superfluous.
        var isStarted = false
        var isJail: Bool { scope != .allowed && scope != .lists }
    }

    let settings: Firewall.Settings
    var table: String { settings.table }
    var holders: [String: Holder] = [:]
    /// Sets that the kernel has, as far as is known.
    private var present: Set<FirewallSet> = []
    /// The kernel has what is wanted, as far as is known.
    private(set) var isInStep = false
    private var opened: NetfilterSocket?

    /// Under this name the list of who is allowed is a holder; no jail has it.
    static let allowed = ""
    /// Before the name of a block list; no jail's has a NUL.
    static let list = "\0"
    /// Before the name of a list of who is allowed.
    static let allowList = "\u{1}"
    /// Bytes of one transaction, of 32 MiB that the socket takes. 100,000 bans have 3 MB.
    private static let mostBytes = 24 << 20
    /// A set of more elements is not compared but written anew, which the kernel does in a fraction of the time that it takes to
    /// list them: it begins at the front again for each 32 KiB of a list.
    private static let mostCompared = 20_000
    /// Seconds by which the kernel's end of a ban may differ from the wanted one.
    private static let tolerance = 2.0

    init(_ settings: Firewall.Settings) {
        self.settings = settings
        holders[Self.allowed] = Holder(scope: .allowed, isStarted: true)
    }

    /// Opened by the first who needs it, in the network namespace of its thread.
    func socket() throws(NetfilterError) -> NetfilterSocket {
        if let opened { return opened }
        let socket = try NetfilterSocket()
        opened = socket
        return socket
    }

    /// Some jail has told what it wants.
    var hasBegun: Bool { holders.contains { $0.key != Self.allowed && $0.value.isStarted } }

    /// The kernel may have been changed by others.
    func doubt() { isInStep = false }

    /// Has the kernel do `change`; reads and compares everything where that fails, as somebody else may have been at it.
    func update(_ networks: [IPNetwork], of jail: String, now: Double) throws(NetfilterError) {
        guard let scope = holders[jail]?.scope else { return }
        if isInStep {
            do throws(NetfilterError) {
                if try change(networks, scope, now: now) { return }
            } catch {
                doubt()
            }
        }
        try reconcile(now: now)
    }

    /// Brings these networks to what is wanted of them: added so that it cannot fail to be there, deleted, and added
    /// again with what is left of it; of one transaction nobody sees the steps. Kernels before 6.12 have no other way to change
    /// a time-out, those before 6.3 none to delete what may have expired.
    /// - Returns: false where the kernel lacks a set for it.
    private func change(_ networks: [IPNetwork], _ scope: FirewallScope, now: Double) throws(NetfilterError) -> Bool {
        var bySet: [FirewallSet: [(IPNetwork, UInt64?)]] = [:]
        let holding = holders.values.filter { $0.scope == scope }
        for network in networks {
            let deadline = holding.compactMap { $0.table[network] }.max()
            let left = deadline.flatMap { ElementTable.milliseconds($0, now: now) }
            bySet[FirewallSet(scope, of: network), default: []].append((network, left))
        }
        guard bySet.keys.allSatisfy(present.contains) else { return false }
        let socket = try socket()
        var batch = socket.batch(table: table)
        for (set, elements) in bySet {
            for (network, _) in elements { batch.element(network, NFT_MSG_NEWSETELEM, of: set) }
            for (network, _) in elements { batch.element(network, NFT_MSG_DELSETELEM, of: set) }
            for (network, left) in elements {
                if let left { batch.element(network, milliseconds: left, NFT_MSG_NEWSETELEM, of: set) }
            }
            try split(&batch, socket)
        }
        try socket.commit(batch)
        return true
    }

    /// Reads what the kernel has and sends what differs, in one transaction; the whole table where there is none or where it
    /// cannot be mended.
    /// - Returns: how many messages that took; 0 where nothing differed.
    @discardableResult
    func reconcile(now: Double) throws(NetfilterError) -> Int {
        isInStep = false
        let wanted = WantedTable(self)
        var attempt = 0
        while true {
            attempt += 1
            do throws(NetfilterError) {
                // An element may expire between the reading and the change; a stranger's chain may not let itself be deleted.
                let count = try reconcile(wanted, mayMend: attempt < 3, now: now)
                present = Set(wanted.sets)
                isInStep = true
                return count
            } catch {
                if attempt == 3 || error.code == EPERM || error.code == EPROTONOSUPPORT { throw error }
            }
        }
    }

    private func reconcile(_ wanted: WantedTable, mayMend: Bool, now: Double) throws(NetfilterError) -> Int {
        let socket = try socket()
        let kernel = try socket.table(table)
        var batch = socket.batch(table: table)
        var count = 0
        if wanted.scopes.isEmpty {
            if kernel != nil { batch.message(NFT_MSG_DELTABLE) }
        } else if let kernel, mayMend, wanted.canMend(kernel) {
            wanted.writeAdditions(to: kernel, &batch)
            for scope in wanted.scopes { try mend(scope, wanted, kernel, now, &batch, socket, &count) }
            if wanted.isComplete { wanted.writeRemovals(from: kernel, &batch) }
        } else {
            if kernel != nil { batch.message(NFT_MSG_DELTABLE) }
            wanted.write(to: &batch)
            for scope in wanted.scopes {
                let sets = wanted.sets.filter { $0.scope == scope }
                try write(wanted.tables[scope] ?? ElementTable(), sets, now, &batch, socket, &count)
            }
        }
        count += batch.count
        let isLarge = batch.buffer.count > 1 << 20
        try socket.commit(batch)
        if isLarge { clinux_trim_heap() }
        return count
    }

    /// Writes what differs in the sets of a scope.
    private func mend(
        _ scope: FirewallScope, _ wanted: WantedTable, _ kernel: KernelTable, _ now: Double,
        _ batch: inout NetfilterBatch, _ socket: NetfilterSocket, _ count: inout Int
    ) throws(NetfilterError) {
        let sets = wanted.sets.filter { $0.scope == scope }
        var missing = wanted.tables[scope] ?? ElementTable()
        var wrong: [FirewallSet: [IPNetwork]] = [:]
        for set in sets where kernel.sets[set.name] != nil {
            guard wanted.counts[set] ?? 0 <= Self.mostCompared else {
                if wanted.isComplete {
                    batch.message(NFT_MSG_DELSETELEM) { $0.text(NFTA_SET_ELEM_LIST_SET, set.name) }
                } else {
                    missing.forEach { network, _ in if set.holds(network) { wrong[set, default: []].append(network) } }
                }
                continue
            }
            let before = missing
            let begin = { (missing, wrong[set]) = (before, nil) }
            try socket.elements(of: set, table, begin: begin) { element in
                if let deadline = missing[element.network] {
                    if Self.agree(deadline, element, now: now) {
                        missing[element.network] = nil
                        return
                    }
                } else if !wanted.isComplete {
                    return
                }
                wrong[set, default: []].append(element.network)
            }
        }
        for (set, networks) in wrong {
            for network in networks { batch.element(network, NFT_MSG_NEWSETELEM, of: set) }
            for network in networks { batch.element(network, NFT_MSG_DELSETELEM, of: set) }
        }
        try write(missing, sets, now, &batch, socket, &count)
    }

    private func write(
        _ elements: ElementTable, _ sets: [FirewallSet], _ now: Double, _ batch: inout NetfilterBatch,
        _ socket: NetfilterSocket,
        _ count: inout Int
    ) throws(NetfilterError) {
        for set in sets {
            try elements.forEach { network, deadline throws(NetfilterError) in
                guard set.holds(network), let left = ElementTable.milliseconds(deadline, now: now) else { return }
                batch.element(network, milliseconds: left, NFT_MSG_NEWSETELEM, of: set)
                count += try split(&batch, socket)
            }
        }
    }

    /// Does what has come together where it gets too much for one transaction.
    @discardableResult
    private func split(_ batch: inout NetfilterBatch, _ socket: NetfilterSocket) throws(NetfilterError) -> Int {
        guard batch.buffer.count > Self.mostBytes else { return 0 }
        var full = NetfilterBatch(table: table, after: batch.lastSequence &+ 1)
        swap(&full, &batch)
        let count = full.count
        try socket.commit(full)
        return count
    }

    private static func agree(_ deadline: ElementTable.Deadline, _ element: KernelElement, now: Double) -> Bool {
        guard let remaining = element.remaining else { return deadline == ElementTable.forever }
        guard deadline != ElementTable.forever else { return false }
        return abs(Double(deadline) - now - Double(remaining) / 1000) <= tolerance
    }
}
