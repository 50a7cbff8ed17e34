import Bytes
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Jails

@Suite("Who is never banned")
struct IgnoreTests {
    private func scene(_ entries: String..., change: (inout JailSettings) -> Void = { _ in }) throws -> JailScene {
        try JailScene {
            $0.maximumRetries = 1
            $0.ignoring.entries = entries
            change(&$0)
        }
    }

    private func reason(_ scene: JailScene, _ id: String, at time: Double = 1000) -> IgnoreReason? {
        for case .ignored(_, let reason) in scene.fail(id, at: time) { return reason }
        return nil
    }

    @Test("addresses, networks, masks, mapped and bracketed addresses, texts")
    func entries() throws {
        let scene = try scene(
            "192.0.2.1", "10.1.0.0/16", "172.16.0.0/255.240.0.0", "[2001:db8:5::]/48", "[2001:db8:6::1]",
            "::ffff:203.0.113.0/120", "backup-user")
        // It may be a host's name as well.
        scene.names.set("backup-user", .unknown)
        for id in ["192.0.2.1", "::ffff:192.0.2.1", "10.1.255.255", "172.31.0.1", "2001:db8:6::1", "203.0.113.255"] {
            #expect(reason(scene, id) == .address, "\(id)")
        }
        for id in ["192.0.2.2", "10.2.0.0", "172.32.0.1", "2001:db8:6::2", "203.0.112.1"] {
            #expect(scene.fail(id, at: 1000).bans.count == 1, "\(id)")
        }
        #expect(
            scene.fail("backup-user", at: 1000, groups: ["fid": .text("backup-user")]) == [
                .ignored("backup-user", .text)
            ])
    }

    @Test("the host's own addresses, where it is said so")
    func own() throws {
        #expect(reason(try scene(), "198.51.100.1") == .ownAddress)
        #expect(reason(try scene(), "2001:db8::1") == .ownAddress)
        #expect(reason(try scene { $0.ignoring.ignoresSelf = false }, "198.51.100.1") == nil)
        // Of whatever host this runs on.
        let interfaces = IPNetwork.ofInterfaces()
        #expect(interfaces.contains { $0.isLoopback })
        #expect(HostAddresses(name: "", resolver: FixedNames()).all(now: 0) == Set(interfaces).sorted())
        #expect(!HostAddresses.systemName.isEmpty)
    }

    @Test("the host's own addresses are looked at again, and its name's are among them")
    func ownChanges() throws {
        let names = FixedNames()
        names.set("me", .known([IPNetwork(ipv4: 1)]))
        var addresses: [IPNetwork] = []
        let host = HostAddresses(interfaces: { addresses }, name: "me", resolver: names)
        #expect(host.contains(IPNetwork(ipv4: 1), now: 100) && !host.contains(IPNetwork(ipv4: 2), now: 100))
        addresses = [IPNetwork(ipv4: 2)]
        #expect(!host.contains(IPNetwork(ipv4: 2), now: 105) && host.contains(IPNetwork(ipv4: 2), now: 110))
        #expect(
            host.overlaps(IPNetwork(ipv4: 0, length: 8), now: 110)
                && !host.overlaps(IPNetwork(ipv4: 256, length: 24), now: 110))
    }

    @Test("of a user or a session the address beside it is asked for as well")
    func addressBeside() throws {
        let scene = try scene("192.0.2.1")
        let groups: [String: GroupValue] = ["fid": .text("root"), "ip4": .text("192.0.2.1")]
        #expect(scene.fail("root", at: 1000, groups: groups) == [.ignored("root", .address)])
    }

    @Test("a failure waits until the list's names are known for the first time, but not for long")
    func names() throws {
        let scene = try scene("admin.example", "gone.example")
        #expect(scene.fail("192.0.2.1", at: 1000).isEmpty && scene.fail("192.0.2.2", at: 1000).isEmpty)
        #expect(scene.jail.counts.waiting == 2 && scene.jail.nextTick == 1005)
        scene.names.set("admin.example", .known([IPNetwork("192.0.2.1")!]))
        #expect(scene.jail.tick(now: 1001) == [.ignored("192.0.2.1", .name)] && scene.jail.counts.waiting == 1)
        scene.names.set("gone.example", .unknown)
        let events = scene.jail.tick(now: 1002)
        #expect(events.bans.map(\.target) == ["192.0.2.2"] && events.bans.first?.time == 1000)
        #expect(reason(scene, "192.0.2.1", at: 1003) == .name)
        // The address changes.
        scene.names.set("admin.example", .known([IPNetwork("192.0.2.9")!]))
        #expect(reason(scene, "192.0.2.9", at: 1010) == .name && reason(scene, "192.0.2.1", at: 1010) == nil)
    }

    @Test("a name that nobody answers holds nobody up for ever")
    func silentNames() throws {
        let scene = try scene("silent.example")
        #expect(scene.fail("192.0.2.1", at: 1000).isEmpty)
        #expect(scene.jail.tick(now: 1004).isEmpty && scene.jail.tick(now: 1005).bans.count == 1)
    }

    @Test("a file is read when it has changed, and what was read holds while it cannot be")
    func file() throws {
        let files = try ConfigurationFiles([
            "list": "# ours\n192.0.2.0/28, 10.0.0.1 ; a comment\n\n2001:db8:7::/48\r\nbackup\n"
        ])
        let path = files.path + "/list"
        let scene = try scene("file:" + path)
        #expect(reason(scene, "192.0.2.15") == .file && reason(scene, "10.0.0.1") == .file)
        #expect(reason(scene, "2001:db8:7::9") == .file && reason(scene, "192.0.2.16") == nil)
        #expect(scene.fail("backup", at: 1000, groups: ["fid": .text("backup")]) == [.ignored("backup", .file)])
        try files.write("list", "203.0.113.99\n203.0.113.98\n")
        #expect(reason(scene, "203.0.113.98", at: 1000.5) == nil)
        #expect(reason(scene, "203.0.113.98", at: 1002) == .file && reason(scene, "10.0.0.1", at: 1002) == nil)
        unlink(path)
        #expect(reason(scene, "203.0.113.98", at: 1004) == .file)
        #expect(scene.jail.problems.first?.hasSuffix("No such file or directory") == true)
    }

    @Test("a set of networks answers as each of them would")
    func networkSet() {
        var random = SeededRandom(seed: SeededRandom.seed())
        func network() -> IPNetwork {
            if Bool.random(using: &random) {
                return IPNetwork(
                    ipv4: UInt32.random(in: 0...4095, using: &random) << 20 | UInt32.random(in: 0...3, using: &random),
                    length: Int.random(in: 0...32, using: &random))
            }
            return IPNetwork(
                high: UInt64.random(in: 0...15, using: &random) << 60, low: UInt64.random(in: 0...3, using: &random),
                length: Int.random(in: 0...128, using: &random))
        }
        for _ in 0..<200 {
            let networks = (0..<Int.random(in: 0...20, using: &random)).map { _ in network() }
            let set = NetworkSet(networks)
            for _ in 0..<30 {
                let asked = network()
                let isIn = networks.contains { $0.contains(asked) }
                let touches = networks.contains { $0.contains(asked) || asked.contains($0) }
                // Neighbours joined may hold what none of them holds alone.
                if asked.isAddress {
                    #expect(set.contains(asked) == isIn)
                } else {
                    #expect(set.contains(asked) || !isIn)
                }
                #expect(set.overlaps(asked) == touches, "\(asked) in \(networks)")
            }
        }
    }

    @Test("thousands of networks cost a few steps")
    func manyNetworks() {
        let set = NetworkSet((0..<5000).map { IPNetwork(ipv4: UInt32($0) << 12, length: 24) })
        let time = ContinuousClock().measure {
            for number in 0..<1000 { #expect(set.contains(IPNetwork(ipv4: UInt32(number) << 12 | 77))) }
        }
        #expect(time < .seconds(1))
    }

    // MARK: Commands

    @Test("a failure waits for the command, which is asked once for the same thing")
    func command() throws {
        let scene = try scene { $0.ignoring.command = "check <ip> <F-USER> <ip-host>" }
        let groups: [String: GroupValue] = ["user": .text("a;rm -rf / $(x)")]
        #expect(scene.fail("192.0.2.1", at: 1000, 1000, groups: groups).isEmpty)
        let call = try #require(scene.commands.calls.first)
        #expect(scene.commands.calls.count == 1 && scene.jail.counts.waiting == 2)
        #expect(call.candidate.target == "192.0.2.1" && call.candidate.groups["user"] == "a;rm -rf / $(x)")
        #expect(call.candidate.failures == 1 && call.candidate.matches == ["1000 192.0.2.1"])
        #expect(scene.jail.tick(now: 1001).isEmpty)
        scene.commands.end(with: 0)
        #expect(scene.jail.tick(now: 1002) == [.ignored("192.0.2.1", .command), .ignored("192.0.2.1", .command)])
        #expect(scene.fail("192.0.2.1", at: 1003).isEmpty)
        scene.commands.end(with: 1)
        #expect(scene.jail.tick(now: 1004).bans.count == 1)
    }

    @Test("a command that fails or does not end ignores nobody")
    func brokenCommand() throws {
        let scene = try scene { $0.ignoring.command = "check <ip>" }
        _ = scene.fail("192.0.2.1", at: 1000)
        scene.commands.end(with: nil)
        #expect(scene.jail.tick(now: 1001).bans.count == 1)
        _ = scene.fail("192.0.2.2", at: 1002)
        scene.commands.end(with: 127)
        #expect(scene.jail.tick(now: 1003).bans.count == 1 && scene.jail.ignoreCommand.failures == 2)
        _ = scene.fail("192.0.2.3", at: 1010)
        #expect(scene.jail.tick(now: 1074).isEmpty && scene.jail.tick(now: 1076).bans.count == 1)
    }

    @Test("the shell runs commands, and nothing in a value is a command")
    func shell() async throws {
        let files = try ConfigurationFiles([:])
        let commands = IgnoreCommands()
        let statuses = Mutex<[String: Int32?]>([:])
        var ban = Ban(jail: "sshd", target: "192.0.2.1", time: 1000, duration: 600)
        ban.groups = ["user": "a; touch \(files.path)/bad; $(touch \(files.path)/bad)"]
        let asked = [
            "test <ip> = 192.0.2.1 -a <family> = inet4": Int32?.some(0), "exit 1": 1, "kill -9 $$": nil,
            "sleep 20": nil,
        ]
        for (command, _) in asked {
            commands.run(command, for: ban, timeout: 0.5) { status in statuses.withLock { $0[command] = .some(status) }
            }
        }
        commands.run("echo <F-USER> > '\(files.path)/said'", for: ban, timeout: 5) { status in
            statuses.withLock { $0["said"] = .some(status) }
        }
        for _ in 0..<500 where statuses.withLock({ $0.count }) < 5 { try await Task.sleep(for: .milliseconds(10)) }
        let got = statuses.withLock { $0 }
        #expect(got.count == 5 && got["said"] == .some(0))
        for (command, status) in asked { #expect(got[command] == .some(status), "\(command)") }
        #expect(access(files.path + "/bad", F_OK) != 0 && access(files.path + "/said", F_OK) == 0)
    }

    @Test("so many failures wait, no more")
    func manyWaiting() throws {
        let scene = try scene { $0.ignoring.command = "check <ip>" }
        for number in 0..<Jail.mostWaiting {
            #expect(scene.fail("10.0.\(number >> 8).\(number & 255)", at: 1000).isEmpty)
        }
        #expect(scene.fail("192.0.2.1", at: 1000) == [.refused("192.0.2.1", .tooMany)])
        scene.commands.end(with: 1)
        #expect(scene.jail.tick(now: 1001).bans.count == Jail.mostWaiting)
    }

    @Test("answers are remembered for the key of the cache, for its time")
    func cache() throws {
        let scene = try scene {
            $0.ignoring.command = "check <ip>"
            $0.ignoring.cache = #"key="<F-USER>@<ip>", max-count=2, max-time=1m"#
        }
        func fail(_ user: String, _ time: Double) -> [JailEvent] {
            scene.fail("192.0.2.1", at: time, groups: ["user": .text(user)])
        }
        #expect(fail("a", 1000).isEmpty)
        scene.commands.end(with: 0)
        #expect(scene.jail.tick(now: 1001) == [.ignored("192.0.2.1", .command)])
        #expect(fail("a", 1030) == [.ignored("192.0.2.1", .command)] && scene.commands.calls.isEmpty)
        #expect(fail("b", 1031).isEmpty && scene.commands.calls.count == 1)
        scene.commands.end(with: 1)
        #expect(
            scene.jail.tick(now: 1032).bans.count == 1
                && fail("b", 1040).last.map { if case .alreadyBanned = $0 { true } else { false } } == false)
        #expect(fail("a", 1062).isEmpty)
    }

    @Test("a cache has its bound, the oldest answer goes first")
    func cacheBound() throws {
        var cache = try IgnoreCache.parse("key=<ip>, max-count=2").cache
        for (number, key) in ["a", "b", "c"].enumerated() { cache.set(key, true, now: Double(number)) }
        #expect(cache.value(of: "a", now: 3) == nil && cache.value(of: "b", now: 3) == true)
        #expect(cache.value(of: "b", now: 302) == nil)
        for text in ["max-count=5", "key=a, max-count=x", "key=a, max-time=x", "key=a, what=b", "key"] {
            #expect(throws: ParameterError.self) { try IgnoreCache.parse(text) }
        }
        #expect(throws: JailConfigurationError.self) {
            try scene { $0.ignoring.cache = "nothing" }
        }
    }
}
