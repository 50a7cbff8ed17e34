import Bytes
import Configuration
import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Jails

@Suite("Sharing over Redis")
struct RedisSharingTests {
    private let files: ConfigurationFiles

    init() throws { files = try ConfigurationFiles([:]) }

    private static func parse(_ bytes: [UInt8]) -> RedisReply.Parsed { RedisReply.parse(bytes.span.bytes, at: 0) }

    @Test("replies are read however they come in pieces; damaged ones are told")
    func replies() {
        let text = "*3\r\n$5\r\nab\r\nc\r\n:-7\r\n*2\r\n+OK\r\n$-1\r\n-ERR no\r\n"
        let bytes = Array(text.utf8)
        let expected: RedisReply = .array([
            .bytes(Array("ab\r\nc".utf8)), .integer(-7), .array([.status("OK"), .null]),
        ])
        for length in 0..<bytes.count - 9 {
            guard case .incomplete = Self.parse(Array(bytes[..<length])) else {
                Issue.record("expected more to be wanted at \(length)")
                continue
            }
        }
        guard case .reply(let reply, let end) = Self.parse(bytes) else {
            Issue.record("expected a reply")
            return
        }
        #expect(reply == expected)
        #expect(end == bytes.count - 9)
        for damaged in [
            "x\r\n", "$x\r\n", "$99999999999\r\n", "*-2x\r\n", "+OK\n", ":1.5\r\n", "$1\r\nabc",
            String(repeating: "*1\r\n", count: 20),
        ] {
            guard case .damaged = Self.parse(Array(damaged.utf8)) else {
                Issue.record("expected damage in \(damaged)")
                continue
            }
        }
        var random = SeededRandom(seed: SeededRandom.seed())
        let pieces = ["*", "$", "+", "-", ":", "\r\n", "1", "3", "99", "abc", "\r", "\n"]
        for _ in 0..<3000 {
            let text = (0..<12).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            _ = Self.parse(Array(text.utf8))
        }
    }

    static var hasRedis: Bool { system("command -v redis-server >/dev/null") == 0 }

    /// A redis-server on a socket of its own, with a password.
    private final class Server: Sendable {
        let socket: String
        private let directory: String
        private let process = Mutex<pid_t>(0)

        init(_ directory: String) {
            self.directory = directory
            socket = directory + "/redis.sock"
            start()
        }

        func start() {
            unlink(socket)
            let words: [String] = [
                "redis-server", "--port", "0", "--unixsocket", socket, "--requirepass", "pass word", "--dir", directory,
                "--save", "", "--logfile", directory + "/redis.log",
            ]
            let arguments = words.map { strdup($0) } + [nil]
            var child = pid_t()
            posix_spawnp(&child, "redis-server", nil, nil, arguments, environ)
            for argument in arguments { free(argument) }
            process.withLock { $0 = child }
            for _ in 0..<500 where access(socket, F_OK) != 0 { usleep(10_000) }
        }

        func stop() {
            let child = process.withLock { process in
                defer { process = 0 }
                return process
            }
            guard child > 0 else { return }
            kill(child, SIGKILL)
            waitpid(child, nil, 0)
        }

        deinit { stop() }
    }

    private static let secret = Secret("a secret of enough bytes")

    private func settings(_ server: Server, password: String = "pass word") -> RedisSettings {
        var settings = RedisSettings()
        settings.address = .socket(server.socket)
        settings.password = Secret(password)
        return settings
    }

    private func sharing(
        _ name: String, _ settings: RedisSettings, _ emitted: EmittedBans = EmittedBans(), secret: Secret = secret,
        store: BanStore? = nil
    ) -> RedisSharing {
        let bans = SharedBans(trust: [:], others: PeerTrust(), threshold: 1, exempt: { [] }, emit: emitted.emit)
        return RedisSharing(settings, name: name, secret: secret, bans: bans, store: store)
    }

    /// Runs some while `body` looks.
    private func running(_ some: [RedisSharing], _ body: () throws -> Void) rethrows {
        let stop = StopToken()
        let threads = some.map { sharing in WorkerThread(name: "test") { sharing.run(stop: stop) } }
        defer {
            stop.stop()
            for thread in threads { thread.join() }
        }
        try body()
    }

