import Bytes
import Loki
import Telemetry
import Testing

@testable import Agent

@Suite("Found entries as JSON")
struct FoundEntryTests {
    private func written(_ entry: FoundEntry) -> [UInt8] {
        var writer = JSONWriter()
        entry.write(to: &writer)
        return [UInt8](writer.buffer.bytes)
    }

    @Test(
        "what is written reads back",
        arguments: [
            FoundEntry(
                timestamp: Timestamp(nanoseconds: 1_700_000_000_000_000_001), labels: ["job": "t"], line: "hi",
                metadata: [], tenant: ""),
            FoundEntry(
                timestamp: Timestamp(nanoseconds: 0), labels: ["a": "x\"y\\z", "b": "ü\n"],
                line: "tab\tquote\"\u{1}🚨", metadata: [Label("trace", "1"), Label("empty", "")], tenant: "blue"),
            FoundEntry(timestamp: Timestamp(nanoseconds: -1), labels: [:], line: "", metadata: [], tenant: ""),
        ])
    func roundTrip(entry: FoundEntry) throws {
        let json = written(entry)
        #expect(json.last == 0x0a)
        #expect(json.filter { $0 == 0x0a }.count == 1)
        let again = try #require(FoundEntry(json: json))
        #expect(again.timestamp == entry.timestamp)
        #expect(again.labels == entry.labels)
        #expect(again.line == entry.line)
        #expect(again.metadata == entry.metadata)
        #expect(again.tenant == entry.tenant)
    }

    @Test("no prefix and no changed byte of a line crashes the reader")
    func damaged() {
        let json = written(
            FoundEntry(
                timestamp: Timestamp(nanoseconds: 1), labels: ["job": "t"], line: "hi \"there\"",
                metadata: [Label("k", "v")], tenant: "x"))
        for length in 0..<json.count { _ = FoundEntry(json: Array(json[..<length])) }
        #expect(FoundEntry(json: []) == nil)
        #expect(FoundEntry(json: Array("{}".utf8)) == nil)
        for index in json.indices {
            for byte: UInt8 in [0, 0x22, 0x5c, 0x7b, 0x7d, 0xff] {
                var changed = json
                changed[index] = byte
                _ = FoundEntry(json: changed)
            }
        }
    }
}
