import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Web

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite("Passwords")
struct PasswordTests {
    @Test(
        "a hash that others have made is verified, whatever its minor version",
        arguments: [
            ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ])
    func known(password: String, text: String) throws {
        let hash = try #require(BcryptHash(text))
        #expect(try hash.matches(bytes(password)))
        #expect(try !hash.matches(bytes(password + "x")))
        #expect(try !hash.matches(bytes(password) + [0]))
        #expect(try !hash.matches([]))
    }

    @Test("a new hash is of the cost that was asked for, is salted, and is verified")
    func new() throws {
        let first = try BcryptHash(of: bytes("pass wörd"), cost: 4)
        let second = try BcryptHash(of: bytes("pass wörd"), cost: 4)
        #expect(first.text.hasPrefix("$2b$04$") && first != second && first.cost == 4)
        #expect(try first.matches(bytes("pass wörd")) && second.matches(bytes("pass wörd")))
        #expect(try !first.matches(bytes("pass word")))
    }

    @Test("what bcrypt would not hash as a whole is refused")
    func refused() {
        for password in [[], [UInt8](repeating: 97, count: 73), [97, 0, 98]] {
            #expect(throws: BcryptError.self) { try BcryptHash(of: password, cost: 4) }
        }
        #expect(throws: BcryptError.self) { try BcryptHash(of: [97], cost: 17) }
    }

