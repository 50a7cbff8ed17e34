import Bytes
import TestSupport
import Testing

@Suite("IP networks")
struct IPNetworkTests {
    @Test(
        "texts and what they are",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("192.0.2.77/24", "192.0.2.0/24"), ("192.0.2.77/255.255.255.0", "192.0.2.0/24"),
            ("192.0.2.1/32", "192.0.2.1"), ("192.0.2.1/255.255.255.255", "192.0.2.1"), ("1.2.3.4/0", "0.0.0.0/0"),
            ("1.2.3.4/0.0.0.0", "0.0.0.0/0"), ("255.255.255.255", "255.255.255.255"), ("2001:DB8::1", "2001:db8::1"),
            ("2001:db8:0:0::1/32", "2001:db8::/32"), ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]/64", "2001:db8::/64"),
            ("2001:db8::/ffff:ffff::", "2001:db8::/32"), ("::", "::"), ("::1", "::1"), ("::/0", "::/0"),
            ("2001:db8::/128", "2001:db8::"),
            ("2001:db8::8000:0:0:1/65", "2001:db8:0:0:8000::/65"), ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:c000:201", "192.0.2.1"),
            ("::FFFF:192.0.2.1/120", "192.0.2.0/24"), ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
            ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
        ])
    func texts(_ text: String, _ expected: String) throws {
        let network = try #require(IPNetwork(text))
        #expect(network.description == expected)
        #expect(IPNetwork(network.description) == network)
    }

    @Test(
        "what is no address",
        arguments: [
            "", "/", "/24", "1", "1.2", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "999.999.999.999", "01.2.3.4",
            "1.2.3.04", "0x1.2.3.4",
            "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/", "1.2.3.4/24/24", "1.2.3.4/ 24", "1.2.3.4/+4", "1.2.3.4/0024",
            "1.2.3.4/255.0.255.0",
            "1.2.3.4/ffff::", "1.2.3.4/255.255.255.256", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n", "1.2.3.4\0",
            "1.2.3.4\0/8", "1..2.3", "a.b.c.d", "١.٢.٣.٤",
            ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "fe80::1%eth0",
            "2001:db8::/129", "2001:db8::/255.255.0.0",
            "::ffff:1.2.3.256", "::ffff:1.2.3.4/95", "[::1", "::1]", "[]", "[1.2.3.4", "localhost", "::1\0",
        ])
    func malformed(_ text: String) { #expect(IPNetwork(text) == nil) }

    @Test("a network has its addresses and the networks within, of its own family")
    func contains() throws {
        let wide = try #require(IPNetwork("10.0.0.0/8"))
        for text in ["10.0.0.0", "10.255.255.255", "10.1.0.0/16", "10.0.0.0/8", "::ffff:10.1.1.1"] {
            #expect(wide.contains(try #require(IPNetwork(text))))
        }
        for text in ["11.0.0.0", "9.255.255.255", "0.0.0.0/0", "8.0.0.0/7", "a00::", "::a00:1"] {
            #expect(!wide.contains(try #require(IPNetwork(text))))
        }
        let six = try #require(IPNetwork("2001:db8::/65"))
        #expect(six.contains(try #require(IPNetwork("2001:db8::7fff:ffff:ffff:ffff"))))
        #expect(!six.contains(try #require(IPNetwork("2001:db8:0:0:8000::"))))
        #expect(try #require(IPNetwork("::/0")).contains(six) && !(try #require(IPNetwork("0.0.0.0/0"))).contains(six))
    }

    @Test("bounds are the first and the last address, and every member is between them")
    func bounds() throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<2000 {
            let isIPv4 = Bool.random(using: &random)
            let length = Int.random(in: 0...(isIPv4 ? 32 : 128), using: &random)
            func address(_ bits: Int) -> IPNetwork {
                isIPv4
                    ? IPNetwork(ipv4: UInt32.random(in: 0 ... .max, using: &random), length: bits)
                    : IPNetwork(
                        high: UInt64.random(in: 0 ... .max, using: &random),
                        low: UInt64.random(in: 0 ... .max, using: &random),
                        length: bits)
            }
            let network = address(length)
            let other = address(isIPv4 ? 32 : 128)
            #expect(network.contains(other) == network.bounds.contains(other.bounds.lowerBound))
            #expect(other.network(length).contains(other) && other.network(length).length == length)
            #expect(
                network.network(200) == network && network.asAddress.isAddress && network.contains(network.asAddress))
            #expect(network.bounds.varyingBits == network.width - length)
            #expect(IPNetwork(network.description) == network)
        }
    }

    @Test("the order is by family, then by address, then from wide to narrow")
    func order() {
        let sorted = [
            "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.0", "10.0.0.1", "::/0", "::1", "2001:db8::/32",
            "2001:db8::",
        ]
        var random = SeededRandom(seed: SeededRandom.seed())
        #expect(sorted.shuffled(using: &random).compactMap { IPNetwork($0) }.sorted().map(\.description) == sorted)
    }

    @Test("lengths out of range are the nearest in range")
    func lengths() {
        #expect(
            IPNetwork(ipv4: .max, length: 99).length == 32
                && IPNetwork(ipv4: .max, length: -1).description == "0.0.0.0/0")
        #expect(
            IPNetwork(high: 1, low: 1, length: 999).length == 128
                && IPNetwork(high: 1, low: 1, length: -5).description == "::/0")
    }

    @Test("this host has loopback addresses, and knows its services")
    func host() {
        #expect(IPNetwork.ofInterfaces().contains { $0.isLoopback })
        #expect(ServicePorts.port(of: "no such service") == nil && ServicePorts.port(of: "a\0") == nil)
        // Where /etc/services is installed.
        if let port = ServicePorts.port(of: "ssh") { #expect(port == 22) }
        if let port = ServicePorts.port(of: "syslog") { #expect(port == 514) }
    }
}

extension ClosedRange<UInt128> {
    /// How many low bits vary within it.
    fileprivate var varyingBits: Int {
        (lowerBound ^ upperBound).nonzeroBitCount
    }
}
