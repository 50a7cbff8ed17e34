import Bytes
import Synchronization
import Telemetry

/// Compares passwords with bcrypt hashes, on threads of its own.
///
/// At most `concurrency` comparisons run and `queueLimit` wait; one more is refused at once. What succeeded is
/// remembered, one password per user, as a hash under a key of this process, so that a scraper pays once.
package final class PasswordVerifier: Sendable {
    package enum Verdict: Sendable, Equatable {
        case accepted
        case refused
        /// Too many wait.
        case busy
    }

    private struct State {
        var running = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
        /// By user; never more than there are users.
        var remembered: [String: [UInt8]] = [:]
    }

    private let concurrency: Int
    private let queueLimit: Int
    private let key: [UInt8]
    private let state = Mutex(State())
    private let compare: @Sendable (BcryptHash, [UInt8]) -> Bool

    /// `compare` is what a test puts in the place of bcrypt.
    package init(
        concurrency: Int = 2, queueLimit: Int = 32,
        compare: @escaping @Sendable (BcryptHash, [UInt8]) -> Bool = PasswordVerifier.bcrypt
    ) {
        self.concurrency = concurrency
        self.queueLimit = queueLimit
        self.compare = compare
        var generator = SystemRandomNumberGenerator()
        key = (0..<32).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    /// A failure of libcrypt lets nobody in. That the library is there is made sure when the users are read.
    package static let bcrypt: @Sendable (BcryptHash, [UInt8]) -> Bool = { hash, password in
        do throws(BcryptError) {
            return try hash.matches(password)
        } catch {
            return false
        }
    }

    /// An unknown user costs as much as the dearest known one.
    package func verify(_ user: String, _ password: [UInt8], among users: [String: BcryptHash]) async -> Verdict {
        let known = users[user]
        let proof = known.map { SHA256.authenticate(Self.message(user, $0, password), key: key) }
        if let proof, let remembered = state.withLock({ $0.remembered[user] }),
            equalInConstantTime(proof, remembered)
        {
            return .accepted
        }
        guard let hash = known ?? Self.decoy(for: users) else { return .refused }
        guard await enter() else { return .busy }
        let isRight = await withCheckedContinuation { continuation in
            WorkerThread(name: "password") { [compare] in continuation.resume(returning: compare(hash, password)) }
                .detach()
        }
        leave()
        guard isRight, let proof else { return .refused }
        state.withLock { $0.remembered[user] = proof }
        return .accepted
    }

    /// Forgets users who are no more. A changed hash needs no forgetting: it is part of what is remembered.
    package func forgetAll(but users: some Sequence<String>) {
        let kept = Set(users)
        state.withLock { $0.remembered = $0.remembered.filter { kept.contains($0.key) } }
    }

    /// Waits for a place; false when too many do.
    private func enter() async -> Bool {
        var isFull = false
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                if state.running < concurrency {
                    state.running += 1
                    return true
                }
                isFull = state.waiting.count >= queueLimit
                if !isFull { state.waiting.append(continuation) }
                return isFull
            }
            if goesOn { continuation.resume() }
        }
        return !isFull
    }

    /// Hands the place to whoever waits longest.
    private func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.waiting.isEmpty {
                state.running -= 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }

    /// A hash of no password that anybody knows, at the highest cost among the users.
    static func decoy(for users: [String: BcryptHash]) -> BcryptHash? {
        guard let cost = users.values.map(\.cost).max() else { return nil }
        let digits = cost < 10 ? "0\(cost)" : "\(cost)"
        return BcryptHash("$2b$\(digits)$" + String(repeating: ".", count: 53))
    }

    /// No two triples make the same bytes, for the lengths are among them.
    private static func message(_ user: String, _ hash: BcryptHash, _ password: [UInt8]) -> [UInt8] {
        let lengths = "\(user.utf8.count) \(hash.text.utf8.count) "
        return Array(lengths.utf8) + Array(user.utf8) + Array(hash.text.utf8) + password
    }
}