    @Test(
        "what is no hash is not taken for one",
        arguments: [
            "", "secret", "$2b$10$short", "$1$abc$def", "$2b$03$" + String(repeating: "a", count: 53),
            "$2b$17$" + String(repeating: "a", count: 53), "$2x$10$" + String(repeating: "a", count: 53),
            "$2b$1x$" + String(repeating: "a", count: 53), "$2b$10$" + String(repeating: "a", count: 52) + "!",
            "$2b$10$" + String(repeating: "a", count: 54), "$2b$+5$" + String(repeating: "a", count: 53),
        ])
    func noHash(text: String) { #expect(BcryptHash(text) == nil) }

    @Test(
        "credentials are read as RFC 7617 writes them",
        arguments: [
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"), ("basic dTo=", "u", ""),
            ("BASIC  dTphOmI=", "u", "a:b"), ("Basic Og==", "", ""),
        ])
    func credentials(field: String, user: String, password: String) {
        let credentials = BasicCredentials(field)
        #expect(credentials?.user == user && credentials?.password == bytes(password))
    }

    @Test(
        "other fields are none",
        arguments: [
            "", "Basic", "Basic ", "Basic !!!!", "Basic dTo", "Basic dQ==", "Bearer dTo=", "Basic dTpwAA==",
            "Basic =dTo", "Basic ====", "Basic /zp4",
        ])
    func noCredentials(field: String) { #expect(BasicCredentials(field) == nil) }

    @Test("random fields are read or refused, and base64 decodes what it should")
    func fuzz() {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        for _ in 0..<5000 {
            let plain = (0..<Int.random(in: 0...20, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            var text: [UInt8] = []
            for start in stride(from: 0, to: plain.count, by: 3) {
                let chunk = plain[start..<min(start + 3, plain.count)]
                let bits = chunk.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - chunk.count))
                for at in 0..<4 {
                    text.append(at <= chunk.count ? digits[Int(bits >> UInt32(18 - 6 * at) & 63)] : 0x3d)
                }
            }
            #expect(BasicCredentials.base64(text) == plain, "seed \(seed)")
            if !text.isEmpty {
                text[Int.random(in: 0..<text.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = BasicCredentials("Basic " + String(decoding: text, as: UTF8.self))
        }
    }
}

@Suite("Verifying passwords", .timeLimit(.minutes(1)))
struct PasswordVerifierTests {
    private static let hash = BcryptHash("$2b$04$" + String(repeating: "a", count: 53))
    private static let dear = BcryptHash("$2b$09$" + String(repeating: "b", count: 53))

    /// Stands in for bcrypt: notes what is compared, and waits to be let go on.
    private final class Comparison: Sendable {
        private let state = Mutex((costs: [Int](), running: 0, most: 0, isOpen: true))
        var costs: [Int] { state.withLock { $0.costs } }
        var running: Int { state.withLock { $0.running } }
        var most: Int { state.withLock { $0.most } }
        func open(_ isOpen: Bool) { state.withLock { $0.isOpen = isOpen } }

        func run(_ hash: BcryptHash, _ password: [UInt8]) -> Bool {
            state.withLock {
                $0.costs.append(hash.cost)
                $0.running += 1
                $0.most = max($0.most, $0.running)
            }
            while !state.withLock({ $0.isOpen }) { sched_yield() }
            state.withLock { $0.running -= 1 }
            return password == bytes("right")
        }
    }

    @Test("a success is remembered for this password alone, a failure is not")
    func remembers() async throws {
        let comparison = Comparison()
        let verifier = PasswordVerifier(compare: comparison.run)
        let users = ["a": try #require(Self.hash)]
        #expect(await verifier.verify("a", bytes("wrong"), among: users) == .refused)
        #expect(await verifier.verify("a", bytes("wrong"), among: users) == .refused)
        #expect(await verifier.verify("a", bytes("right"), among: users) == .accepted)
        #expect(comparison.costs.count == 3)
        for _ in 0..<3 { #expect(await verifier.verify("a", bytes("right"), among: users) == .accepted) }
        #expect(comparison.costs.count == 3)
        #expect(await verifier.verify("a", bytes("wrong"), among: users) == .refused)
        #expect(comparison.costs.count == 4)
        // A new hash of the same user is compared anew, and so is a user who was gone.
        let changed = ["a": try #require(Self.dear)]
        #expect(await verifier.verify("a", bytes("right"), among: changed) == .accepted)
        verifier.forgetAll(but: [])
        #expect(await verifier.verify("a", bytes("right"), among: changed) == .accepted)
        #expect(comparison.costs.count == 6)
    }

    @Test("an unknown user costs as much as the dearest known one, and never gets in")
    func unknown() async throws {
        let comparison = Comparison()
        let verifier = PasswordVerifier(compare: comparison.run)
        let users = ["a": try #require(Self.hash), "b": try #require(Self.dear)]
        #expect(await verifier.verify("nobody", bytes("right"), among: users) == .refused)
        #expect(await verifier.verify("nobody", bytes("right"), among: users) == .refused)
        #expect(comparison.costs == [9, 9])
        #expect(await verifier.verify("nobody", bytes("right"), among: [:]) == .refused)
    }

    @Test(
        "what stands in for an unknown user's hash is one that bcrypt works on, at the full cost", arguments: [4, 10])
    func decoy(cost: Int) throws {
        let known = try BcryptHash(of: bytes("x"), cost: cost)
        let cheap = try #require(Self.hash)
        let decoy = try #require(PasswordVerifier.decoy(for: ["a": known, "b": cheap]))
        #expect(decoy.cost == cost)
        #expect(try !decoy.matches(bytes("x")))
    }

    @Test("comparisons are bounded, those over the queue's end are refused at once, and all others get an answer")
    func bounded() async throws {
        let comparison = Comparison()
        comparison.open(false)
        let verifier = PasswordVerifier(concurrency: 2, queueLimit: 3, compare: comparison.run)
        let users = ["a": try #require(Self.hash)]
        let verdicts = await withTaskGroup(of: PasswordVerifier.Verdict.self) { group in
            for index in 0..<9 { group.addTask { await verifier.verify("a", bytes("x\(index)"), among: users) } }
            var verdicts: [PasswordVerifier.Verdict] = []
            // Four find the queue full and come back while nobody else does.
            while verdicts.count < 4, let verdict = await group.next() { verdicts.append(verdict) }
            comparison.open(true)
            for await verdict in group { verdicts.append(verdict) }
            return verdicts
        }
        #expect(verdicts.prefix(4).allSatisfy { $0 == .busy })
        #expect(verdicts.suffix(5).allSatisfy { $0 == .refused })
        #expect(comparison.most == 2 && comparison.costs.count == 5)
        #expect(await verifier.verify("a", bytes("right"), among: users) == .accepted)
    }
}

@Suite("The rate limit")
struct TokenBucketTests {
    @Test("a burst is let in at once, then one per interval, and a rest fills the bucket no further than the burst")
    func bucket() {
        let bucket = TokenBucket(RateLimit(interval: .seconds(2), burst: 3))
        func take(_ second: Double) -> Duration? { bucket.take(at: .seconds(second)) }
        #expect([take(0), take(0), take(0)] == [nil, nil, nil])
        #expect(take(0) == .seconds(2))
        #expect(take(1.5) == .milliseconds(500))
        #expect(take(2) == nil && take(2) == .seconds(2) && take(4) == nil)
        #expect([take(100), take(100), take(100)] == [nil, nil, nil])
        #expect(take(100) == .seconds(2))
    }
}
