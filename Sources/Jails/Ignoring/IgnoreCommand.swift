import Synchronization

/// Runs shell commands for jails.
package protocol IgnoreCommandRunner: AnyObject, Sendable {
    /// Runs `sh -c command` with the environment's variables added to its own. Never waits: `answer` is called once, on any
    /// thread, with the exit status, or with nil where it could not be run or did not end within `timeout` seconds.
    func run(
        _ command: String, environment: [String: String], timeout: Double,
        answer: @escaping @Sendable (Int32?) -> Void)
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
    /// Commands that run, with the time at which they were started.
    private var running: [FilledCommand: Double] = [:]
    /// Commands that failed, other than by saying no.
    package private(set) var failures = 0

    /// Seconds, as fail2ban has it for every command.
    static let timeout = 60.0

    /// What came in since it was last looked for.
    private final class Inbox: Sendable {
        let answers = Mutex<[(command: FilledCommand, status: Int32?)]>([])
    }

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

    package var isThere: Bool { command != nil }

    /// What the cache knows; nil for nothing.
    func cached(_ values: IgnoreValues, now: Double) -> Bool? {
        guard let cacheKey else { return nil }
        return cache.value(of: values.plain(cacheKey), now: now)
    }

    func remember(_ isIgnored: Bool, for values: IgnoreValues, now: Double) {
        guard let cacheKey else { return }
        cache.set(values.plain(cacheKey), isIgnored, now: now)
    }

    /// Asks the command; the same question while it runs is asked once.
    ///
    /// - Parameter answers: of `takeAnswers`.
    func answer(
        _ values: IgnoreValues, _ answers: [FilledCommand: Bool], now: Double, wake: @escaping @Sendable () -> Void
    )
        -> Answer
    {
        guard let command, let runner else { return .counted }
        let filled = values.filled(command)
        if let isIgnored = answers[filled] {
            remember(isIgnored, for: values, now: now)
            return isIgnored ? .ignored : .counted
        }
        if let started = running[filled], now - started < Self.timeout + 5, now >= started { return .pending }
        running[filled] = now
        runner.run(filled.text, environment: filled.environment, timeout: Self.timeout) { [inbox] status in
            inbox.answers.withLock { $0.append((filled, status)) }
            wake()
        }
        return .pending
    }

    /// Whether they ignore, by command. Only the exit status 0 does.
    func takeAnswers() -> [FilledCommand: Bool] {
        guard !running.isEmpty else { return [:] }
        let came = inbox.answers.withLock { answers in
            defer { answers.removeAll() }
            return answers
        }
        var taken: [FilledCommand: Bool] = [:]
        for (command, status) in came {
            running[command] = nil
            if status != 0, status != 1 { failures &+= 1 }
            taken[command] = status == 0
        }
        return taken
    }
}

/// `ignorecache`: what was answered lately. At most `capacity` answers; the oldest goes first.
struct IgnoreCache {
    private var answers: [String: (isIgnored: Bool, time: Double)] = [:]
    private let capacity: Int
    private let lifetime: Double

    /// - Parameter lifetime: seconds.
    init(capacity: Int, lifetime: Double) {
        self.capacity = capacity
        self.lifetime = lifetime
    }

    /// `key="<F-USER>@<ip>", max-count=100, max-time=5m`
    static func parse(_ text: String) throws(ParameterError) -> (key: String, cache: IgnoreCache) {
        var key: String?
        var (capacity, lifetime) = (100, 300.0)
        for (name, value) in try ParameterList("ignorecache[\(text)]").parameters {
            switch name {
            case "key": key = value
            case "max-count":
                guard let number = Int(value), (1...1_000_000).contains(number) else {
                    throw ParameterError(
                        message: "ignorecache: expected max-count from 1 to 1000000, found \"\(value)\"")
                }
                capacity = number
            case "max-time":
                guard let seconds = TimeText.seconds(value), seconds >= 0 else {
                    throw ParameterError(message: "ignorecache: expected max-time such as 5m, found \"\(value)\"")
                }
                lifetime = seconds
            default:
                throw ParameterError(message: "ignorecache: expected key, max-count or max-time, found \"\(name)\"")
            }
        }
        guard let key, !key.isEmpty else { throw ParameterError(message: "ignorecache: expected key=\"<ip>\"") }
        return (key, IgnoreCache(capacity: capacity, lifetime: lifetime))
    }

    mutating func value(of key: String, now: Double) -> Bool? {
        guard let answer = answers[key] else { return nil }
        guard now - answer.time <= lifetime, now >= answer.time else {
            answers[key] = nil
            return nil
        }
        return answer.isIgnored
    }

    mutating func set(_ key: String, _ isIgnored: Bool, now: Double) {
        if answers.count >= capacity, answers[key] == nil {
            answers = answers.filter { now - $0.value.time <= lifetime }
            if answers.count >= capacity, let oldest = answers.min(by: { $0.value.time < $1.value.time }) {
                answers[oldest.key] = nil
            }
        }
        answers[key] = (isIgnored, now)
    }
}
