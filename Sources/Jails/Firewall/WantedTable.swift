import Bytes
import CNFTables

/// What the table is to be, made of what all holders want.
struct WantedTable {
    /// Who is allowed first, then by name; empty where no jail has the firewall, so that there is to be no table.
    let scopes: [FirewallScope]
    let sets: [FirewallSet]
    let tables: [FirewallScope: ElementTable]
    /// Elements of each set.
    let counts: [FirewallSet: Int]
    /// Every holder has told what it wants: what nobody wants may go.
    let isComplete: Bool
    private let priority: Int32
    private let countsElements: Bool

    init(_ core: FirewallCore) {
        priority = core.settings.priority
        countsElements = core.settings.countsElements
        isComplete = core.holders.values.allSatisfy(\.isStarted)
        var tables: [FirewallScope: ElementTable] = [:]
        for holder in core.holders.values { tables[holder.scope, default: ElementTable()].formUnion(holder.table) }
        self.tables = tables
        let scopes =
            core.holders.count == 1
            ? [] : [.allowed] + tables.keys.filter { $0 != .allowed }.sorted { $0.name < $1.name }
        var sets: [FirewallSet] = []
        var counts: [FirewallSet: Int] = [:]
        for scope in scopes {
            // By family and length. The lengths that most bans have are always there.
            var lengths: [Int: Int] = scope == .allowed || scope == .lists ? [:] : [32: 0, 128 + 128: 0, 128 + 64: 0]
            tables[scope]?.forEach { network, _ in
                lengths[(network.isIPv4 ? 0 : 128) + Int(network.length), default: 0] += 1
            }
            for (length, count) in lengths.sorted(by: { $0.key < $1.key }) {
                let isIPv4 = length <= 128
                let set = FirewallSet(scope, isIPv4: isIPv4, length: UInt8(isIPv4 ? length : length - 128))
                sets.append(set)
                counts[set] = count
            }
        }
        self.counts = counts
        self.scopes = scopes
        self.sets = sets
    }

    /// What the base chain is in the kernel's words: NF_INET_PRE_ROUTING, NF_ACCEPT.
    private var baseChain: KernelTable.Chain {
        KernelTable.Chain(hook: 0, priority: priority, policy: 1, type: "filter")
    }

    /// Chains' hooks and sets' types cannot be changed.
    func canMend(_ kernel: KernelTable) -> Bool {
        kernel.flags == 0 && kernel.chains[FirewallRule.baseChain] == baseChain
            && scopes.allSatisfy { kernel.chains[$0.name].map { $0.hook == nil } ?? true }
            && sets.allSatisfy { set in kernel.sets[set.name].map { $0 == shape(set) } ?? true }
    }

    /// All of it but the elements.
    func write(to batch: inout NetfilterBatch) {
        batch.message(NFT_MSG_NEWTABLE, NLM_F_CREATE) { $0.number(NFTA_TABLE_FLAGS, UInt32(0)) }
        batch.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE) {
            $0.text(NFTA_CHAIN_NAME, FirewallRule.baseChain)
            $0.nested(NFTA_CHAIN_HOOK) {
                $0.number(NFTA_HOOK_HOOKNUM, UInt32(0))
                $0.number(NFTA_HOOK_PRIORITY, priority)
            }
            $0.number(NFTA_CHAIN_POLICY, UInt32(1))
            $0.text(NFTA_CHAIN_TYPE, "filter")
        }
        writeAdditions(to: KernelTable(name: ""), &batch)
    }

    /// Chains, sets and rules that the kernel's table lacks. Rules of the base chain are written anew where they differ, as their
    /// order matters; a transaction has no moment without them.
    func writeAdditions(to kernel: KernelTable, _ batch: inout NetfilterBatch) {
        for scope in scopes where kernel.chains[scope.name] == nil {
            batch.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE) { $0.text(NFTA_CHAIN_NAME, scope.name) }
        }
        for (index, set) in sets.enumerated() where kernel.sets[set.name] == nil { write(set, index, &batch) }
        let base = FirewallRule.base(scopes)
        let present = kernel.rules[FirewallRule.baseChain] ?? []
        if present.map(\.comment) != base.map(\.comment) {
            for rule in present { Self.delete(rule, FirewallRule.baseChain, &batch) }
            for rule in base { rule.write(to: &batch) }
        }
        for scope in scopes {
            var missing = Set(sets.lazy.filter { $0.scope == scope }.map(\.name))
            for rule in kernel.rules[scope.name] ?? [] where missing.remove(rule.comment) == nil {
                // Of a stranger, or of a set that nobody needs any more.
                if isComplete || kernel.sets[rule.comment] == nil { Self.delete(rule, scope.name, &batch) }
            }
            for set in sets where set.scope == scope && missing.contains(set.name) {
                FirewallRule.lookup(set).write(to: &batch)
            }
        }
    }

    /// Chains and sets that nobody needs; their rules are gone by `writeAdditions`, or go with the chain.
    func writeRemovals(from kernel: KernelTable, _ batch: inout NetfilterBatch) {
        let chains = Set(scopes.map(\.name) + [FirewallRule.baseChain])
        for name in kernel.chains.keys.sorted() where !chains.contains(name) {
            batch.message(NFT_MSG_DELCHAIN) { $0.text(NFTA_CHAIN_NAME, name) }
        }
        let names = Set(sets.map(\.name))
        // The kernel numbers sets without a name itself, and takes them away with their rule.
        for name in kernel.sets.keys.sorted() where !names.contains(name) && !name.hasPrefix("__") {
            batch.message(NFT_MSG_DELSET) { $0.text(NFTA_SET_NAME, name) }
        }
    }

    private static func delete(_ rule: KernelTable.Rule, _ chain: String, _ batch: inout NetfilterBatch) {
        batch.message(NFT_MSG_DELRULE) {
            $0.text(NFTA_RULE_CHAIN, chain)
            $0.number(NFTA_RULE_HANDLE, rule.handle)
        }
    }

    private func shape(_ set: FirewallSet) -> KernelTable.Shape {
        KernelTable.Shape(
            flags: NFT_SET_TIMEOUT.rawValue, keyType: set.keyType, keyLength: set.keyLength,
            countsElements: countsElements)
    }

    private func write(_ set: FirewallSet, _ number: Int, _ batch: inout NetfilterBatch) {
        let shape = shape(set)
        batch.message(NFT_MSG_NEWSET, NLM_F_CREATE) {
            $0.text(NFTA_SET_NAME, set.name)
            $0.number(NFTA_SET_FLAGS, shape.flags)
            $0.number(NFTA_SET_KEY_TYPE, shape.keyType)
            $0.number(NFTA_SET_KEY_LEN, shape.keyLength)
            // Wanted by the kernel though only sets without a name are found by it.
            $0.number(NFTA_SET_ID, UInt32(number + 1))
            // As libnftnl has it, for `nft list`: kind 0, length 4: keys are in network order.
            $0.bytes(NFTA_SET_USERDATA, [0, 4, 2, 0, 0, 0])
            guard shape.countsElements else { return }
            $0.nested(NFTA_SET_EXPR) {
                $0.text(NFTA_EXPR_NAME, "counter")
                $0.nested(NFTA_EXPR_DATA) { _ in }
            }
        }
    }
}
