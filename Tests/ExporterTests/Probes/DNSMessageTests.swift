import Bytes
import TestSupport
import Testing

@testable import Exporter

@Suite("DNS messages")
struct DNSMessageTests {
    @Test("a query asks for one name, in labels")
    func query() throws {
        let bytes = try #require(DNSMessage.query("ab.example.", .aaaa, identity: 0x1234, isRecursive: true))
        #expect(
            bytes == [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0x61, 0x62, 7] + Array("example".utf8)
                + [0, 0, 28, 0, 1])
        #expect(DNSMessage.query("a..b", .a, identity: 0, isRecursive: true) == nil)
        #expect(DNSMessage.query(String(repeating: "x", count: 64), .a, identity: 0, isRecursive: true) == nil)
        #expect(DNSMessage.query(".", .ns, identity: 0, isRecursive: false)?.count == 17)
    }

    /// Header, one question for `example.`, then the records with names that point back at offset 12.
    private func answer(_ records: [(type: UInt16, data: [UInt8])]) -> [UInt8] {
        var bytes: [UInt8] = [0, 7, 0x81, 0x83, 0, 1, 0, UInt8(records.count), 0, 2, 0, 3]
        bytes += [7] + Array("example".utf8) + [0, 0, 1, 0, 1]
        for (type, data) in records {
            bytes += [0xc0, 12, UInt8(type >> 8), UInt8(type & 255), 0, 1, 0, 0, 1, 44, 0, UInt8(data.count)] + data
        }
        return bytes
    }

    @Test("an answer's records read as in a zone file")
    func records() throws {
        let bytes = answer([
            (1, [192, 0, 2, 7]), (28, [0x20, 1, 0xd, 0xb8] + Array(repeating: 0, count: 11) + [1]),
            (15, [0, 10, 2, 0x6d, 0x78, 0xc0, 12]), (16, [2, 0x68, 0x69, 1, 0x21]), (5, [0xc0, 12]),
            (6, [0xc0, 12, 0xc0, 12, 0, 0, 0, 42] + Array(repeating: 0, count: 16)), (999, [0xab, 1]),
        ])
        let parsed = DNSMessage(bytes.span.bytes)
        let message = try #require(parsed)
        #expect(message.identity == 7 && message.isResponse && message.responseCode == 3)
        #expect(DNSMessage.name(of: message.responseCode) == "NXDOMAIN")
        #expect(message.authorityCount == 2 && message.additionalCount == 3)
        #expect(
            message.answers.map(\.text) == [
                "192.0.2.7", "2001:db8:0:0:0:0:0:1", "10 mx.example.", "\"hi\" \"!\"", "example.",
                "example. example. 42", "ab01",
            ])
        #expect(message.answers[5].serial == 42)
        #expect(message.answers.allSatisfy { $0.name == "example." && $0.ttl == 300 })
    }

    @Test("names that point at themselves, and any other bytes, end")
    func fuzz() {
        let circle: [UInt8] = [0, 0, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12]
        let parsed = DNSMessage(circle.span.bytes)
        #expect(parsed == nil)
        var random = SeededRandom(seed: 0xd45)
        let good = answer([(15, [0, 10, 2, 0x6d, 0x78, 0xc0, 12]), (6, [0xc0, 12, 0xc0, 12, 0, 0, 0, 42])])
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            }
            bytes.removeLast(Int.random(in: 0...bytes.count, using: &random) / 4)
            if let message = DNSMessage(bytes.span.bytes) { #expect(message.answers.count <= bytes.count) }
        }
    }
}

@Suite("Echo packets")
struct EchoPacketTests {
    @Test("the checksum over a request is zero, and only its reply answers it", arguments: [0, 1, 28, 1400])
    func request(size: Int) {
        let request = EchoPacket.request(version: 4, identity: 0xbeef, sequence: 1, size)
        let checksum = EchoPacket.checksum(request.bytes)
        #expect(checksum == 0)
        var reply = [UInt8](request.bytes)
        #expect(reply.count == 8 + size)
        func isAnswer(_ bytes: [UInt8], isIdentityKnown: Bool = true) -> Bool {
            request.isAnswered(by: bytes.span.bytes, isIdentityKnown: isIdentityKnown)
        }
        #expect(!isAnswer(reply))
        reply[0] = 0
        #expect(!isAnswer(Array(reply.prefix(7))))
        #expect(isAnswer(reply))
        reply[4] ^= 1
        #expect(!isAnswer(reply))
        #expect(isAnswer(reply, isIdentityKnown: false))
    }
}

@Suite("Hosts and ports")
struct HostAndPortTests {
    @Test(
        "host:port is taken apart",
        arguments: [
            ("a:80", "a", 80), ("[::1]:443", "::1", 443), ("a", "a", 53), ("[fe80::1%eth0]", "fe80::1%eth0", 53),
            ("2001:db8::1", "2001:db8::1", 53),
        ] as [(String, String, UInt16)])
    func good(text: String, host: String, port: UInt16) throws {
        let parsed = try #require(HostAndPort(text, defaultPort: 53))
        #expect(parsed.host == host && parsed.port == port)
    }

    @Test("anything else is not", arguments: ["", ":80", "a:", "a:99999", "[::1", "a:-1", "a:0", "[::1]x"])
    func bad(text: String) { #expect(HostAndPort(text) == nil) }
}
