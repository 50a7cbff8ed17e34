import Bytes
import Testing

@testable import Jails

@Suite("Jails")
struct JailTests {
    @Test("the fifth failure bans, from the last failure on, and the count begins anew")
    func bans() throws {
        let scene = try JailScene()
        #expect(scene.fail("192.0.2.1", at: 1000, 1010, 1020, 1030).bans.isEmpty)
        let user = ["user": GroupValue.text("root")]
        let ban = try #require(scene.fail("192.0.2.1", at: 1040, groups: user).bans.first)
        #expect(ban.target == "192.0.2.1" && ban.time == 1040 && ban.duration == 600 && ban.end == 1640)
        #expect(ban.failures == 5 && ban.count == 1 && ban.groups == ["user": "root"])
        #expect(ban.matches == [1000, 1010, 1020, 1030, 1040].map { "\($0) 192.0.2.1" })
        #expect(scene.jail.counts.failed == 0 && scene.jail.counts.banned == 1)
        #expect(scene.jail.nextTick == 1640)
        #expect(scene.jail.tick(now: 1640).isEmpty)
        #expect(scene.jail.tick(now: 1641) == [.unbanned(ban, isObserved: false)])
        #expect(scene.jail.counts.banned == 0 && scene.jail.counts.bannedTotal == 1 && scene.jail.nextTick == nil)
    }

    @Test("whoever reaches the number again while banned is banned longer, or said to be banned already")
    func alreadyBanned() throws {
        let scene = try JailScene { $0.maximumRetries = 2 }
        let first = try #require(scene.fail("192.0.2.1", at: 1000, 1001).bans.first)
        var longer = first
        longer.duration = 650
        #expect(scene.fail("192.0.2.1", at: 1050, 1051).last == .prolonged(longer, delay: 50, isObserved: false))
        // Lines of the past that come late.
        _ = scene.jail.take(JailScene.failure("192.0.2.1", at: 1010), now: 1060)
        let event = scene.jail.take(JailScene.failure("192.0.2.1", at: 1010), now: 1060).last
        #expect(event == .alreadyBanned(longer, delay: 9))
        #expect(scene.jail.counts.bannedTotal == 1)
        #expect(scene.jail.tick(now: 1601).isEmpty && scene.jail.tick(now: 1652).count == 1)
    }

    @Test("a ban that would be over is none")
    func expired() throws {
        let scene = try JailScene {
            $0.maximumRetries = 1
            $0.banTime = 10
        }
        let events = scene.jail.take(JailScene.failure("192.0.2.1", at: 1000), now: 1011, isFollowing: false)
        #expect(events.last == .expired("192.0.2.1"))
        #expect(scene.jail.counts.banned == 0)
    }

