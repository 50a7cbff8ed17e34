import Bytes
import Glibc
import Synchronization
import Telemetry
import Testing

@testable import Jails

/// What a start and a stranger's change lead to.
@Suite(.enabled(if: NetworkNamespace.isAvailable)) struct FirewallRestoreTests {
    @Test("a warm start sends the difference only")
    func warmStart() async throws {
        try await NetworkNamespace.run {
            let old = FirewallRig()
            let bans = [
                old.ban("192.0.2.1", 600), old.ban("192.0.2.2", 600), old.ban("192.0.2.3", -1),
                old.ban("2001:db8::/48", 600),
            ]
            let before = old.action("a")
            try before.start(restoring: bans + [old.ban("192.0.2.66", 600)], now: old.now)
            before.stop(isRemoved: false)
            let handles = try NetworkNamespace.shell("nft -a -s list chain inet tocsin bans")

            let new = FirewallRig()
            let jail = new.action("a")
            var changed = bans
            changed[1] = new.ban("192.0.2.2", 50)
            changed[2] = new.ban("192.0.2.3", 500)
            try jail.start(restoring: changed + [new.ban("192.0.2.4", 600)], now: new.now)
            try #require(try new.remaining("192.0.2.1", "a") ?? 0 > 590)
            try #require(try new.remaining("192.0.2.2", "a") ?? 99 < 52)
            try #require(try new.remaining("192.0.2.3", "a") ?? 999 < 502)
            try #require(try new.remaining("192.0.2.4", "a") != nil)
            try #require(try new.remaining("192.0.2.66", "a") == nil)
            try #require(try new.remaining("2001:db8::/48", "a") != nil)
            try #require(try NetworkNamespace.shell("nft -a -s list chain inet tocsin bans") == handles)

            // And nothing where nothing differs, or where the table was only saved and loaded again.
            let saved = "/tmp/tocsin-ruleset-\(getpid())"
            defer { unlink(saved) }
            let output = try NetworkNamespace.shell(
                "nft list ruleset > \(saved) && nft flush ruleset && nft -f \(saved)")
            try #require(output.isEmpty, "\(output)")
            let same = FirewallCore(Firewall.Settings())
            same.holders["a"] = FirewallCore.Holder(
                scope: FirewallScope(ports: nil, rejects: false),
                table: ElementTable(changed + [new.ban("192.0.2.4", 600)], now: new.now), isStarted: true)
            try #require(try same.reconcile(now: new.now) == 0)
        }
    }

    @Test("a jail's bans stay while it has not yet told which it wants")
    func oneByOne() async throws {
        try await NetworkNamespace.run {
            let old = FirewallRig()
            let ports = PortSelection(ranges: [22...22])
            _ = (old.action("a"), old.action("b"), old.action("c", ports: ports))
            try old.firewall.restore(
                [("a", "192.0.2.1"), ("b", "192.0.2.2"), ("c", "192.0.2.0/25")].reduce(into: [:]) { tables, ban in
                    tables[ban.0] = ElementTable([old.ban(ban.1, 60)], now: old.now)
                }, now: old.now)

            let new = FirewallRig()
            let (a, b, c) = (new.action("a"), new.action("b"), new.action("c", ports: ports))
            try a.start(restoring: [], now: new.now)
            try #require(try new.remaining("192.0.2.1", "a") != nil)
            try #require(try new.remaining("192.0.2.2", "b") != nil)
            try b.start(restoring: [new.ban("192.0.2.2", 60)], now: new.now)
            try #require(try new.remaining("192.0.2.0/25", "c") != nil)
            try c.start(restoring: [], now: new.now)
            try #require(try new.remaining("192.0.2.1", "a") == nil)
            try #require(try new.remaining("192.0.2.2", "b") != nil)
            try #require(!NetworkNamespace.shell("nft list ruleset").contains("ip4_25"))
        }
    }

    @Test(
        "what others change is restored within a second, once",
        arguments: [
            "nft flush ruleset", "nft delete table inet tocsin", "nft flush chain inet tocsin bans",
            "nft insert rule inet tocsin prerouting accept",
            "nft delete element inet tocsin bans_ip4_32 '{ 192.0.2.1 }'",
            "nft add element inet tocsin bans_ip4_32 '{ 192.0.2.7 }'", "nft add table inet tocsin '{ flags dormant; }'",
            "nft flush set inet tocsin bans_ip6_64", "nft add chain inet tocsin more",
            "nft 'add chain inet tocsin x; add rule inet tocsin bans jump x'",
            "nft 'flush chain inet tocsin prerouting; delete chain inet tocsin prerouting'",
        ])
    func selfHeal(_ command: String) async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let jail = rig.action("a")
            try jail.start(restoring: [rig.ban("192.0.2.1", -1), rig.ban("2001:db8::/64", -1)], now: rig.now)
            let list = "nft list ruleset | grep -v counter.packets; nft list ruleset | grep -c 192.0.2.1"
            let before = try NetworkNamespace.shell(list)
            try rig.monitored {
                let output = try NetworkNamespace.shell(command)
                try #require(output.isEmpty, "\(output)")
                try #require(NetworkNamespace.await(1) { rig.restores == 1 }, "not restored")
                let after = try NetworkNamespace.shell(list)
                try #require(after == before, "\(before) became \(after)")
                let note = try #require(rig.notes.lines.withLock { $0.last })
                try #require(note.contains("nft (process "), "\(note)")
                usleep(250_000)
                try #require(rig.restores == 1)
            }
        }
    }

    @Test("a change is seen also where the kernel tells of more than there is room for")
    func overflow() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let jail = rig.action("a")
            try jail.start(restoring: [rig.ban("192.0.2.1", -1)], now: rig.now)
            let elements = (0..<40_000).map { "10.0.\($0 / 256).\($0 % 256)" }.joined(separator: ",")
            let path = "/tmp/tocsin-elements-\(getpid())"
            let file = try #require(fopen(path, "w"))
            defer { unlink(path) }
            fputs(
                "table ip other {\n set s {\n type ipv4_addr\n elements = { \(elements) }\n }\n }\nflush ruleset\n",
                file)
            fclose(file)
            try rig.monitored {
                try #require(try NetworkNamespace.shell("nft -f \(path)").isEmpty)
                try #require(NetworkNamespace.await(2) { rig.restores == 1 }, "not restored")
                try #require(try rig.remaining("192.0.2.1", "a") != nil)
            }
        }
    }

    @Test("own changes and those of other tables restore nothing")
    func noLoop() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let jail = rig.action("a")
            try jail.start(restoring: [], now: rig.now)
            try rig.monitored {
                for number in 1...50 { try jail.apply([.ban(rig.ban("192.0.2.\(number)", 60))], now: rig.now) }
                _ = try NetworkNamespace.shell(
                    "nft add table ip other; nft add table ip tocsin; nft delete table ip other")
                usleep(300_000)
                try #require(rig.restores == 0)
                try #require(try rig.remaining("192.0.2.50", "a") != nil)
            }
        }
    }

    @Test("many bans are restored at once, and one more costs little")
    func many() async throws {
        try await NetworkNamespace.run {
            let rig = FirewallRig()
            let jail = rig.action("a")
            let bans = (0..<20_002).map {
                Ban(
                    jail: "a", target: .network(IPNetwork(ipv4: 0x0a00_0000 + UInt32($0))), time: rig.now, duration: 600
                )
            }
            try jail.start(restoring: bans, now: rig.now)
            let count = try NetworkNamespace.shell("nft list set inet tocsin bans_ip4_32 | grep -o expires | wc -l")
            try #require(count == "20002\n")
            try jail.apply([.ban(rig.ban("192.0.2.1", 60))], now: rig.now)
            // More than is compared element by element: written anew, without the one more.
            let core = FirewallCore(Firewall.Settings())
            core.holders["a"] = FirewallCore.Holder(
                scope: FirewallScope(ports: nil, rejects: false), table: ElementTable(bans, now: rig.now),
                isStarted: true)
            try core.reconcile(now: rig.now)
            try #require(try rig.remaining("192.0.2.1", "a") == nil)
            try #require(try rig.remaining("10.0.78.32", "a") ?? 0 > 590)
            // Where some jail has not told what it wants, nothing is taken away.
            core.holders["b"] = FirewallCore.Holder(scope: FirewallScope(ports: nil, rejects: false))
            core.holders["a"]?.table = ElementTable(Array(bans.dropFirst()), now: rig.now)
            try core.reconcile(now: rig.now)
            try #require(try rig.remaining("10.0.0.0", "a") ?? 0 > 590)
        }
    }
}
