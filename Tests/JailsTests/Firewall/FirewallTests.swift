import Bytes
import Glibc
import Telemetry
import Testing

@testable import Jails

/// With the kernel, in namespaces of their own.
@Suite(.enabled(if: NetworkNamespace.isAvailable)) struct FirewallTests {
    @Test("every scope has its chain, and every length of networks its set")
    func ruleset() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let all = rig.action("all")
            let ssh = rig.action("sshd", ports: PortSelection(ranges: [2222...2230, 22...22]))
            let dns = rig.action(
                "dns", ports: PortSelection(ranges: [53...53], isTCP: true, isUDP: true), rejects: true)
            try rig.firewall.allow([#require(IPNetwork("10.0.0.0/8"))])
            try all.start(
                restoring: [rig.ban("192.0.2.1", 100), rig.ban("2001:db8::/64", -1), rig.ban("198.51.100.0/23", 50)],
                now: rig.now)
            try ssh.start(restoring: [], now: rig.now)
            try dns.start(restoring: [rig.ban("2001:db8:1::1", 20)], now: rig.now)
            try ssh.apply([.ban(rig.ban("203.0.113.9", 30))], now: rig.now)
            let text = try NetworkNamespace.shell("nft -s list ruleset")
            for line in [
                "type filter hook prerouting priority raw - 10; policy accept;", "meta iiftype loopback return",
                "jump allowed", "tcp dport 22 jump bans_tcp_22_2222-2230",
                "tcp dport 2222-2230 jump bans_tcp_22_2222-2230",
                "udp dport 53 jump bans_tcpudp_53_reject", "ip saddr & 255.0.0.0 == @allowed_ip4_8 counter accept",
                "ip saddr & 255.255.254.0 == @bans_ip4_23 counter drop", "ip saddr @bans_ip4_32 counter drop",
                "ip6 saddr & ffff:ffff:ffff:ffff:: == @bans_ip6_64 counter drop",
                "ip6 saddr @bans_tcpudp_53_reject_ip6_128 counter reject",
            ] { try #require(text.contains(line), "\(line) is not in \(text)") }
            let left = try #require(try rig.remaining("203.0.113.9", "sshd"))
            try #require(left > 28 && left <= 31)
            try #require(try rig.remaining("2001:db8::/64", "all") == .infinity)
            try #require(try rig.remaining("203.0.113.9", "all") == nil)
            try #require(rig.state == .ok)

            ssh.stop(isRemoved: true)
            let rest = try NetworkNamespace.shell("nft list ruleset")
            try #require(!rest.contains("bans_tcp_22") && rest.contains("bans_ip4_23"))
            dns.stop(isRemoved: false)
            try #require(try NetworkNamespace.shell("nft list ruleset") == rest || rest.contains("expires"))
            dns.stop(isRemoved: true)
            all.stop(isRemoved: true)
            try #require(try NetworkNamespace.shell("nft list ruleset").isEmpty)
        }
    }

    @Test("block lists have sets of their own, which what jails do leaves alone, and go when they are no longer named")
    func lists() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            func list() throws -> String { try NetworkNamespace.shell("nft -s list ruleset") }
            let (one, other) = (try #require(IPNetwork("192.0.2.0/24")), try #require(IPNetwork("2001:db8::1")))
            try rig.firewall.block(["a": [one], "b": [one, other]])
            try #require(try list().contains("@lists_ip4_24 counter drop"))
            let jail = rig.action("door")
            try jail.start(restoring: [rig.ban("203.0.113.1", 100)], now: rig.now)
            rig.firewall.retain(["door"])
            try rig.firewall.restore(["door": ElementTable()], now: rig.now)
            try #require(try list().contains("elements = { 192.0.2.0 }"))
            try #require(try rig.remaining("203.0.113.1", "door") == nil)
            // The network of both stays for the one that is left.
            try rig.firewall.block(["a": [one]])
            try #require(try list().contains("192.0.2.0") && !list().contains("2001:db8::1"))
            try rig.firewall.block([:])
            try #require(try !list().contains("lists") && list().contains("bans_ip4_32"))
        }
    }

    @Test("the kernel ends bans by itself, and what it has ended can be ended again")
    func expiry() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let jail = rig.action("a")
            let now = rig.now.rounded(.down)
            let ban = Ban(jail: "a", target: BanTarget("192.0.2.1"), time: now, duration: 1)
            try jail.start(restoring: [ban], now: now)
            try #require(try rig.remaining("192.0.2.1", "a") != nil)
            let isOver = try NetworkNamespace.await(3) { try rig.remaining("192.0.2.1", "a") == nil }
            try #require(isOver)
            // As a jail does whose clock is late, and one that has waited.
            try jail.apply([.unban(ban)], now: now)
            try jail.apply([.unban(ban), .ban(rig.ban("192.0.2.2", 9))], now: now + 5)
            try #require(try rig.remaining("192.0.2.2", "a") != nil)
        }
    }

    @Test("deleting what is not there fails nothing")
    func missing() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let jail = rig.action("a")
            try jail.start(restoring: [rig.ban("192.0.2.1", 60), rig.ban("2001:db8::/64", 60)], now: rig.now)
            _ = try NetworkNamespace.shell("nft delete element inet tocsin bans_ip4_32 '{ 192.0.2.1 }'")
            try jail.apply(
                [
                    .unban(rig.ban("192.0.2.1", 60)), .unban(rig.ban("192.0.2.77", 60)), .ban(rig.ban("192.0.2.3", 60)),
                    .unban(rig.ban("2001:db8::/64", 60)),
                ], now: rig.now)
            try #require(try rig.remaining("192.0.2.1", "a") == nil)
            try #require(try rig.remaining("192.0.2.3", "a") != nil)
            try #require(try rig.remaining("2001:db8::/64", "a") == nil)
            // With the whole table gone too.
            _ = try NetworkNamespace.shell("nft flush ruleset")
            try jail.apply([.unban(rig.ban("192.0.2.9", 60)), .ban(rig.ban("192.0.2.4", 60))], now: rig.now)
            try #require(try rig.remaining("192.0.2.3", "a") != nil)
            try #require(try rig.remaining("192.0.2.4", "a") != nil)
        }
    }

    @Test("a ban is made longer, endless and shorter")
    func prolong() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let jail = rig.action("a")
            try jail.start(restoring: [rig.ban("192.0.2.1", 10)], now: rig.now)
            for (duration, range) in [(100.0, 97.0...101.0), (-1, .infinity ... .infinity), (20, 17...21)] {
                try jail.apply([.prolong(rig.ban("192.0.2.1", duration))], now: rig.now)
                let left = try #require(try rig.remaining("192.0.2.1", "a"))
                try #require(range.contains(left), "\(left)")
            }
        }
    }

    @Test("jails of one scope share sets: the longest ban of a network holds")
    func shared() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let (one, two) = (rig.action("one"), rig.action("two"))
            try one.start(restoring: [rig.ban("192.0.2.1", 100)], now: rig.now)
            try two.start(restoring: [], now: rig.now)
            try two.apply([.ban(rig.ban("192.0.2.1", 30))], now: rig.now)
            try #require(try rig.remaining("192.0.2.1", "two") ?? 0 > 90)
            try one.apply([.unban(rig.ban("192.0.2.1", 100))], now: rig.now)
            let left = try #require(try rig.remaining("192.0.2.1", "one"))
            try #require(left < 32 && left > 27)
            two.stop(isRemoved: true)
            try #require(try rig.remaining("192.0.2.1", "one") == nil)
        }
    }

    @Test("what is no address is refused, and what comes with it is done")
    func texts() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let jail = rig.action("a")
            try jail.start(restoring: [], now: rig.now)
            for target in ["root", "0.0.0.0/0"] {
                #expect(throws: BanActionError.self) {
                    try jail.apply([.ban(rig.ban(target, 9)), .ban(rig.ban("192.0.2.1", 9))], now: rig.now)
                }
                try jail.apply([.unban(rig.ban(target, 9))], now: rig.now)
            }
            try #require(try rig.remaining("192.0.2.1", "a") != nil)
            #expect(throws: BanActionError.self) { try jail.start(restoring: [rig.ban("root", 9)], now: rig.now) }
        }
    }

    @Test("a jail that comes anew with other ports has its bans there, and the old one takes nothing of them away")
    func otherPorts() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let ports = PortSelection(ranges: [22...22])
            let (old, other) = (rig.action("a"), rig.action("b"))
            let ban = rig.ban("192.0.2.1", 60)
            try old.start(restoring: [ban], now: rig.now)
            try other.start(restoring: [], now: rig.now)
            let new = rig.action("a", ports: ports)
            old.stop(isRemoved: true)
            try new.start(restoring: [ban], now: rig.now)
            try #require(try rig.remaining("192.0.2.1", "a") != nil)
            try #require(try rig.remaining("192.0.2.1", "b") == nil)
            new.stop(isRemoved: true)
            try #require(!NetworkNamespace.shell("nft list ruleset").contains("bans_tcp_22"))
        }
    }

    @Test("where there is no room for more bans, that is said and the others hold")
    func full() async throws {
        try await NetworkNamespace.run {
            var settings = Firewall.Settings()
            settings.maximumBans = 2
            let rig = FirewallRig(settings)
            let jail = rig.action("a")
            try jail.start(restoring: [], now: rig.now)
            let bans = (1...3).map { BanChange.ban(rig.ban("192.0.2.\($0)", 60)) }
            #expect(throws: BanActionError.self) { try jail.apply(bans, now: rig.now) }
            try #require(try rig.remaining("192.0.2.2", "a") != nil)
            try #require(try rig.remaining("192.0.2.3", "a") == nil)
            try jail.apply([.unban(rig.ban("192.0.2.1", 60)), bans[2], bans[1]], now: rig.now)
            try #require(try rig.remaining("192.0.2.3", "a") != nil)
        }
    }

    @Test("without the right to change the firewall there is a clear error, and readiness has it")
    func noRight() async throws {
        try await NetworkNamespace.run {
            try NetworkNamespace.dropRights()
            let rig = FirewallRig()
            let jail = rig.action("a")
            let error = #expect(throws: BanActionError.self) { try jail.start(restoring: [], now: rig.now) }
            try #require(error?.description.contains("CAP_NET_ADMIN") == true)
            guard case .failed(let text) = rig.state else {
                throw BanActionError("the state is \(String(describing: rig.state))")
            }
            try #require(text.contains("CAP_NET_ADMIN"))
            try #require(rig.metrics.total("f2b_firewall_errors_total") == 1)
            _ = rig.metrics.snapshot()
        }
    }

    @Test("elements count packets where that is wanted, and a table that does not is made anew")
    func elementCounters() async throws {
        try await NetworkNamespace.run {
            var settings = Firewall.Settings()
            let plain = FirewallRig(settings)
            try plain.action("a").start(restoring: [plain.ban("127.0.0.1", 60)], now: plain.now)
            settings.countsElements = true
            let rig = FirewallRig(settings)
            let jail = rig.action("a")
            try jail.start(restoring: [rig.ban("127.0.0.9", 60)], now: rig.now)
            let list = try NetworkNamespace.shell("nft list set inet tocsin bans_ip4_32")
            try #require(list.contains("127.0.0.9 counter packets 0 bytes 0 timeout") && !list.contains("127.0.0.1"))
            let enforcement = try #require(try rig.firewall.enforcement(of: BanTarget("127.0.0.9"), jail: "a"))
            try #require(enforcement.packets == 0)
        }
    }

    @Test("metrics count what rules stop and what jails have")
    func numbers() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let jail = rig.action("a")
            try jail.start(restoring: [rig.ban("192.0.2.1", 60), rig.ban("2001:db8::/64", 60)], now: rig.now)
            let families = rig.metrics.snapshot()
            let packets = try #require(families.first { $0.name == "f2b_firewall_packets_total" })
            let names = Set(packets.series.keys.compactMap { $0["set"] })
            try #require(names == ["bans_ip4_32", "bans_ip6_64", "bans_ip6_128"])
            let elements = try #require(families.first { $0.name == "f2b_firewall_elements" }?.series[["jail": "a"]])
            guard case .computed(let read) = elements else { throw BanActionError("not computed") }
            try #require(read() == 2)
        }
    }
}
