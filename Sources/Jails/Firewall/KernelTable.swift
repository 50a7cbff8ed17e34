import Bytes
import CNFTables

/// The firewall's table as the kernel has it, without the sets' elements. What is read from messages is only what the firewall
/// compares or counts with; what is cut off or wrong is left out, and so differs from what is wanted.
struct KernelTable: Sendable {
    struct Chain: Sendable, Equatable {
        /// Of a base chain.
        var hook: UInt32?
        var priority: Int32?
        var policy: UInt32?
        var type: String?
    }

    struct Rule: Sendable, Equatable {
        var handle: UInt64 = 0
        var comment = ""
        var packets: UInt64 = 0
        var bytes: UInt64 = 0
    }

    struct Shape: Sendable, Equatable {
        var flags: UInt32
        var keyType: UInt32
        var keyLength: UInt32
        var countsElements: Bool
    }

    let name: String
    var flags: UInt32 = 0
    var chains: [String: Chain] = [:]
    /// By chain, in order.
    var rules: [String: [Rule]] = [:]
    var sets: [String: Shape] = [:]

    init(name: String) { self.name = name }

    /// Takes what one message of a dump tells, of our table.
    /// - Parameter type: without the subsystem.
    mutating func add(_ type: UInt16, _ payload: RawSpan) {
        guard Self.isAbout(name, payload) else { return }
        var attributes = NetlinkAttributes(payload, from: 4)
        switch UInt32(type) {
        case NFT_MSG_NEWTABLE.rawValue:
            while attributes.next() {
                if attributes.kind == NFTA_TABLE_FLAGS.rawValue { flags = attributes.value.bigEndian() ?? .max }
            }
        case NFT_MSG_NEWCHAIN.rawValue:
            var (name, chain) = ("", Chain())
            while attributes.next() {
                switch UInt32(attributes.kind) {
                case NFTA_CHAIN_NAME.rawValue: name = attributes.value.name
                case NFTA_CHAIN_POLICY.rawValue: chain.policy = attributes.value.bigEndian()
                case NFTA_CHAIN_TYPE.rawValue: chain.type = attributes.value.name
                case NFTA_CHAIN_HOOK.rawValue:
                    var hook = NetlinkAttributes(attributes.value, from: 0)
                    while hook.next() {
                        if hook.kind == NFTA_HOOK_HOOKNUM.rawValue { chain.hook = hook.value.bigEndian() }
                        if hook.kind == NFTA_HOOK_PRIORITY.rawValue { chain.priority = hook.value.bigEndian() }
                    }
                default: break
                }
            }
            chains[name] = chain
        case NFT_MSG_NEWRULE.rawValue:
            var (chain, rule) = ("", Rule())
            while attributes.next() {
                switch UInt32(attributes.kind) {
                case NFTA_RULE_CHAIN.rawValue: chain = attributes.value.name
                case NFTA_RULE_HANDLE.rawValue: rule.handle = attributes.value.bigEndian() ?? 0
                case NFTA_RULE_USERDATA.rawValue: rule.comment = Self.comment(attributes.value)
                case NFTA_RULE_EXPRESSIONS.rawValue:
                    if let counter = Self.counter(inRule: attributes.value) { (rule.packets, rule.bytes) = counter }
                default: break
                }
            }
            rules[chain, default: []].append(rule)
        case NFT_MSG_NEWSET.rawValue:
            var (name, shape) = ("", Shape(flags: 0, keyType: 0, keyLength: 0, countsElements: false))
            while attributes.next() {
                switch UInt32(attributes.kind) {
                case NFTA_SET_NAME.rawValue: name = attributes.value.name
                case NFTA_SET_FLAGS.rawValue: shape.flags = attributes.value.bigEndian() ?? 0
                case NFTA_SET_KEY_TYPE.rawValue: shape.keyType = attributes.value.bigEndian() ?? 0
                case NFTA_SET_EXPR.rawValue: shape.countsElements = true
                case NFTA_SET_KEY_LEN.rawValue: shape.keyLength = attributes.value.bigEndian() ?? 0
                default: break
                }
            }
            sets[name] = shape
        default: break
        }
    }

    /// Whether a message of nf_tables is about the table `name` of the family inet: the first attribute of all that have one is
    /// the table's name.
    static func isAbout(_ name: String, _ payload: RawSpan) -> Bool {
        guard payload.byteCount >= 4, payload.byte(at: 0) == NetfilterBatch.family else { return false }
        var attributes = NetlinkAttributes(payload, from: 4)
        while attributes.next() {
            if attributes.kind == NFTA_TABLE_NAME.rawValue { return attributes.value.name == name }
        }
        return false
    }

