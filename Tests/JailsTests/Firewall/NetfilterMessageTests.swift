import Bytes
import CNFTables
import TestSupport
import Testing

@testable import Jails

@Suite struct NetfilterMessageTests {
    private func set(_ isIPv4: Bool, _ length: UInt8) -> FirewallSet {
        FirewallSet(FirewallScope(ports: nil, rejects: false), isIPv4: isIPv4, length: length)
    }

    private func networks(_ texts: [String]) -> [IPNetwork] { texts.compactMap { IPNetwork($0) } }

    @Test("elements are read as they are written, in as many messages as it takes")
    func elements() {
        var batch = NetfilterBatch(table: "t", after: 6)
        let set = set(false, 64)
        let count = 5000
        for index in 0..<count {
            batch.element(
                IPNetwork(high: UInt64(index), low: 0, length: 64), milliseconds: UInt64(index % 2), NFT_MSG_NEWSETELEM,
                of: set)
        }
        batch.finish()
        var (found, types): ([KernelElement], [UInt16]) = ([], [])
        var messages = NetlinkCursor(batch.buffer.bytes, sequence: nil)
        while messages.next() {
            types.append(messages.type & 0xff)
            guard messages.type >> 8 == UInt16(NFNL_SUBSYS_NFTABLES) else { continue }
            let isOurs = KernelTable.isAbout("t", messages.payload) && !KernelTable.isAbout("u", messages.payload)
            #expect(isOurs)
            KernelElement.forEach(messages.payload, of: set) { found.append($0) }
        }
        #expect(types.first == 16 && types.last == 17 && types.count == 2 + batch.count && batch.count > 2)
        #expect(found.count == count)
        #expect(
            found.enumerated().allSatisfy { $1.network.high == UInt64($0) && $1.remaining == ($0 % 2 == 0 ? nil : 1) })
    }

    @Test("scopes are named for what they hold, whatever the order it is said in")
    func scopes() {
        func name(_ ranges: [ClosedRange<UInt16>], tcp: Bool = true, udp: Bool = false, rejects: Bool = false) -> String
        {
            FirewallScope(ports: PortSelection(ranges: ranges, isTCP: tcp, isUDP: udp), rejects: rejects).name
        }
        #expect(name([80...80, 443...443, 22...22]) == "bans_tcp_22_80_443")
        #expect(name([5...9, 10...12, 7...8], udp: true, rejects: true) == "bans_tcpudp_5-12_reject")
        #expect(name([0...UInt16.max, 3...4], tcp: false, udp: true) == "bans_udp_0-65535")
        #expect(name([]) == "bans_tcp")
        let many = (0..<60).map { UInt16($0 * 100)...UInt16($0 * 100 + 1) }
        #expect(name(many).utf8.count < 90)
        #expect(name(many) != name(many.dropLast()))
        #expect(name(many) == name(many.reversed()))
    }

    @Test("masks cover as many bits as the networks have", arguments: [1, 7, 8, 23, 31] as [UInt8])
    func masks(_ length: UInt8) throws {
        let mask = try #require(set(true, length).mask)
        #expect(mask.reduce(0) { $0 + $1.nonzeroBitCount } == Int(length))
        #expect(mask.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } == ~0 << UInt32(32 - length))
        #expect(set(true, 32).mask == nil)
        #expect(set(false, 64).mask == Array(repeating: 0xff, count: 8) + Array(repeating: 0, count: 8))
    }

    @Test("tables of networks keep the later end, and ends are never early")
    func table() {
        let bans = ["192.0.2.1", "192.0.2.0/24", "2001:db8::/64", "text", "0.0.0.0/0"].enumerated().map {
            Ban(jail: "", target: BanTarget($1), time: 100.2, duration: [10, 20, -1, 5, 5][$0])
        }
        let table = ElementTable(bans + [Ban(jail: "", target: BanTarget("192.0.2.1"), time: 90, duration: 5)], now: 92)
        let keys = networks(["192.0.2.1", "192.0.2.0/24", "2001:db8::/64"])
        #expect(keys.map { table[$0] } == [111, 121, ElementTable.forever])
        #expect(table.count == 3)
        #expect(ElementTable(bans, now: 200).count == 1)
        #expect(ElementTable.milliseconds(111, now: 110.5) == 500)
        #expect(ElementTable.milliseconds(111, now: 111) == nil)
        #expect(ElementTable.deadline(.infinity) == ElementTable.forever)
        #expect(ElementTable.deadline(1e18) == ElementTable.forever)
        #expect(ElementTable.deadline(-5) == 0)
    }

    @Test("messages that are cut off or changed are read without harm")
    func noise() {
        var random = SeededRandom(seed: SeededRandom.seed())
        var batch = NetfilterBatch(table: "tocsin", after: 0)
        let set = set(true, 32)
        batch.message(NFT_MSG_NEWCHAIN) { chain in
            chain.text(NFTA_CHAIN_NAME, "prerouting")
            chain.nested(NFTA_CHAIN_HOOK) { $0.number(NFTA_HOOK_PRIORITY, Int32(-310)) }
        }
        batch.message(NFT_MSG_NEWSET) { $0.number(NFTA_SET_FLAGS, UInt32(16)) }
        FirewallRule.lookup(set).write(to: &batch)
        for number in 0..<3 as Range<UInt32> {
            batch.element(IPNetwork(ipv4: number), milliseconds: 9, NFT_MSG_NEWSETELEM, of: set)
        }
        batch.message(NFT_MSG_NEWGEN) { $0.text(NFTA_GEN_PROC_NAME, "nft") }
        batch.finish()
        let good = batch.buffer.bytes.withUnsafeBytes { [UInt8]($0) }
        #expect(read(good, set).elements == 3)
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = read(Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))), set)
        }
    }

    private func read(_ bytes: [UInt8], _ set: FirewallSet) -> (elements: Int, table: KernelTable) {
        var buffer = ByteBuffer()
        buffer.append(bytes)
        var table = KernelTable(name: "tocsin")
        var elements = 0
        var messages = NetlinkCursor(buffer.bytes, sequence: nil)
        while messages.next() {
            table.add(messages.type & 0xff, messages.payload)
            KernelElement.forEach(messages.payload, of: set) { _ in elements += 1 }
        }
        var change = ForeignChange()
        change.add(buffer.bytes, table: "tocsin")
        return (elements, table)
    }
}
