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
