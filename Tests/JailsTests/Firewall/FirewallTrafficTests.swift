import Bytes
import Glibc
import Telemetry
import Testing

@testable import Jails

/// What becomes of packets: an attacker in one namespace, the firewall in another, a wire between them.
@Suite(.enabled(if: NetworkNamespace.isAvailable)) struct FirewallTrafficTests {
    /// Tries connections, given as `address port source`, and prints for each whether it was made, refused or not answered.
    private static let prober = """
        import socket, sys
        for probe in sys.argv[1:]:
            host, port, source = probe.split()
            try:
                socket.create_connection((host, int(port)), 0.2, (source, 0)).close()
                print("made", end=" ")
            except TimeoutError:
                print("silent", end=" ")
            except ConnectionRefusedError:
                print("refused", end=" ")
        """

    @Test("bans stop what they are for, and nothing else")
    func traffic() async throws {
        try await NetworkNamespace.run {
            let attacker = NamespaceThread()
            defer { attacker.end() }
            let number = try attacker.run { try NetworkNamespace.threadNumber() }
            _ = try NetworkNamespace.shell(
                """
                ip link add wire type veth peer name wire netns \(number) && ip link set wire up &&
                ip address add 198.51.100.1/24 dev wire && ip address add 2001:db8::1/32 dev wire nodad
                """)
            let output = try attacker.run {
                try NetworkNamespace.shell(
                    """
                    ip link set wire up && for a in 2 3 4; do ip address add 198.51.100.$a/24 dev wire; done &&
                    ip address add 2001:db8:1::2/32 dev wire nodad && ip address add 2001:db8:2::2/32 dev wire nodad
                    """)
            }
            try #require(output.isEmpty, "\(output)")
            let listeners = try [2222, 2223].map { try NetworkNamespace.listen($0) }
            defer { for listener in listeners { close(listener) } }
            func expect(_ wanted: [String], of probes: [String]) throws {
                let arguments = probes.map { "'\($0)'" }.joined(separator: " ")
                let output = try attacker.run {
                    try NetworkNamespace.shell("python3 -c '\(Self.prober)' \(arguments)")
                }
                try #require(output == wanted.map { $0 + " " }.joined(), "\(output)")
            }
            let probes = [
                "198.51.100.1 2222 198.51.100.2", "198.51.100.1 2223 198.51.100.2", "198.51.100.1 2222 198.51.100.3",
                "198.51.100.1 2223 198.51.100.3", "2001:db8::1 2222 2001:db8:1::2", "2001:db8::1 2222 2001:db8:2::2",
                "2001:db8::1 2223 2001:db8:2::2",
            ]
            let rig = FirewallRig()
            let all = rig.action("all")
            let some = rig.action("some", ports: PortSelection(ranges: [2200...2222]), rejects: true)
            try all.start(restoring: [], now: rig.now)
            try some.start(restoring: [], now: rig.now)
            try expect(Array(repeating: "made", count: 7), of: probes)

            try all.apply([.ban(rig.ban("198.51.100.2", 60)), .ban(rig.ban("2001:db8:1::/64", -1))], now: rig.now)
            try some.apply(
                [.ban(rig.ban("198.51.100.3", 60)), .ban(rig.ban("2001:db8:2::2", 60))], now: rig.now)
            try expect(["silent", "silent", "refused", "made", "silent", "refused", "made"], of: probes)
            // A network, but for one of it that is allowed.
            try rig.firewall.allow([#require(IPNetwork("198.51.100.3"))])
            try some.apply([.unban(rig.ban("198.51.100.3", 60))], now: rig.now)
            try all.apply(
                [.unban(rig.ban("2001:db8:1::/64", 60)), .ban(rig.ban("198.51.100.0/25", 60))], now: rig.now)
            try expect(
                [
                    "made", "made", "made", "silent",
                ], of: Array(probes[2...4]) + ["198.51.100.1 2222 198.51.100.4"])
            let families = rig.metrics.snapshot()
            let packets = families.first { $0.name == "f2b_firewall_packets_total" }?.series[["set": "bans_ip4_25"]]
            guard case .computed(let read) = packets else { throw BanActionError("not counted") }
            try #require(read() >= 1)
        }
    }
}
