import Bytes
import Configuration
import Testing

@testable import Jails

@Suite("Bans of other hosts")
struct SharedBansTests {
    private static let now = 1_700_000_000.0

    private static func shared(
        _ target: String, jail: String = "sshd", age: Double = 10, duration: Double = 600, isLifted: Bool = false
    ) -> SharedBan {
        var shared = SharedBan(Ban(jail: jail, target: BanTarget(target), time: now - age, duration: duration))
        shared.isLifted = isLifted
        return shared
    }

    private static func trust(weight: Double = 1, jails: [String] = [], maxDuration: Double = 3600) -> PeerTrust {
        var trust = PeerTrust()
        (trust.weight, trust.jails, trust.maxDuration) = (weight, jails, maxDuration)
        return trust
    }

    private func bans(_ trust: [String: PeerTrust], others: PeerTrust? = nil, _ emitted: EmittedBans) -> SharedBans {
        let own = [IPNetwork("198.51.100.7"), IPNetwork("10.0.0.0/8")].compactMap { $0 }
        return SharedBans(trust: trust, others: others, threshold: 1, exempt: { own }, emit: emitted.emit)
    }

    @Test("only jails that count, only while they stand, never the host itself, nothing wide")
    func filtering() {
        let emitted = EmittedBans()
        let bans = bans(["a": Self.trust(jails: ["sshd"])], emitted)
        bans.receive(
            [
                Self.shared("192.0.2.1"), Self.shared("192.0.2.2", jail: "nginx"), Self.shared("192.0.2.3", age: 700),
                Self.shared("198.51.100.7"), Self.shared("198.51.100.0/24"), Self.shared("10.1.2.3"),
                Self.shared("0.0.0.0/0"),
                Self.shared("203.0.0.0/15"), Self.shared("203.0.0.0/16"), Self.shared("2001::/31"),
                Self.shared("127.0.0.1"),
                Self.shared("alice"),
            ], from: "a", now: Self.now)
        #expect(emitted.targets == ["192.0.2.1", "203.0.0.0/16", "alice"])
        #expect(bans.numbers.received == 12)
        #expect(bans.numbers.passedOver == 9)
        bans.receive([Self.shared("192.0.2.9")], from: "stranger", now: Self.now)
        #expect(emitted.all.count == 3)
    }

    @Test("no ban lasts longer than is believed, nor begins in the future")
    func capping() {
        let emitted = EmittedBans()
        let bans = bans(["a": Self.trust(maxDuration: 3600)], emitted)
        bans.receive(
            [
                Self.shared("192.0.2.1", duration: -1), Self.shared("192.0.2.2", age: -5000, duration: 100),
                Self.shared("192.0.2.3", duration: 60),
            ], from: "a", now: Self.now)
        #expect(emitted.all.map { $0.ban.remaining(at: Self.now) } == [3600, 3600, 50])
        #expect(emitted.all[1].ban.time == Self.now)
    }

    @Test("hosts that are believed in part have to agree")
    func voting() {
        let emitted = EmittedBans()
        let bans = bans(
            ["a": Self.trust(weight: 0.5), "b": Self.trust(weight: 0.5)], others: Self.trust(weight: 0.1), emitted)
        #expect(bans.keepsVotes)
        bans.receive([Self.shared("192.0.2.1"), Self.shared("192.0.2.2", duration: 20)], from: "a", now: Self.now)
        bans.receive([Self.shared("192.0.2.1")], from: "a", now: Self.now)
        bans.receive([Self.shared("192.0.2.1")], from: "c", now: Self.now)
        #expect(emitted.all.isEmpty)
        // One of the two is over by then, the other has been taken back.
        bans.receive([Self.shared("192.0.2.2", age: -30)], from: "b", now: Self.now + 30)
        bans.receive([Self.shared("192.0.2.3")], from: "a", now: Self.now)
        bans.receive([Self.shared("192.0.2.3", isLifted: true)], from: "a", now: Self.now)
        bans.receive([Self.shared("192.0.2.3")], from: "b", now: Self.now)
        #expect(emitted.all.isEmpty)
        bans.receive([Self.shared("192.0.2.1", duration: 900)], from: "b", now: Self.now)
        #expect(emitted.targets == ["192.0.2.1"])
        #expect(emitted.all.first?.ban.origin == .peer("a, b, c"))
    }

    @Test("settings are read, and what is wrong with them is told")
    func settings() throws {
        let yaml = """
            name: web-1
            secret: 0123456789abcdef
            threshold: 2
            peers:
              - {name: web-2, url: "https://web-2:9464/api/bans/feed", jails: [sshd], weight: 2, max_duration: 1d, bearer_token: x}
            redis: {address: "[::1]:7000", password: p, database: 3, stream: bans, weight: 0.5}
            """
        let settings = try ConfigurationFile<SharingSettings>(Array(yaml.utf8), file: "t.yaml").contents
        #expect(settings.trust["web-2"] == Self.trust(weight: 2, jails: ["sshd"], maxDuration: 86_400))
        #expect(settings.redis?.address == .tcp(host: "::1", port: 7000))
        #expect(settings.redis?.trust.weight == 0.5)
        for (yaml, message) in [
            ("secret: short", "at least 16 bytes"), ("secret: 0123456789abcdef\npeers: [{name: a}]", "url is missing"),
            ("secret: 0123456789abcdef\npeers: [{name: a, url: http://a/}, {name: a, url: http://b/}]", "\"a\" twice"),
            ("secret: 0123456789abcdef\nredis: {address: 'a:b:c/'}", "expected host, host:port"),
        ] {
            let error = #expect(throws: ConfigurationError.self) {
                _ = try ConfigurationFile<SharingSettings>(Array(yaml.utf8), file: "t.yaml")
            }
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains(message), "\(text)")
        }
    }

    @Test(
        "addresses of Redis",
        arguments: [
            ("redis", "redis:6379"), ("redis:7000", "redis:7000"), ("[::1]", "[::1]:6379"), ("::1", "[::1]:6379"),
            ("unix:/run/redis.sock", "unix:/run/redis.sock"), ("", nil), ("a:0", nil), ("a:x", nil), ("unix:x", nil),
            ("a/b", nil),
        ] as [(String, String?)])
    func addresses(_ text: String, _ expected: String?) {
        #expect(RedisSettings.Address(text)?.description == expected)
    }
}
