import Bytes
import Configuration
import Glibc
import PushServer
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Jails

/// Collects what is emitted.
final class EmittedBans: Sendable {
    private let changes = Mutex<[BanChange]>([])
    var all: [BanChange] { changes.withLock { $0 } }
    var targets: [String] { all.map(\.ban.target.description) }
    var emit: @Sendable ([BanChange]) -> Bool {
        { new in
            self.changes.withLock { $0 += new }
            return true
        }
    }
}

@Suite("The feed of bans")
struct BanFeedTests {
    private static let secret = Secret("a secret of enough bytes")
    private static let now = 1_700_000_000.0

    private static func ban(
        _ target: String, jail: String = "sshd", age: Double = 10, duration: Double = 600,
        origin: Ban.Origin = .failures
    ) -> Ban {
        var ban = Ban(jail: jail, target: BanTarget(target), time: now - age, duration: duration)
        ban.origin = origin
        return ban
    }

    /// A feed behind a server, and what the server does to its answers.
    private final class Host: Sendable {
        let feed: BanFeed
        let server: PushServer
        let box: Box

        init(secret: Secret = BanFeedTests.secret, standing: [Ban] = []) {
            let feed = BanFeed(name: "web-2", secret: secret) { standing }
            let box = Box()
            self.feed = feed
            self.box = box
            server = PushServer { request in
                let path = request.line.split(separator: " ")[1]
                let since = path.split(separator: "?").last.map { $0.dropFirst("since=".count) } ?? ""
                let answer = feed.answer(
                    since: String(since), signature: request.headers[BanFeed.header.lowercased()], now: BanFeedTests.now
                )
                let changed = box.change(answer)
                guard changed.status == 200 else { return .status(changed.status) }
                return .bytes(changed.body, headers: ["Content-Type: \(changed.contentType)"])
            }
        }

        final class Box: Sendable {
            let tamper = Mutex<(@Sendable (BanFeed.Answer) -> BanFeed.Answer)?>(nil)
            func change(_ answer: BanFeed.Answer) -> BanFeed.Answer { tamper.withLock { $0 }?(answer) ?? answer }
        }
        deinit { server.stop() }
    }

    private func reader(_ host: Host, _ emitted: EmittedBans, secret: Secret = secret, store: BanStore? = nil)
        -> BanFeedReader
    {
        let bans = SharedBans(
            trust: ["web-2": PeerTrust()], others: nil, threshold: 1, exempt: { [] }, emit: emitted.emit)
        return BanFeedReader(
            PeerSettings(name: "web-2", url: "http://127.0.0.1:\(host.server.port)/api/bans/feed"), secret: secret,
            userAgent: "tocsin", bans: bans, store: store)
    }

    @Test("first all that stands comes, then what is new; nothing that came from elsewhere")
    func following() throws {
        let files = try ConfigurationFiles([:])
        let store = BanStore(directory: files.path) { Self.now }
        let host = Host(standing: [
            Self.ban("192.0.2.1"), Self.ban("192.0.2.2", origin: .peer("web-3")), Self.ban("192.0.2.3", age: 700),
            Self.ban("192.0.2.4", origin: .list("drop")), Self.ban("192.0.2.5", origin: .manual("me")),
        ])
        let emitted = EmittedBans()
        let reader = reader(host, emitted, store: store)
        #expect(reader.poll(now: Self.now, stop: nil))
        #expect(emitted.targets == ["192.0.2.1", "192.0.2.5"])
        #expect(emitted.all.allSatisfy { $0.ban.origin == .peer("web-2") })
        host.feed.publish(.ban(Self.ban("198.51.100.1")), now: Self.now)
        host.feed.publish(.ban(Self.ban("198.51.100.2", origin: .peer("web-3"))), now: Self.now)
        host.feed.publish(.prolong(Self.ban("198.51.100.1", duration: 1200)), now: Self.now)
        host.feed.publish(.unban(Self.ban("198.51.100.1", duration: 1200)), now: Self.now)
        host.feed.publish(.unban(Self.ban("198.51.100.9", age: 700)), now: Self.now)
        #expect(reader.poll(now: Self.now, stop: nil))
        #expect(emitted.targets.dropFirst(2) == ["198.51.100.1", "198.51.100.1", "198.51.100.1"])
        guard case .unban(let lifted) = emitted.all.last else {
            Issue.record("expected the last to be lifted")
            return
        }
        #expect(lifted.origin == .peer("web-2"))
        #expect(reader.poll(now: Self.now, stop: nil))
        #expect(emitted.all.count == 5)
        #expect(reader.status.bans == 5)

        // After a restart it goes on where it was.
        host.feed.publish(.ban(Self.ban("203.0.113.1")), now: Self.now)
        let again = EmittedBans()
        #expect(self.reader(host, again, store: store).poll(now: Self.now, stop: nil))
        #expect(again.targets == ["203.0.113.1"])
    }

    @Test("who is too far behind gets all that stands")
    func behind() {
        let host = Host(standing: [Self.ban("192.0.2.1")])
        let emitted = EmittedBans()
        let reader = reader(host, emitted)
        #expect(reader.poll(now: Self.now, stop: nil))
        for number in 0..<10_100 {
            host.feed.publish(.ban(Self.ban("10.0.\(number / 250).\(number % 250)")), now: Self.now)
        }
        #expect(reader.poll(now: Self.now, stop: nil))
        #expect(emitted.targets == ["192.0.2.1", "192.0.2.1"])
    }

