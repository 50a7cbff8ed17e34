import Bytes
import CNFTables

/// One transaction for nf_tables: messages that the kernel takes all or none of (linux/netfilter/nf_tables.h, nfnetlink.h).
/// Numbers behind the messages' headers are in network order.
struct NetfilterBatch: ~Copyable {
    private(set) var buffer = ByteBuffer()
    /// Of its first message, which is also that of errors of the transaction as a whole.
    let firstSequence: UInt32
    private(set) var lastSequence: UInt32
    /// Messages in it.
    private(set) var count = 0
    private var lastMessage = 0
    /// The message that elements are added to.
    private var open: (set: FirewallSet, type: nf_tables_msg_types, message: Int, list: Int)?
    private let table: String

    /// A list of elements has at most so many bytes: attributes have 16 bits for their length.
    private static let longestList = 60_000

    init(table: String, after sequence: UInt32) {
        self.table = table
        firstSequence = sequence &+ 1
        lastSequence = firstSequence
        control(NFNL_MSG_BATCH_BEGIN, firstSequence)
    }

    /// A message about the table; `body` adds what stands behind the table's name.
    mutating func message(
        _ type: nf_tables_msg_types, _ flags: Int32 = 0, _ body: (inout NetfilterBatch) -> Void = { _ in }
    ) {
        closeElements()
        let start = begin(type, flags)
        body(&self)
        buffer.overwrite(at: start, littleEndian: UInt32(buffer.count - start))
    }

    /// An element of a set with what is left of it in milliseconds, 0 for ever. Elements that follow one another share messages.
    mutating func element(
        _ network: IPNetwork, milliseconds: UInt64 = 0, _ type: nf_tables_msg_types, of set: FirewallSet
    ) {
        if let open, open.type != type || open.set != set || buffer.count - open.list > Self.longestList {
            closeElements()
        }
        if open == nil {
            let start = begin(type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0)
            text(NFTA_SET_ELEM_LIST_SET, set.name)
            open = (set, type, start, buffer.count)
            header(NFTA_SET_ELEM_LIST_ELEMENTS, 4, isNested: true)
        }
        nested(NFTA_LIST_ELEM) {
            $0.nested(NFTA_SET_ELEM_KEY) { $0.bytes(NFTA_DATA_VALUE, of: network) }
            if milliseconds > 0, type == NFT_MSG_NEWSETELEM { $0.number(NFTA_SET_ELEM_TIMEOUT, milliseconds) }
        }
    }

    /// Asks for an answer to the last message and ends the transaction.
    mutating func finish() {
        closeElements()
        let flags =
            UInt16(NLM_F_REQUEST | NLM_F_ACK) | (buffer.bytes.load(littleEndian: lastMessage + 6, as: UInt16.self) ?? 0)
        buffer.overwrite(at: lastMessage + 6, littleEndian: flags)
        control(NFNL_MSG_BATCH_END, lastSequence &+ 1)
    }

    private mutating func closeElements() {
        guard let open else { return }
        buffer.overwrite(at: open.list, littleEndian: UInt16(buffer.count - open.list))
        buffer.overwrite(at: open.message, littleEndian: UInt32(buffer.count - open.message))
        self.open = nil
    }

    private mutating func begin(_ type: nf_tables_msg_types, _ flags: Int32) -> Int {
        let start = buffer.count
        lastMessage = start
        lastSequence &+= 1
        count += 1
        Self.header(UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type.rawValue), flags, lastSequence, &buffer)
        text(NFTA_TABLE_NAME, table)
        return start
    }

    private mutating func control(_ type: Int32, _ sequence: UInt32) {
        buffer.append(littleEndian: UInt32(20))
        buffer.append(littleEndian: UInt16(type))
        buffer.append(littleEndian: UInt16(NLM_F_REQUEST))
        buffer.append(littleEndian: sequence)
        buffer.append(littleEndian: UInt32(0))
        buffer.append([0, 0, 0, UInt8(NFNL_SUBSYS_NFTABLES)])
    }

    /// `struct nlmsghdr` and `struct nfgenmsg` of the family inet; the length is filled in later.
    static func header(_ type: UInt16, _ flags: Int32, _ sequence: UInt32, _ buffer: inout ByteBuffer) {
        buffer.append(littleEndian: UInt32(0))
        buffer.append(littleEndian: type)
        buffer.append(littleEndian: UInt16(NLM_F_REQUEST | flags))
        buffer.append(littleEndian: sequence)
        buffer.append(littleEndian: UInt32(0))
        buffer.append([family, 0, 0, 0])
    }

    /// NFPROTO_INET: IPv4 and IPv6.
    static let family: UInt8 = 1
}

extension NetfilterBatch {
    mutating func header<Kind: RawRepresentable<UInt32>>(_ kind: Kind, _ length: Int, isNested: Bool = false) {
        buffer.append(littleEndian: UInt16(truncatingIfNeeded: length))
        buffer.append(littleEndian: UInt16(truncatingIfNeeded: kind.rawValue) | (isNested ? 0x8000 : 0))
    }

    mutating func nested<Kind: RawRepresentable<UInt32>>(_ kind: Kind, _ body: (inout NetfilterBatch) -> Void) {
        let start = buffer.count
        header(kind, 0, isNested: true)
        body(&self)
        buffer.overwrite(at: start, littleEndian: UInt16(truncatingIfNeeded: buffer.count - start))
    }

    mutating func number<Kind: RawRepresentable<UInt32>, Value: FixedWidthInteger & BitwiseCopyable>(
        _ kind: Kind, _ value: Value
    ) {
        header(kind, 4 + MemoryLayout<Value>.size)
        buffer.append(littleEndian: value.byteSwapped)
        pad()
    }

    mutating func bytes<Kind: RawRepresentable<UInt32>>(_ kind: Kind, _ value: [UInt8]) {
        header(kind, 4 + value.count)
        buffer.append(value)
        pad()
    }

    /// The address as it stands in a packet.
    mutating func bytes<Kind: RawRepresentable<UInt32>>(_ kind: Kind, of network: IPNetwork) {
        if network.isIPv4 {
            header(kind, 8)
            buffer.append(littleEndian: UInt32(truncatingIfNeeded: network.low).byteSwapped)
        } else {
            header(kind, 20)
            buffer.append(littleEndian: network.high.byteSwapped)
            buffer.append(littleEndian: network.low.byteSwapped)
        }
    }

    mutating func text<Kind: RawRepresentable<UInt32>>(_ kind: Kind, _ value: String) {
        header(kind, 5 + value.utf8.count)
        buffer.append(value)
        buffer.append(0)
        pad()
    }

    private mutating func pad() { while buffer.count & 3 != 0 { buffer.append(0) } }
}
