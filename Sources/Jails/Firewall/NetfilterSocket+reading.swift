import Bytes
import CNFTables

extension NetfilterSocket {
    /// The table of this name of the family inet without its sets' elements; nil where there is none.
    func table(_ name: String) throws(NetfilterError) -> KernelTable? {
        var table = KernelTable(name: name)
        guard try ask(NFT_MSG_GETTABLE, isDump: false, Self.named(name), { table.add($0, $1) }) else { return nil }
        try ask(NFT_MSG_GETCHAIN, isDump: true, ByteBuffer(), begin: { table.chains = [:] }) { table.add($0, $1) }
        try ask(NFT_MSG_GETRULE, isDump: true, Self.named(name), begin: { table.rules = [:] }) { table.add($0, $1) }
        try ask(NFT_MSG_GETSET, isDump: true, Self.named(name), begin: { table.sets = [:] }) { table.add($0, $1) }
        return table
    }

    /// The rules of the table, with what they have counted, by chain; empty where there is none.
    func rules(_ name: String) throws(NetfilterError) -> [String: [KernelTable.Rule]] {
        var table = KernelTable(name: name)
        try ask(NFT_MSG_GETRULE, isDump: true, Self.named(name), begin: { table.rules = [:] }) { table.add($0, $1) }
        return table.rules
    }

    /// Each element of a set; `begin` is called before them, and again where they have to be read again.
    func elements(
        of set: FirewallSet, _ table: String, begin: () -> Void, _ use: (KernelElement) -> Void
    ) throws(NetfilterError) {
        var body = Self.named(table)
        body.append(text: set.name, kind: UInt16(NFTA_SET_ELEM_LIST_SET.rawValue))
        try ask(NFT_MSG_GETSETELEM, isDump: true, body, begin: begin) { KernelElement.forEach($1, of: set, use) }
    }

    /// One element of a set; nil where it is not there.
    func element(_ network: IPNetwork, of set: FirewallSet, _ table: String) throws(NetfilterError) -> KernelElement? {
        // The same message that would add it, as a question.
        var batch = NetfilterBatch(table: table, after: 0)
        let start = batch.buffer.count + 20
        batch.element(network, NFT_MSG_GETSETELEM, of: set)
        batch.finish()
        let end = batch.buffer.count - 20
        var body = ByteBuffer()
        body.append(batch.buffer.bytes.slice(start, end))
        var found: KernelElement?
        try ask(NFT_MSG_GETSETELEM, isDump: false, body) { _, payload in
            KernelElement.forEach(payload, of: set) { found = $0 }
        }
        return found
    }

    private static func named(_ table: String) -> ByteBuffer {
        var body = ByteBuffer()
        body.append(text: table, kind: UInt16(NFTA_TABLE_NAME.rawValue))
        return body
    }
}

extension ByteBuffer {
    /// An attribute with a text, ended by a NUL.
    fileprivate mutating func append(text: String, kind: UInt16) {
        append(littleEndian: UInt16(truncatingIfNeeded: 5 + text.utf8.count))
        append(littleEndian: kind)
        append(text)
        append(0)
        while count & 3 != 0 { append(0) }
    }
}
