import Bytes
import Synchronization
import Testing

@testable import Jails

@Suite("Names of hosts")
struct NameTests {
    private func take(_ scene: JailScene, _ name: String, at time: Double = 1000) -> [JailEvent] {
        scene.jail.take(JailScene.failure(name, at: time, isName: true), now: time)
    }

    private func scene(_ use: JailSettings.NameUse) throws -> JailScene {
        try JailScene {
            $0.maximumRetries = 1
            $0.usesDNS = use
        }
    }

    @Test("each address of a name has failed, once the answer is there")
    func resolves() throws {
        let scene = try scene(.warn)
        #expect(take(scene, "bad.example").isEmpty && scene.jail.counts.waiting == 1)
        let addresses = ["192.0.2.1", "2001:db8:1::1", "127.0.0.1"].compactMap { IPNetwork($0) }
        scene.names.set("bad.example", .known(addresses))
        let events = scene.jail.tick(now: 1010)
        #expect(events.first == .resolved("bad.example", addresses))
        #expect(
            events.bans.map(\.target) == ["192.0.2.1", "2001:db8:1::1"] && events.bans.allSatisfy { $0.time == 1000 })
        #expect(events.last == .refused("127.0.0.1", .loopback))
        // Known from now on.
        #expect(take(scene, "bad.example", at: 1020).found == 2)
    }

    @Test("without an address, or without an answer in time, nobody has failed")
    func unresolved() throws {
        let scene = try scene(.resolve)
        scene.names.set("none.example", .unknown)
        #expect(take(scene, "none.example") == [.refused("none.example", .unresolved)])
        #expect(take(scene, "slow.example").isEmpty && scene.jail.tick(now: 1029).isEmpty)
        #expect(scene.jail.tick(now: 1030) == [.refused("slow.example", .unresolved)] && scene.jail.counts.waiting == 0)
    }

    @Test("names are ignored, or taken as they are, where it is said so; addresses are never names")
    func uses() throws {
        #expect(take(try scene(.ignore), "bad.example") == [.refused("bad.example", .name)])
        #expect(take(try scene(.raw), "bad.example").bans.first?.target == .text("bad.example"))
        #expect(take(try scene(.ignore), "192.0.2.1").bans.first?.target == "192.0.2.1")
        #expect(take(try scene(.resolve), "127.0.0.1") == [.refused("127.0.0.1", .loopback)])
    }

    /// Answers as `answers` says, and counts.
    private final class Directory: Sendable {
        let answers = Mutex<[String: [IPNetwork]]>([:])
        let asked = Mutex<[String: Int]>([:])
        let isHeld = Mutex(false)

        func lookUp(_ name: String) -> [IPNetwork] {
            asked.withLock { $0[name, default: 0] += 1 }
            isHeld.withLock { _ in }
            return answers.withLock { $0[name] ?? [] }
        }

        func count(_ name: String) -> Int { asked.withLock { $0[name] ?? 0 } }
    }

    /// Waits for something that another thread brings about.
    private func until(_ condition: () -> Bool) async throws {
        for _ in 0..<500 where !condition() { try await Task.sleep(for: .milliseconds(4)) }
        #expect(condition())
    }

    @Test("nobody waits for the resolver; its answers hold for a minute, and a good one until there is a better")
    func resolver() async throws {
        let directory = Directory()
        let answered = Mutex(0)
        let resolver = NameResolver(lookUp: directory.lookUp, onAnswer: { answered.withLock { $0 += 1 } })
        let first = IPNetwork(ipv4: 1)
        directory.answers.withLock { $0["a"] = [first] }
        #expect(resolver.addresses(of: "a", now: 100) == .pending)
        try await until { resolver.addresses(of: "a", now: 101) == .known([first]) }
        try await until { answered.withLock { $0 } == 1 }
        #expect(resolver.addresses(of: "a", now: 159) == .known([first]) && directory.count("a") == 1)
        // The DNS fails.
        directory.answers.withLock { $0["a"] = nil }
        #expect(resolver.addresses(of: "a", now: 230) == .known([first]))
        try await until { answered.withLock { $0 } == 2 }
        #expect(resolver.addresses(of: "a", now: 231) == .known([first]))
        directory.answers.withLock { $0["a"] = [IPNetwork(ipv4: 2)] }
        try await until { resolver.addresses(of: "a", now: 300) == .known([IPNetwork(ipv4: 2)]) }
        #expect(directory.count("a") == 3)
    }

    @Test("a name without address is not asked for again at once, and what is no name never")
    func negative() async throws {
        let directory = Directory()
        let resolver = NameResolver(lookUp: directory.lookUp)
        #expect(resolver.addresses(of: "none", now: 0) == .pending)
        try await until { resolver.addresses(of: "none", now: 1) == .unknown }
        #expect(resolver.addresses(of: "none", now: 30) == .unknown && directory.count("none") == 1)
        for name in ["", "a\0b", String(repeating: "x", count: 254)] {
            #expect(resolver.addresses(of: name, now: 0) == .unknown && directory.count(name) == 0)
        }
    }

    @Test("the names that are remembered have a bound")
    func bound() async throws {
        let directory = Directory()
        let resolver = NameResolver(capacity: 3, lookUp: directory.lookUp)
        directory.answers.withLock { $0["n0"] = [IPNetwork(ipv4: 7)] }
        for number in 0..<3 {
            try await until { resolver.addresses(of: "n\(number)", now: Double(number)) != .pending }
        }
        #expect(resolver.addresses(of: "n3", now: 3) == .pending && resolver.refusedNames == 0)
        // n0 was asked for longest ago.
        try await until { resolver.addresses(of: "n3", now: 3) == .unknown }
        #expect(resolver.addresses(of: "n0", now: 3) == .pending)
    }

    @Test("the system's resolver knows the host itself")
    func system() {
        #expect(NameResolver.systemAddresses("127.0.0.1") == [IPNetwork("127.0.0.1")])
        #expect(NameResolver.systemAddresses("::ffff:192.0.2.1") == [IPNetwork("192.0.2.1")])
        #expect(NameResolver.systemAddresses("2001:db8::5") == [IPNetwork("2001:db8::5")])
        #expect(NameResolver.systemAddresses("localhost").contains { $0.isLoopback })
    }
}
