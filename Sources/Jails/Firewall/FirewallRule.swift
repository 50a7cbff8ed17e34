import Bytes
import CNFTables

/// A rule of the firewall's table. Its comment, which the kernel keeps, tells everything about it, so that rules are compared by
/// their comments.
enum FirewallRule: Sendable {
    /// Of the base chain: what the host says to itself is not looked at.
    case loopback
    /// Of the base chain: packets of a protocol (0: of any) and of ports go to the chain of a scope.
    case jump(FirewallScope, protocol: UInt8, ports: ClosedRange<UInt16>?)
    /// Of a scope's chain: packets from a set's networks get the scope's verdict.
    case lookup(FirewallSet)

    static let baseChain = "prerouting"

    /// Those of the base chain, in order: who is allowed comes before who is banned.
    static func base(_ scopes: [FirewallScope]) -> [FirewallRule] {
        var rules: [FirewallRule] = [.loopback, .jump(.allowed, protocol: 0, ports: nil)]
        for scope in scopes where scope != .allowed {
            for number in scope.protocols.isEmpty ? [0] : scope.protocols {
                if scope.ranges.isEmpty { rules.append(.jump(scope, protocol: number, ports: nil)) }
                for range in scope.ranges { rules.append(.jump(scope, protocol: number, ports: range)) }
            }
        }
        return rules
    }

    var chain: String { if case .lookup(let set) = self { set.scope.name } else { Self.baseChain } }

    var comment: String {
        switch self {
        case .loopback: "loopback"
        case .jump(let scope, let number, let ports):
            "\(scope.name) \(number)" + (ports.map { " \($0.lowerBound)-\($0.upperBound)" } ?? "")
        case .lookup(let set): set.name
        }
    }

    func write(to batch: inout NetfilterBatch) {
        batch.message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND) {
            $0.text(NFTA_RULE_CHAIN, chain)
            $0.nested(NFTA_RULE_EXPRESSIONS) { expressions(&$0) }
            // As libnftnl writes a comment, so that `nft list` shows it: kind 0, length, text, NUL.
            $0.bytes(
                NFTA_RULE_USERDATA,
                [0, UInt8(clamping: comment.utf8.count + 1)] + Array(comment.utf8.prefix(253)) + [0])
        }
    }

    private func expressions(_ batch: inout NetfilterBatch) {
        switch self {
        case .loopback:
            // ARPHRD_LOOPBACK, in the host's order.
            batch.load(NFT_META_IFTYPE, equals: [0x04, 0x03])
            batch.verdict(NFT_RETURN.rawValue)
        case .jump(let scope, let number, let ports):
            if number != 0 { batch.load(NFT_META_L4PROTO, equals: [number]) }
            if let ports { batch.destination(ports) }
            batch.verdict(NFT_JUMP.rawValue, scope.name)
        case .lookup(let set):
            // NFPROTO_IPV4, NFPROTO_IPV6
            batch.load(NFT_META_NFPROTO, equals: [set.isIPv4 ? 2 : 10])
            batch.payload(NFT_PAYLOAD_NETWORK_HEADER, offset: set.isIPv4 ? 12 : 8, length: set.keyLength)
            if let mask = set.mask { batch.masked(by: mask) }
            batch.expression("lookup") {
                $0.text(NFTA_LOOKUP_SET, set.name)
                $0.number(NFTA_LOOKUP_SREG, NFT_REG_1.rawValue)
            }
            batch.expression("counter") { _ in }
            switch set.scope.verdict {
            // NF_ACCEPT, NF_DROP
            case .accept: batch.verdict(1)
            case .drop: batch.verdict(0)
            case .reject where set.scope.protocols == [6]:
                batch.expression("reject") { $0.number(NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST.rawValue) }
            case .reject:
                // Seen to be sent for IPv4 only at this hook (Linux 6.18); dropped it is in any case.
                batch.expression("reject") {
                    $0.number(NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH.rawValue)
                    $0.bytes(NFTA_REJECT_ICMP_CODE, [UInt8(NFT_REJECT_ICMPX_PORT_UNREACH.rawValue)])
                }
            }
        }
    }
}

extension NetfilterBatch {
    fileprivate mutating func expression(_ name: String, _ body: (inout NetfilterBatch) -> Void) {
        nested(NFTA_LIST_ELEM) {
            $0.text(NFTA_EXPR_NAME, name)
            $0.nested(NFTA_EXPR_DATA, body)
        }
    }

    fileprivate mutating func load(_ key: nft_meta_keys, equals value: [UInt8]) {
        expression("meta") {
            $0.number(NFTA_META_KEY, key.rawValue)
            $0.number(NFTA_META_DREG, NFT_REG_1.rawValue)
        }
        compare(NFT_CMP_EQ, value)
    }

    fileprivate mutating func payload(_ base: nft_payload_bases, offset: UInt32, length: UInt32) {
        expression("payload") {
            $0.number(NFTA_PAYLOAD_DREG, NFT_REG_1.rawValue)
            $0.number(NFTA_PAYLOAD_BASE, base.rawValue)
            $0.number(NFTA_PAYLOAD_OFFSET, offset)
            $0.number(NFTA_PAYLOAD_LEN, length)
        }
    }

    fileprivate mutating func destination(_ ports: ClosedRange<UInt16>) {
        payload(NFT_PAYLOAD_TRANSPORT_HEADER, offset: 2, length: 2)
        let (first, last) = (ports.lowerBound, ports.upperBound)
        if first == last { return compare(NFT_CMP_EQ, [UInt8(first >> 8), UInt8(first & 0xff)]) }
        compare(NFT_CMP_GTE, [UInt8(first >> 8), UInt8(first & 0xff)])
        compare(NFT_CMP_LTE, [UInt8(last >> 8), UInt8(last & 0xff)])
    }

    private mutating func compare(_ operation: nft_cmp_ops, _ value: [UInt8]) {
        expression("cmp") {
            $0.number(NFTA_CMP_SREG, NFT_REG_1.rawValue)
            $0.number(NFTA_CMP_OP, operation.rawValue)
            $0.nested(NFTA_CMP_DATA) { $0.bytes(NFTA_DATA_VALUE, value) }
        }
    }

    fileprivate mutating func masked(by mask: [UInt8]) {
        expression("bitwise") {
            $0.number(NFTA_BITWISE_SREG, NFT_REG_1.rawValue)
            $0.number(NFTA_BITWISE_DREG, NFT_REG_1.rawValue)
            $0.number(NFTA_BITWISE_LEN, UInt32(mask.count))
            $0.nested(NFTA_BITWISE_MASK) { $0.bytes(NFTA_DATA_VALUE, mask) }
            $0.nested(NFTA_BITWISE_XOR) { $0.bytes(NFTA_DATA_VALUE, mask.map { _ in 0 }) }
        }
    }

    fileprivate mutating func verdict(_ code: Int32, _ chain: String? = nil) {
        expression("immediate") {
            $0.number(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT.rawValue)
            $0.nested(NFTA_IMMEDIATE_DATA) {
                $0.nested(NFTA_DATA_VERDICT) {
                    $0.number(NFTA_VERDICT_CODE, code)
                    if let chain { $0.text(NFTA_VERDICT_CHAIN, chain) }
                }
            }
        }
    }
}
