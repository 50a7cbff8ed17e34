import Bytes
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Exporter

@Suite struct NetlinkCursorTests {
    private func message(_ type: UInt16, sequence: UInt32, _ payload: [UInt8], to buffer: inout ByteBuffer) {
        buffer.append(littleEndian: UInt32(16 + payload.count))
        buffer.append(littleEndian: type)
        buffer.append(littleEndian: UInt16(0))
        buffer.append(littleEndian: sequence)
        buffer.append(littleEndian: UInt32(0))
        buffer.append(payload)
        while buffer.count % 4 != 0 { buffer.append(0) }
    }

    @Test("messages of another question are passed over, and the end is the end")
    func walk() {
        var buffer = ByteBuffer()
        message(16, sequence: 6, [9], to: &buffer)
        message(16, sequence: 7, [1, 2, 3], to: &buffer)
        message(17, sequence: 7, [], to: &buffer)
        message(3, sequence: 7, [0, 0, 0, 0], to: &buffer)
        message(18, sequence: 7, [], to: &buffer)
        var cursor = NetlinkCursor(buffer.bytes, sequence: 7)
        var seen: [(UInt16, [UInt8])] = []
        while cursor.next() { seen.append((cursor.type, [UInt8](cursor.payload))) }
        #expect(seen.map(\.0) == [16, 17])
        #expect(seen.map(\.1) == [[1, 2, 3], []])
        let (isDone, code) = (cursor.isDone, cursor.code)
        #expect(isDone)
        #expect(code == 0)
    }

    @Test("an error has its errno")
    func error() {
        var buffer = ByteBuffer()
        message(2, sequence: 1, [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], to: &buffer)
        var cursor = NetlinkCursor(buffer.bytes, sequence: 1)
        let (hasMore, code) = (cursor.next(), cursor.code)
        #expect(!hasMore)
        #expect(code == EPERM)
    }

    @Test("counters are added up as /proc/net/dev has them")
    func counters() {
        var buffer = ByteBuffer()
        for index in 0..<24 { buffer.append(littleEndian: UInt64(1) << UInt64(index)) }
        let counters = LinkCounters(buffer.bytes)
        #expect(counters.hasNoHandler)
        #expect(counters.columns[0] == 1 << 2)
        #expect(counters.columns[3] == 1 << 6 | 1 << 15)
        #expect(counters.columns[5] == 1 << 13 | 1 << 10 | 1 << 11 | 1 << 12)
        #expect(counters.columns[14] == 1 << 17 | 1 << 16 | 1 << 19 | 1 << 20)
        #expect(counters.columns[16] == 1 << 23)
        #expect(!LinkCounters(buffer.bytes.slice(0, 23 * 8)).hasNoHandler)
    }

    @Test("netlink and /proc/net/dev tell the same of this host's devices")
    func agreement() throws {
        func devices(_ flags: String...) throws -> [String] {
            var host = HostConfiguration()
            try HostFlags.parse(["--collector.disable-defaults", "--collector.netdev"] + flags, into: &host)
            return sampleLines(of: HostCollection(try host.makeCollectors(), metrics: MetricRegistry()))
                .map { String($0.prefix { $0 != " " }) }.filter { !$0.contains("nohandler") }
        }
        let netlink = try devices()
        #expect(!netlink.isEmpty)
        #expect(try devices("--no-collector.netdev.netlink") == netlink)
    }

    @Test("netlink and /proc/net/arp count the same neighbours of this host")
    func neighbours() throws {
        func entries(_ flags: String...) throws -> [String] {
            var host = HostConfiguration()
            try HostFlags.parse(["--collector.disable-defaults", "--collector.arp"] + flags, into: &host)
            return sampleLines(of: HostCollection(try host.makeCollectors(), metrics: MetricRegistry()))
        }
        // Neighbours come and go: what stands between two equal answers must be equal too.
        for _ in 0..<20 {
            let before = try entries()
            let file = try entries("--no-collector.arp.netlink")
            guard try entries() == before else { continue }
            #expect(file == before)
            return
        }
        Issue.record("the neighbours never stayed the same")
    }