    /// libnftnl's notes about a rule are triples of kind, length and value; the comment is of kind 0 and ends with a NUL.
    private static func comment(_ notes: RawSpan) -> String {
        var offset = 0
        while notes.byteCount - offset >= 2 {
            let end = offset + 2 + Int(notes.byte(at: offset + 1))
            guard end <= notes.byteCount else { break }
            if notes.byte(at: offset) == 0 { return notes.slice(offset + 2, end).name }
            offset = end
        }
        return ""
    }

    private static func counter(inRule expressions: RawSpan) -> (UInt64, UInt64)? {
        var list = NetlinkAttributes(expressions, from: 0)
        while list.next() { if let counter = counter(list.value) { return counter } }
        return nil
    }

    /// Packets and bytes of an expression where it is a counter.
    fileprivate static func counter(_ expression: RawSpan) -> (UInt64, UInt64)? {
        var (isCounter, packets, bytes) = (false, UInt64(0), UInt64(0))
        var attributes = NetlinkAttributes(expression, from: 0)
        while attributes.next() {
            if attributes.kind == NFTA_EXPR_NAME.rawValue { isCounter = attributes.value.name == "counter" }
            guard attributes.kind == NFTA_EXPR_DATA.rawValue else { continue }
            var numbers = NetlinkAttributes(attributes.value, from: 0)
            while isCounter, numbers.next() {
                if numbers.kind == NFTA_COUNTER_PACKETS.rawValue { packets = numbers.value.bigEndian() ?? 0 }
                if numbers.kind == NFTA_COUNTER_BYTES.rawValue { bytes = numbers.value.bigEndian() ?? 0 }
            }
        }
        return isCounter ? (packets, bytes) : nil
    }
}

/// One element of a set as the kernel has it.
struct KernelElement: Sendable, Equatable {
    var network: IPNetwork
    /// Milliseconds that are left; nil for ever.
    var remaining: UInt64?
    /// Of packets that it has stopped.
    var packets: UInt64 = 0
    var bytes: UInt64 = 0

    /// Each element of a message about `set`; keys of another length are left out.
    static func forEach(_ payload: RawSpan, of set: FirewallSet, _ body: (KernelElement) -> Void) {
        var attributes = NetlinkAttributes(payload, from: 4)
        while attributes.next() {
            guard attributes.kind == NFTA_SET_ELEM_LIST_ELEMENTS.rawValue else { continue }
            var list = NetlinkAttributes(attributes.value, from: 0)
            while list.next() { if let element = KernelElement(list.value, of: set) { body(element) } }
        }
    }

    private init?(_ payload: RawSpan, of set: FirewallSet) {
        var (network, remaining, timeout): (IPNetwork?, UInt64?, UInt64?)
        var attributes = NetlinkAttributes(payload, from: 0)
        while attributes.next() {
            switch UInt32(attributes.kind) {
            case NFTA_SET_ELEM_KEY.rawValue:
                var key = NetlinkAttributes(attributes.value, from: 0)
                while key.next() {
                    if key.kind == NFTA_DATA_VALUE.rawValue { network = Self.network(key.value, of: set) }
                }
            case NFTA_SET_ELEM_TIMEOUT.rawValue: timeout = attributes.value.bigEndian()
            case NFTA_SET_ELEM_EXPIRATION.rawValue: remaining = attributes.value.bigEndian()
            case NFTA_SET_ELEM_EXPR.rawValue:
                if let counter = KernelTable.counter(attributes.value) { (packets, bytes) = counter }
            default: break
            }
        }
        guard let network else { return nil }
        self.network = network
        self.remaining = timeout ?? 0 == 0 ? nil : remaining ?? timeout
    }

    private static func network(_ key: RawSpan, of set: FirewallSet) -> IPNetwork? {
        guard key.byteCount == Int(set.keyLength) else { return nil }
        if set.isIPv4 {
            return key.bigEndian(as: UInt32.self).map { IPNetwork(ipv4: $0, length: Int(set.length)) }
        }
        guard let high = key.slice(0, 8).bigEndian(as: UInt64.self),
            let low = key.slice(8, 16).bigEndian(as: UInt64.self)
        else { return nil }
        return IPNetwork(high: high, low: low, length: Int(set.length))
    }
}

extension RawSpan {
    /// Its first bytes as a number in network order; nil where there are too few.
    func bigEndian<Value: FixedWidthInteger & BitwiseCopyable>(as type: Value.Type = Value.self) -> Value? {
        load(littleEndian: 0, as: Value.self)?.byteSwapped
    }

    /// A text that ends with a NUL or with the span.
    var name: String {
        slice(0, firstIndex(of: 0) ?? byteCount).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}