    private func eventually(_ condition: () -> Bool, _ comment: Comment) {
        for _ in 0..<1000 {
            if condition() { return }
            usleep(10_000)
        }
        Issue.record(comment)
    }

    private static func ban(_ target: String, origin: Ban.Origin = .failures) -> Ban {
        var ban = Ban(jail: "sshd", target: BanTarget(target), time: Timestamp.now.secondsSince1970, duration: 600)
        ban.origin = origin
        return ban
    }

    @Test(
        "hosts hear of one another's bans, also of those from before, and over a restart of Redis",
        .enabled(if: hasRedis))
    func sharing() throws {
        let server = Server(files.path)
        defer { server.stop() }
        let now = Timestamp.now.secondsSince1970
        let store = BanStore(directory: files.path + "/bans")
        let (one, two) = (EmittedBans(), EmittedBans())
        let first = sharing("one", settings(server), one)
        let second = sharing("two", settings(server), two, store: store)
        let stranger = sharing("three", settings(server), secret: Secret("what a stranger believes"))
        first.publish(.ban(Self.ban("192.0.2.1")), now: now)
        running([first]) { eventually({ first.status.published == 1 }, "a ban was not told") }
        running([first, second, stranger]) {
            eventually({ two.targets == ["192.0.2.1"] }, "a ban from before was not heard of")
            first.publish(.ban(Self.ban("192.0.2.2")), now: now)
            second.publish(.ban(Self.ban("198.51.100.1")), now: now)
            second.publish(.ban(Self.ban("198.51.100.2", origin: .peer("one"))), now: now)
            stranger.publish(.ban(Self.ban("203.0.113.1")), now: now)
            eventually({ two.targets.count == 2 && one.targets.count == 1 }, "a ban was not heard of")
            eventually({ second.status.refused == 1 && stranger.status.refused == 3 }, "a stranger was not refused")
            #expect(two.targets == ["192.0.2.1", "192.0.2.2"])
            #expect(one.targets == ["198.51.100.1"])
            #expect(two.all.allSatisfy { $0.ban.origin == .peer("one") })

            server.stop()
            eventually({ !first.status.isReading && !second.status.isReading }, "the end was not noticed")
            #expect(second.status.failure?.hasPrefix("Redis (unix:") == true)
            first.publish(.ban(Self.ban("192.0.2.3")), now: now)
            server.start()
            eventually({ two.targets.contains("192.0.2.3") }, "a ban was lost over a restart")
            eventually({ first.status.failure == nil && second.status.failure == nil }, "the failure stays")
        }
        // Who has read goes on where it was.
        let later = EmittedBans()
        let again = sharing("two", settings(server), later, store: store)
        running([again, first]) {
            first.publish(.ban(Self.ban("192.0.2.4")), now: now)
            eventually({ !later.all.isEmpty }, "a ban was not heard of")
        }
        #expect(later.targets == ["192.0.2.4"])
    }

    @Test("a wrong password and a server that is not there are told in one sentence", .enabled(if: hasRedis))
    func failures() throws {
        let server = Server(files.path)
        defer { server.stop() }
        let wrong = sharing("one", settings(server, password: "no"))
        var nowhere = RedisSettings()
        nowhere.address = .tcp(host: "127.0.0.1", port: 1)
        let missing = sharing("one", nowhere)
        running([wrong, missing]) {
            eventually(
                { wrong.status.failure?.contains("answered AUTH with an error: WRONGPASS") == true }, "no failure")
            eventually({ missing.status.failure?.contains("Connection refused") == true }, "no failure")
        }
    }

    @Test("what waits for a server that is away is bounded")
    func waiting() {
        let sharing = sharing("one", RedisSettings())
        let now = Timestamp.now.secondsSince1970
        for number in 0..<12_000 { sharing.publish(.ban(Self.ban("10.0.\(number / 250).\(number % 250)")), now: now) }
        #expect(sharing.status.dropped == 2500)
    }
}