    @Test("netlink and sysfs tell the same of what this host's devices are")
    func properties() throws {
        func devices(_ flags: String...) throws -> [String] {
            var host = HostConfiguration()
            try HostFlags.parse(["--collector.disable-defaults", "--collector.netclass"] + flags, into: &host)
            return sampleLines(of: HostCollection(try host.makeCollectors(), metrics: MetricRegistry()))
        }
        // Links come and go: what stands between two equal answers must be equal too.
        for _ in 0..<20 {
            let before = try devices()
            let files = try devices("--no-collector.netclass.netlink")
            guard try devices() == before else { continue }
            #expect(before.contains(#"node_network_protocol_type{device="lo"} 772"#))
            #expect(files == before)
            return
        }
        Issue.record("the devices never stayed the same")
    }

    /// `struct ifinfomsg` and attributes.
    private func linkBytes(flags: UInt32, _ attributes: [(UInt16, [UInt8])]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.append(littleEndian: UInt16(0))
        buffer.append(littleEndian: UInt16(1))
        buffer.append(littleEndian: Int32(7))
        buffer.append(littleEndian: flags)
        buffer.append(littleEndian: UInt32(0))
        for (kind, value) in attributes {
            buffer.append(littleEndian: UInt16(4 + value.count))
            buffer.append(littleEndian: kind)
            buffer.append(value)
            while buffer.count % 4 != 0 { buffer.append(0) }
        }
        return buffer
    }

    private static let named: (UInt16, [UInt8]) = (3, Array("br-1".utf8) + [0])

    @Test("flags are as sysfs has them: no state of the link, promiscuous while anybody wants it")
    func linkFlags() {
        let on = linkBytes(
            flags: 0x1003 | 0x40 | 0x10000 | 0x20000 | 0x100, [Self.named, (30, [0, 0, 0, 0]), (61, [2, 0, 0, 0])])
        guard let found = LinkMessage(on.bytes) else {
            Issue.record("no message")
            return
        }
        let (flags, isDormant, name) = (found.flags, found.isDormant, String(lossy: found.text(.name)))
        #expect(flags == 0x1203)
        #expect(isDormant == true)
        #expect(name == "br-1")
        let old = linkBytes(flags: 0x1003, [Self.named, (30, [1, 0, 0, 0])])
        guard let oldMessage = LinkMessage(old.bytes) else {
            Issue.record("no message")
            return
        }
        let flagsOfOld = oldMessage.flags
        #expect(flagsOfOld == nil, "before Linux 6.0 netlink does not tell them all")
    }

    @Test("what a device that is off does not tell is not told; one that is on none is on itself")
    func offline() {
        let off = linkBytes(flags: 0x1002, [Self.named, (33, [1]), (16, [2])])
        guard let message = LinkMessage(off.bytes) else {
            Issue.record("no message")
            return
        }
        let (carrier, isDormant, underlying) = (message.hasCarrier, message.isDormant, message.underlying)
        #expect(carrier == nil)
        #expect(isDormant == nil)
        #expect(underlying == 7)
        let state = message.operationalState.description
        #expect(state == "down")
        let isCut = LinkMessage(off.bytes.slice(0, 15)) == nil
        #expect(isCut)
        let nameless = linkBytes(flags: 1, [])
        let isNameless = LinkMessage(nameless.bytes) == nil
        #expect(isNameless)
    }

    @Test("no bytes make the cursors leave them or go on for ever")
    func fuzz() {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        for _ in 0..<2000 {
            var buffer = ByteBuffer()
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                message(
                    UInt16.random(in: 0...20, using: &random), sequence: 1,
                    (0..<Int.random(in: 0...40, using: &random)).map { _ in .random(in: 0...8, using: &random) },
                    to: &buffer)
            }
            for _ in 0..<Int.random(in: 0...3, using: &random) where buffer.count >= 4 {
                buffer.overwrite(
                    at: Int.random(in: 0...buffer.count - 4, using: &random),
                    littleEndian: UInt32.random(in: 0 ... .max, using: &random))
            }
            buffer.truncate(to: Int.random(in: 0...buffer.count, using: &random))
            var cursor = NetlinkCursor(buffer.bytes, sequence: 1)
            var steps = 0
            while cursor.next() {
                steps += 1
                var attributes = NetlinkAttributes(cursor.payload, from: Int.random(in: 0...20, using: &random))
                while attributes.next() { steps += attributes.value.byteCount >= 0 ? 1 : 0 }
            }
            #expect(steps <= buffer.count, "seed \(seed)")
        }
    }
}