    @Test("before a log's end what is too old is passed over; after it a line that is off the clock is of now")
    func clock() throws {
        let scene = try JailScene()
        func take(_ time: Double, now: Double, _ isFollowing: Bool) -> [JailEvent] {
            scene.jail.take(JailScene.failure("192.0.2.1", at: time), now: now, isFollowing: isFollowing)
        }
        #expect(take(1399, now: 2000, false) == [.tooOld("192.0.2.1", time: 1399)])
        #expect(take(1400, now: 2000, false) == [.found("192.0.2.1", time: 1400, retries: 1)])
        // An hour behind, as a line of the wrong zone is.
        #expect(
            take(2000, now: 5600, true) == [
                .timeCorrected("192.0.2.1", by: -3600), .found("192.0.2.1", time: 5600, retries: 1),
            ])
        #expect(take(5540, now: 5600.9, true) == [.found("192.0.2.1", time: 5540, retries: 2)])
        #expect(take(5661.5, now: 5600, true).first == .timeCorrected("192.0.2.1", by: 61))
        // Ahead of the clock nothing is.
        #expect(take(5650, now: 5600, true) == [.found("192.0.2.1", time: 5600, retries: 4)])
        #expect(take(.nan, now: 5600, true).bans.count == 1)
    }

    @Test("who no longer fails is forgotten, even where nobody else fails")
    func forgets() throws {
        let scene = try JailScene()
        _ = scene.fail("192.0.2.1", at: 1000)
        let next = try #require(scene.jail.nextTick)
        #expect(next > 1000 && next < 1100 && scene.jail.tick(now: next).isEmpty && scene.jail.counts.failed == 1)
        #expect(scene.jail.tick(now: 1601).isEmpty && scene.jail.counts.failed == 0 && scene.jail.nextTick == nil)
    }

    @Test("a ban for ever stays")
    func forEver() throws {
        let scene = try JailScene {
            $0.maximumRetries = 1
            $0.banTime = -1
        }
        #expect(scene.fail("192.0.2.1", at: 1000).bans.first?.end == .infinity)
        #expect(scene.jail.tick(now: 1e12).isEmpty && scene.jail.nextTick == nil)
    }

    @Test("a jail that only observes tells of bans, and changes nothing")
    func observes() throws {
        let scene = try JailScene {
            $0.maximumRetries = 1
            $0.isObserving = true
        }
        let events = scene.fail("192.0.2.1", at: 1000) + scene.jail.tick(now: 2000)
        #expect(events.bans.count == 1 && events.count == 3)
        #expect(events.compactMap(\.change).isEmpty)
        #expect(scene.history.record(of: "192.0.2.1", in: nil) == nil)
    }

    @Test("what tells about a session only is no failure, nor what has nobody")
    func noFailure() throws {
        let scene = try JailScene { $0.maximumRetries = 1 }
        var failure = JailScene.failure("192.0.2.1", at: 1000)
        failure.isNoFail = true
        #expect(scene.jail.take(failure, now: 1000).isEmpty)
        failure.isNoFail = false
        failure.id = nil
        #expect(scene.jail.take(failure, now: 1000).isEmpty)
    }

    @Test(
        "nobody who is no host, or this host, is ever banned",
        arguments: [
            ("0.0.0.0", JailEvent.Refusal.unspecified), ("::", .unspecified), ("::ffff:0.0.0.0", .unspecified),
            ("0.1.2.3", .unspecified), ("127.0.0.1", .loopback), ("127.9.9.9", .loopback), ("::1", .loopback),
            ("::ffff:127.0.0.1", .loopback), ("127.0.0.0/8", .loopback), ("[::1]", .loopback),
            ("224.0.0.1", .multicast),
            ("239.1.1.1", .multicast), ("ff02::1", .multicast), ("255.255.255.255", .multicast),
            ("0.0.0.0/0", .tooWide),
            ("::/0", .tooWide), ("64.0.0.0/2", .tooWide), ("2000::/3", .tooWide), ("999.1.1.1", .malformed),
            ("1.2.3", .malformed), ("1.2.3.4.5", .malformed), ("010.1.1.1", .malformed), ("1.2.3.4/33", .malformed),
            ("1.2.3.4/", .malformed), ("1.2.3.4/-1", .malformed), ("", .malformed), (" 1.2.3.4", .malformed),
            ("1.2.3.4 ", .malformed), ("1.2.3.4\0", .malformed), ("::1::", .malformed),
            ("1:2:3:4:5:6:7:8:9", .malformed),
            ("fe80::1%eth0", .malformed), ("12345::", .malformed), ("::ffff:1.2.3.999", .malformed),
            ("1,2", .malformed),
            ("0x7f.1", .malformed), ("2130706433", .malformed), ("١.٢.٣.٤", .malformed), ("[1.2.3.4", .malformed),
        ])
    func refuses(id: String, reason: JailEvent.Refusal) throws {
        let scene = try JailScene { $0.maximumRetries = 1 }
        #expect(scene.fail(id, at: 1000) == [.refused(id, reason)])
        #expect(
            scene.jail.counts
                == Jail.Counts(
                    banned: 0, bannedTotal: 0, failed: 0, failedTotal: 0, evictedTargets: 0, evictedBans: 0, waiting: 0)
        )
    }

    @Test("what <F-ID> took need be no address, but no malformed one either")
    func texts() throws {
        let scene = try JailScene { $0.maximumRetries = 1 }
        func bans(_ text: String) -> BanTarget? {
            scene.fail(text, at: 1000, groups: ["fid": .text(text)]).bans.first?.target
        }
        #expect(bans("root") == .text("root"))
        #expect(bans("00:11:22:33:44:55") == .text("00:11:22:33:44:55"))
        #expect(bans("192.0.2.7") == "192.0.2.7")
        #expect(bans("192.0.2.300") == nil && bans("300.1.1.1/24") == nil && bans("a\nb") == nil && bans("a\0") == nil)
        #expect(bans("127.0.0.1") == nil && bans(String(repeating: "x", count: 513)) == nil)
    }

    @Test("one IPv4 address has one count, mapped into IPv6 or not")
    func mapped() throws {
        let scene = try JailScene { $0.maximumRetries = 2 }
        #expect(scene.fail("::ffff:192.0.2.1", at: 1000).bans.isEmpty)
        #expect(scene.fail("192.0.2.1", at: 1001).bans.first?.target.description == "192.0.2.1")
    }

    @Test("/64 counts as one where it is said so, NAT64 does not, and not where somebody in it is ignored")
    func scope() throws {
        let scene = try JailScene {
            $0.maximumRetries = 2
            $0.scope.ipv6Bits = 64
            $0.ignoring.entries = ["2001:db8:2::5"]
        }
        #expect(scene.fail("2001:db8:1::1", at: 1000).bans.isEmpty)
        #expect(scene.fail("2001:db8:1::2", at: 1001).bans.first?.target.description == "2001:db8:1::/64")
        #expect(scene.fail("64:ff9b::102:304", at: 1001, 1001).bans.first?.target.description == "64:ff9b::102:304")
        #expect(scene.fail("2001:db8:2::1", at: 1000).bans.isEmpty)
        #expect(scene.fail("2001:db8:2::2", at: 1000).bans.isEmpty)
        #expect(scene.fail("2001:db8:2::1", at: 1000).bans.first?.target == "2001:db8:2::1")
        #expect(scene.fail("192.0.2.1", at: 1001, 1001).bans.first?.target == "192.0.2.1")
    }

    @Test("a network whose members are banned is banned, once, unless it holds somebody who is ignored")
    func promotion() throws {
        let scene = try JailScene {
            $0.maximumRetries = 1
            $0.scope.promotesAt = 3
        }
        #expect(scene.fail("192.0.2.1", at: 1000).bans.count == 1)
        #expect(scene.fail("192.0.2.2", at: 1001).bans.count == 1)
        #expect(scene.fail("192.0.2.3", at: 1002).bans.map(\.target) == ["192.0.2.3", "192.0.2.0/24"])
        // Whoever is in it is banned already.
        guard case .alreadyBanned(let wider, 0)? = scene.fail("192.0.2.4", at: 1002).last else {
            Issue.record("expected the network's ban")
            return
        }
        #expect(wider.target == "192.0.2.0/24")
        #expect(scene.jail.banHolding("192.0.2.99")?.target == "192.0.2.0/24")
        #expect(scene.jail.unban("192.0.2.0/24").count == 4)
        #expect(scene.jail.counts.banned == 0)
        // 198.51.100.1 is the host's own.
        let own = (2...5).flatMap { scene.fail("198.51.100.\($0)", at: 1003) }
        #expect(own.bans.count == 4 && own.contains(.notWidened("198.51.100.4", to: IPNetwork("198.51.100.0/24")!)))
        #expect(scene.fail("2001:db8:9:1::1", at: 1003).bans.count == 1)
        #expect(scene.fail("2001:db8:9:2::1", at: 1003).bans.count == 1)
        #expect(scene.fail("2001:db8:9:3::1", at: 1003).bans.last?.target == "2001:db8:9::/48")
    }

    @Test("who is forgiven is let in, though it is a network around it that is banned and counted")
    func forgivenWithNetwork() throws {
        let scene = try JailScene {
            $0.maximumRetries = 2
            $0.scope.ipv6Bits = 64
        }
        #expect(scene.fail("2001:db8:7::1", at: 1000, 1000).bans.map(\.target) == ["2001:db8:7::/64"])
        #expect(scene.fail("2001:db8:8::1", at: 1000).bans.isEmpty)
        #expect(scene.jail.ban("192.0.2.0/24", now: 1000, origin: .manual("")).bans.count == 1)
        #expect(scene.jail.unban("2001:db8:7::abcd").count == 1 && scene.jail.banHolding("2001:db8:7::1") == nil)
        #expect(scene.history.record(of: "2001:db8:7::/64", in: "sshd") == nil)
        #expect(scene.jail.unban("2001:db8:8::9").isEmpty && scene.fail("2001:db8:8::1", at: 1001).bans.isEmpty)
        #expect(scene.jail.unban("192.0.2.7").count == 1 && scene.jail.counts.banned == 0)
    }

    @Test("a ban elsewhere counts where repeated offenders are counted, but not one's own nor a restored one")
    func recidive() throws {
        let scene = try JailScene(name: "recidive") { $0.maximumRetries = 2 }
        var ban = Ban(jail: "sshd", target: "192.0.2.1", time: 990, duration: 600)
        #expect(scene.jail.take(banOf: ban, now: 1000).found == 1)
        ban.isRestored = true
        #expect(scene.jail.take(banOf: ban, now: 1000).isEmpty)
        ban.isRestored = false
        ban.jail = "recidive"
        #expect(scene.jail.take(banOf: ban, now: 1000).isEmpty)
        ban.jail = "nginx"
        #expect(scene.jail.take(banOf: ban, now: 1001).bans.first?.jail == "recidive")
    }

    @Test("bans and unbans by hand")
    func byHand() throws {
        let scene = try JailScene { $0.ignoring.entries = ["203.0.113.0/24"] }
        let ban = try #require(scene.jail.ban("192.0.2.1", now: 1000, duration: 60, origin: .manual("why")).bans.first)
        #expect(ban.origin == .manual("why") && ban.end == 1060)
        #expect(
            scene.jail.ban("192.0.2.1", now: 1001, duration: 5, origin: .manual("")) == [.alreadyBanned(ban, delay: 1)])
        #expect(scene.jail.ban("127.0.0.1", now: 1000, origin: .manual("")) == [.refused("127.0.0.1", .loopback)])
        #expect(
            scene.jail.ban("198.51.100.1", now: 1000, origin: .manual("")) == [.ignored("198.51.100.1", .ownAddress)])
        #expect(
            scene.jail.ban("198.51.100.0/24", now: 1000, origin: .manual("")) == [
                .ignored("198.51.100.0/24", .ownAddress)
            ])
        // A person knows best, a list does not.
        #expect(scene.jail.ban("203.0.113.5", now: 1000, origin: .list("drop")) == [.ignored("203.0.113.5", .address)])
        #expect(scene.jail.ban("203.0.113.5", now: 1000, origin: .manual("")).bans.count == 1)
        #expect(scene.jail.unban("192.0.2.1").compactMap(\.change) == [.unban(ban)])
        #expect(scene.jail.unban("192.0.2.1").isEmpty && scene.history.record(of: "192.0.2.1", in: "sshd") == nil)
        #expect(scene.jail.unbanAll().count == 1 && scene.jail.counts.banned == 0)
    }

    @Test("what is restored is cut to the jail's time, and neither the ended nor the ignored come back")
    func restores() throws {
        let scene = try JailScene { $0.ignoring.entries = ["203.0.113.1"] }
        func ban(_ target: BanTarget, _ time: Double, _ duration: Double) -> Ban {
            Ban(jail: "old", target: target, time: time, duration: duration)
        }
        var manual = ban("192.0.2.4", 500, -1)
        manual.origin = .manual("")
        let held = [
            ban("192.0.2.1", 900, 600), ban("192.0.2.2", 100, 600), ban("192.0.2.3", 900, -1), manual,
            ban("203.0.113.1", 900, 600), ban("127.0.0.1", 900, 600), ban("192.0.2.5", 300, 10_000),
        ].compactMap { scene.jail.restore($0, now: 1000) }
        #expect(held.map(\.target) == ["192.0.2.1", "192.0.2.3", "192.0.2.4"])
        #expect(held.map(\.end) == [1500, 1500, .infinity])
        #expect(held.allSatisfy { $0.isRestored && $0.jail == "sshd" })
        #expect(scene.jail.counts.banned == 3 && scene.jail.counts.bannedTotal == 0)
        #expect(scene.history.record(of: "192.0.2.1", in: nil) == nil)
    }

    @Test("the table of bans has a bound: the one that ends first makes room")
    func fullTable() throws {
        let scene = try JailScene(mostBans: 2) { $0.maximumRetries = 1 }
        _ = scene.fail("192.0.2.1", at: 1000)
        _ = scene.fail("192.0.2.2", at: 1001)
        let events = scene.fail("192.0.2.3", at: 1002)
        #expect(events.compactMap(\.change?.ban.target) == ["192.0.2.1", "192.0.2.3"])
        #expect(scene.jail.counts.evictedBans == 1 && scene.jail.counts.banned == 2)
    }
}