    @Test("a request without the secret gets nothing")
    func strangers() {
        let host = Host(secret: Secret("another secret of enough bytes"), standing: [Self.ban("192.0.2.1")])
        let emitted = EmittedBans()
        let reader = reader(host, emitted)
        #expect(!reader.poll(now: Self.now, stop: nil))
        #expect(reader.status.failure?.contains("does not accept our signature") == true)
        #expect(host.feed.answer(since: "", signature: nil, now: Self.now).status == 403)
        #expect(host.feed.answer(since: "", signature: "t=1,n=2,v1=3", now: Self.now).status == 403)
        #expect(host.feed.refused == 3)
        #expect(emitted.all.isEmpty)
    }

    @Test("a request of long ago is refused")
    func stale() {
        let host = Host()
        let reader = reader(host, EmittedBans())
        #expect(!reader.poll(now: Self.now - 400, stop: nil))
        #expect(!reader.poll(now: Self.now + 400, stop: nil))
        #expect(reader.poll(now: Self.now - 200, stop: nil))
    }

    @Test("an answer that somebody has changed or kept is not believed")
    func tampering() {
        let host = Host(standing: [Self.ban("192.0.2.1")])
        let emitted = EmittedBans()
        let reader = reader(host, emitted)
        let kept = Mutex<[UInt8]>([])
        host.box.tamper.withLock {
            $0 = { answer in
                kept.withLock { $0 = answer.body }
                var answer = answer
                answer.body = Array(
                    String(decoding: answer.body, as: UTF8.self).map { $0 == "1" ? "7" : $0 }.map(String.init).joined()
                        .utf8)
                return answer
            }
        }
        #expect(!reader.poll(now: Self.now, stop: nil))
        #expect(reader.status.failure?.contains("is not signed with our secret") == true)
        host.box.tamper.withLock {
            $0 = { BanFeed.Answer(status: 200, contentType: $0.contentType, body: kept.withLock { $0 }) }
        }
        #expect(!reader.poll(now: Self.now, stop: nil))
        for body in ["", "\n", "t=,v1=\n{}", "garbage"] {
            host.box.tamper.withLock {
                $0 = { BanFeed.Answer(status: 200, contentType: $0.contentType, body: Array(body.utf8)) }
            }
            #expect(!reader.poll(now: Self.now, stop: nil))
        }
        #expect(emitted.all.isEmpty)
        host.box.tamper.withLock { $0 = nil }
        #expect(reader.poll(now: Self.now, stop: nil))
        #expect(emitted.targets == ["192.0.2.1"])
    }

    @Test("two hosts with each its threads hear of one another, and end when they are told to")
    func together() throws {
        let files = try ConfigurationFiles([:])
        let now = Timestamp.now.secondsSince1970
        func sharing(_ name: String, peer: String?, _ emitted: EmittedBans) -> BanSharing {
            var settings = SharingSettings()
            settings.secret = Self.secret
            if let peer { settings.peers = [PeerSettings(name: "one", url: peer)] }
            return BanSharing(
                settings, host: name, userAgent: "tocsin", store: BanStore(directory: files.path + "/" + name),
                exempt: { [] }, emit: emitted.emit)
        }
        let kept = BanStore(directory: files.path + "/one")
        kept.add(Ban(jail: "sshd", target: BanTarget("192.0.2.1"), time: now, duration: 600))
        kept.commit()
        let one = sharing("one", peer: nil, EmittedBans())
        let server = PushServer { request in
            let since = request.line.split(separator: " ")[1].split(separator: "=").dropFirst().first ?? ""
            let answer = one.answer(
                since: String(since), signature: request.headers[BanFeed.header.lowercased()], now: now)
            return .bytes(answer.body, headers: [])
        }
        defer { server.stop() }
        let emitted = EmittedBans()
        let two = sharing("two", peer: "http://127.0.0.1:\(server.port)/api/bans/feed", emitted)
        #expect(two.states.map(\.name) == ["bans/peer/one"])
        two.start()
        for _ in 0..<500 where two.states[0].state == .starting { usleep(10_000) }
        #expect(two.states[0].state == .ok)
        two.stop()
        // What stood in the store of the one is where the feed begins.
        #expect(emitted.targets == ["192.0.2.1"])
    }

    @Test("random documents are no bans and do no harm")
    func fuzz() throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        var json = JSONWriter()
        try #require(SharedBan(.ban(Self.ban("192.0.2.1")), now: Self.now)).write(into: &json)
        let whole = json.written()
        let back = SharedBan(try JSONValue(parsing: whole.span.bytes))
        #expect(back?.ban == Self.ban("192.0.2.1"))
        for _ in 0..<1000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[.random(in: 0..<bytes.count, using: &random)] = .random(in: 0x20...0x7e, using: &random)
            }
            if let json = try? JSONValue(parsing: bytes.span.bytes), let ban = SharedBan(json) {
                #expect(ban.ban.time.isFinite && !ban.ban.duration.isNaN)
            }
            _ = FeedHeader(String(decoding: bytes, as: UTF8.self))
        }
    }
}
