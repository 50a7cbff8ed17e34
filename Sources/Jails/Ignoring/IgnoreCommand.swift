import Synchronization

/// Runs `ignorecommand`s for jails.
package protocol IgnoreCommandRunner: AnyObject, Sendable {
    /// Runs a shell command with its tags filled in. Never waits: `answer` is called once, on any thread, with the exit status, or with nil
    /// where it could not be run or did not end within `timeout` seconds.
    ///
    /// - Parameter candidate: who would be counted, as a ban, for the tags.
    func run(
        _ command: String, for candidate: Ban, timeout: Double, answer: @escaping @Sendable (Int32?) -> Void)
}

/// `ignorecommand` and `ignorecache` of a jail. Used by one thread; answers come in from others.
package final class IgnoreCommand {
    enum Answer: Equatable {
        case ignored
        case counted
        /// It is running.
        case pending
    }

    private let command: String?
    private let cacheKey: String?
    private var cache: IgnoreCache
    private let runner: (any IgnoreCommandRunner)?
    private let inbox = Inbox()
    /// Commands that run, as they are filled in, with the time at which they were started.
    private var running: [String: Double] = [:]
    /// Commands that failed, other than by saying no.
    package private(set) var failures = 0

    /// Seconds, as fail2ban has it for every command.
    static let timeout = 60.0

    /// What came in since it was last looked for.
    private final class Inbox: Sendable {
        let answers = Mutex<[(key: String, status: Int32?)]>([])
    }

    /// For keys of what is asked: nothing that takes time, such as the name of an address, which the address stands for.
    private static let quickFacts: ActionFacts = {
        var facts = ActionFacts()
        facts.nameOf = { $0 }
        facts.hostName = { _ in "" }
        return facts
    }()

    /// Throws where the cache's description cannot be read, or where there is a command and nobody to run it.
    package init(_ settings: IgnoreSettings, runner: (any IgnoreCommandRunner)?) throws(ParameterError) {
        command = settings.command.flatMap { $0.trimmed.isEmpty ? nil : $0.trimmed }
        if let text = settings.cache, !text.trimmed.isEmpty {
            let parsed = try IgnoreCache.parse(text)
            (cacheKey, cache) = (parsed.key, parsed.cache)
        } else {
            (cacheKey, cache) = (nil, IgnoreCache(capacity: 1, lifetime: 0))
        }
        self.runner = runner
        if command != nil, runner == nil { throw ParameterError(message: "ignorecommand: nobody runs commands here") }
    }

    /// There is a command or a cache.
    var isUsed: Bool { command != nil || cacheKey != nil }

    /// What the cache knows; nil for nothing.
    func cached(_ candidate: Ban, now: Double) -> Bool? {
        guard let cacheKey else { return nil }
        return cache.value(of: Self.key(cacheKey, candidate), now: now)
    }

    func remember(_ isIgnored: Bool, for candidate: Ban, now: Double) {
        guard let cacheKey else { return }
        cache.set(Self.key(cacheKey, candidate), isIgnored, now: now)
    }

    /// Asks the command; the same question while it runs is asked once.
    ///
    /// - Parameter answers: of `takeAnswers`.
    func answer(
        _ candidate: Ban, _ answers: [String: Bool], now: Double, wake: @escaping @Sendable () -> Void
    ) -> Answer {
        guard let command, let runner else {
            remember(false, for: candidate, now: now)
            return .counted
        }
        let key = Self.key(command, candidate)
        if let isIgnored = answers[key] {
            remember(isIgnored, for: candidate, now: now)
            return isIgnored ? .ignored : .counted
        }
        if let started = running[key], now - started < Self.timeout + 5, now >= started { return .pending }
        running[key] = now
        runner.run(command, for: candidate, timeout: Self.timeout) { [inbox] status in
            inbox.answers.withLock { $0.append((key, status)) }
            wake()
        }
        return .pending
    }

    /// Whether they ignore, by what was asked. Only the exit status 0 does.
    func takeAnswers() -> [String: Bool] {
        guard !running.isEmpty else { return [:] }
        let came = inbox.answers.withLock { answers in
            defer { answers.removeAll() }
            return answers
        }
        var taken: [String: Bool] = [:]
        for (key, status) in came {
            running[key] = nil
            if status != 0, status != 1 { failures &+= 1 }
            taken[key] = status == 0
        }
        return taken
    }

    private static func key(_ text: String, _ candidate: Ban) -> String {
        let script = BanTags(ban: candidate, facts: quickFacts).tags.script(text)
        return ([script.text] + script.parameters).joined(separator: "\0")
    }
}
