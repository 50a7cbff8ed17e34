import Bytes
import TestSupport
import Testing

@testable import Jails

@Suite("Lists of networks")
struct NetworkListTests {
    private static func list(_ texts: String...) -> NetworkList { NetworkList(texts.compactMap { IPNetwork($0) }) }
    private static func texts(_ list: NetworkList) -> [String] { list.networks.map(\.description) }

    @Test("overlaps are merged, halves joined")
    func aggregation() {
        let list = Self.list(
            "192.0.2.129", "192.0.2.0/25", "192.0.2.128/25", "192.0.3.0/24", "10.0.0.1", "10.0.0.1", "10.0.0.2",
            "10.0.0.3",
            "2001:db8::/33", "2001:db8:8000::/33", "2001:db8::1")
        #expect(Self.texts(list) == ["10.0.0.1", "10.0.0.2/31", "192.0.2.0/23", "2001:db8::/32"])
    }

    @Test("has what lies in one of them")
    func containing() throws {
        let list = Self.list("10.0.0.0/8", "192.0.2.1", "2001:db8::/32")
        for inside in ["10.0.0.0", "10.255.255.255", "10.1.0.0/16", "192.0.2.1", "2001:db8:ffff::1"] {
            #expect(list.contains(try #require(IPNetwork(inside))), "\(inside)")
        }
        for outside in ["9.255.255.255", "11.0.0.0", "0.0.0.0/0", "192.0.2.0/24", "::10.0.0.1", "2001:db9::"] {
            #expect(!list.contains(try #require(IPNetwork(outside))), "\(outside)")
        }
        #expect(!NetworkList().contains(IPNetwork(ipv4: 1)))
    }

    @Test("what is excluded is cut out, the rest stays")
    func subtracting() throws {
        let own = try ["192.0.2.6", "10.0.0.0/8", "2001:db8::1"].map { try #require(IPNetwork($0)) }
        let list = Self.list("192.0.2.0/29", "10.1.2.3", "203.0.113.0/24", "2001:db8::/126").subtracting(own)
        #expect(
            Self.texts(list) == [
                "192.0.2.0/30", "192.0.2.4/31", "192.0.2.7", "203.0.113.0/24", "2001:db8::", "2001:db8::2/127",
            ])
        #expect(Self.list("192.0.2.0/24").subtracting([IPNetwork(ipv4: 0, length: 0)]).isEmpty)
    }

    @Test("agrees with looking at every address")
    func agreement() {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<200 {
            let some = (0..<12).map { _ in
                IPNetwork(ipv4: .random(in: 0..<64, using: &random), length: .random(in: 26...32, using: &random))
            }
            let excluded = (0..<3).map { _ in
                IPNetwork(ipv4: .random(in: 0..<64, using: &random), length: .random(in: 28...32, using: &random))
            }
            let list = NetworkList(some)
            let rest = list.subtracting(excluded)
            for number in UInt32(0)..<64 {
                let address = IPNetwork(ipv4: number)
                let isIn = some.contains { $0.contains(address) }
                #expect(list.contains(address) == isIn)
                let wider = address.network(29)
                #expect(
                    (list.overlapping(wider) != nil) == some.contains { $0.contains(wider) || wider.contains($0) })
                #expect(rest.contains(address) == (isIn && !excluded.contains { $0.contains(address) }))
            }
            #expect(zip(list.networks, list.networks.dropFirst()).allSatisfy { !$0.contains($1) && $0 < $1 })
        }
    }

    @Test(
        "published forms are read",
        arguments: [
            ("# a comment\n192.0.2.1\n\n198.51.100.0/24 ; SBL123\n// end\n", ["192.0.2.1", "198.51.100.0/24"]),
            ("\u{feff}192.0.2.1\r\n2001:db8::/32\r\n", ["192.0.2.1", "2001:db8::/32"]),
            ("ip,first seen\n\"192.0.2.1\",\"2026-01-01\"\n198.51.100.7,x\n", ["192.0.2.1", "198.51.100.7"]),
            (
                #"{"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"ripencc"}"# + "\n" + #"{"cidr":"2001:db8::/32"}"# + "\n"
                    + #"{"type":"metadata","timestamp":1700000000,"size":2}"#, ["192.0.2.0/24", "2001:db8::/32"]
            ),
            ("[\n  \"192.0.2.1\",\n  \"192.0.2.2\"\n]\n", ["192.0.2.1", "192.0.2.2"]),
            (
                "192.0.2.1 bad.example.org # seen often\n192.0.2.2\tother\n192.0.2.3#x\n",
                ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
            ),
            ("#\n# firehol_level1\n#\n", []),
            ("192.0.2.0/255.255.255.0\n", ["192.0.2.0/24"]),
        ])
    func forms(_ text: String, _ expected: [String]) throws {
        var copy = text
        let list = try copy.withUTF8 { try NetworkListText(parsing: UnsafeRawBufferPointer($0).bytes, limit: 100) }
        #expect(list.networks.map(\.description) == expected)
    }

    private func failure(_ text: String, limit: Int = 100) -> String {
        var copy = text
        return copy.withUTF8 { bytes in
            do throws(NetworkListText.Failure) {
                _ = try NetworkListText(parsing: UnsafeRawBufferPointer(bytes).bytes, limit: limit)
                return ""
            } catch {
                return error.description
            }
        }
    }

    @Test("what is no list is refused in one sentence")
    func refusals() throws {
        #expect(failure("") == "is empty")
        #expect(failure("<html>\n<body>502 Bad Gateway</body>\n").contains("line 1, found \"<html>\""))
        #expect(failure("192.0.2.1\n192.0.2.2\n192.0.2.3\n", limit: 2).contains("more than 2 entries"))
        var wide = "0.0.0.0/0\n::/0\n128.0.0.0/1\n192.0.2.1\n"
        let list = try wide.withUTF8 { try NetworkListText(parsing: UnsafeRawBufferPointer($0).bytes, limit: 9) }
        #expect(list.tooWide == 3)
        #expect(list.networks.count == 1)
    }

    @Test("any bytes are read without harm")
    func fuzz() {
        var random = SeededRandom(seed: SeededRandom.seed())
        let pieces = [
            "192.0.2.1", "/", "\n", "{\"cidr\":", "\"", "::", "[", "]", ",", "#", " ", "\u{feff}", "\0", "}", "ä",
        ]
        for _ in 0..<2000 {
            let text = (0..<Int.random(in: 0...30, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }
            var bytes = Array(text.joined().utf8)
            if Bool.random(using: &random), !bytes.isEmpty {
                bytes[.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            _ = try? NetworkListText(parsing: bytes.span.bytes, limit: 100)
            _ = BlockListCopy(bytes.span.bytes)
        }
    }
}
