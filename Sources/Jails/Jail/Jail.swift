import Bytes

/// What jails share, and what tests give their own of.
package struct JailSurroundings {
    package var history: any BanHistory
    /// For names that logs have in place of addresses.
    package var names: any NameResolving
    /// For names that configuration has: no log may crowd them out.
    package var trustedNames: any NameResolving
    package var host: HostAddresses
    package var commands: (any IgnoreCommandRunner)?
    /// Nobody of them is banned by any jail.
    package var allowed: AllowedNetworks?
    /// 0..<1
    package var random: () -> Double
    /// Whether one more new ban of a jail is made. Whoever is not banned fails again and comes back.
    package var admits: (_ jail: String) -> Bool = { _ in true }
    /// Called on any thread when `tick` has something to do before its time.
    package var wake: @Sendable () -> Void

    package init(
        history: any BanHistory, names: any NameResolving, trustedNames: any NameResolving, host: HostAddresses,
        commands: (any IgnoreCommandRunner)? = nil, random: @escaping () -> Double = { Double.random(in: 0..<1) },
        wake: @escaping @Sendable () -> Void = {}
    ) {
        self.history = history
        self.names = names
        self.trustedNames = trustedNames
        self.host = host
        self.commands = commands
        self.random = random
        self.wake = wake
    }

    /// The host's own resolver and interfaces.
    package init(
        history: any BanHistory, commands: (any IgnoreCommandRunner)? = nil, wake: @escaping @Sendable () -> Void = {}
    ) {
        let trusted = NameResolver(onAnswer: wake)
        self.init(
            history: history, names: NameResolver(onAnswer: wake), trustedNames: trusted,
            host: HostAddresses(resolver: trusted), commands: commands, wake: wake)
    }
}

/// Counts failures and says who is banned, and for how long; enforces nothing and reads nothing. Used by one thread, which never waits: a
/// failure that needs an answer of the DNS or of a command is put aside and taken up by `tick`.
package final class Jail {
    package let settings: JailSettings
    let surroundings: JailSurroundings
    let banTimes: BanTimes
    let ignoreList: IgnoreList
    let ignoreCommand: IgnoreCommand
    var failures: FailureTable
    var bans: BanTable
    /// Those that need an answer, in their order. At most `mostWaiting`; a further one is refused.
    var waiting: [Waiting] = []
    /// Of ignore commands, while `tick` takes failures up again.
    var answers: [String: Bool] = [:]
    private var nextCleanUp = -Double.infinity

    static let mostWaiting = 1000
    /// Seconds between two looks at who is to be forgotten.
    private static let cleanUpInterval = 5.0
    /// Seconds that a line may be off the clock while a log is followed.
    private static let tolerance = 60.0

    /// Throws where a formula or the ignore cache cannot be read.
    ///
    /// - Parameters:
    ///   - mostTargets: whose failures are counted at a time.
    ///   - mostBans: at a time.
    package init(
        _ settings: JailSettings, surroundings: JailSurroundings, mostTargets: Int = 100_000, mostBans: Int = 1_000_000
    ) throws(JailConfigurationError) {
        self.settings = settings
        self.surroundings = surroundings
        let place = "jail [\(settings.name)]"
        do throws(FormulaError) {
            banTimes = try BanTimes(base: settings.banTime, increment: settings.increment)
        } catch {
            throw JailConfigurationError(file: place, message: "bantime.formula: \(error)")
        }
        do throws(ParameterError) {
            ignoreCommand = try IgnoreCommand(settings.ignoring, runner: surroundings.commands)
        } catch {
            throw JailConfigurationError(file: place, message: error.message)
        }
        ignoreList = IgnoreList(
            settings.ignoring, host: surroundings.host, resolver: surroundings.trustedNames,
            allowed: surroundings.allowed)
        failures = FailureTable(
            findTime: settings.findTime, maximumMatches: settings.maximumMatches, capacity: mostTargets)
        bans = BanTable(capacity: mostBans, countsMembers: settings.scope.promotesAt > 0)
    }

    /// Counts a failure.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - isFollowing: the log has been read to its end once; what comes now has just been written, whatever its date says. Before, what is
    ///     older than the find time is passed over.
    package func take(_ failure: Failure, now: Double, isFollowing: Bool = true) -> [JailEvent] {
        guard !failure.isNoFail, let id = failure.id else { return [] }
        var events: [JailEvent] = []
        var time = failure.time.isFinite ? failure.time : now
        if isFollowing {
            let difference = (time - now).rounded(.towardZero)
            if abs(difference) > Self.tolerance {
                events.append(.timeCorrected(id, by: difference))
                time = now
            }
        } else if time < now - settings.findTime {
            return [.tooOld(id, time: time)]
        }
        time = min(time, now)
        settle(now)
        if failure.isName {
            take(name: id, failure, time: time, now: now, since: now, &events)
        } else {
            take(id, isText: failure.groups["fid"] != nil, failure, time: time, now: now, &events)
        }
        return events
    }

    /// A ban of another jail, as jails for repeated offenders count them. What this jail bans itself, and what was only restored, does not count.
    package func take(banOf ban: Ban, now: Double) -> [JailEvent] {
        guard ban.jail != settings.name, !ban.isRestored else { return [] }
        settle(now)
        var failure = Failure(time: min(ban.time, now), groups: [:], pattern: 0)
        failure.id = ban.target.description
        failure.matches = ban.matches
        for (name, text) in ban.groups { failure.groups[name] = .text(text) }
        var events: [JailEvent] = []
        // The moment of the ban is what such a jail would read in the log.
        consider(ban.target, failure, time: now, now: now, &events)
        return events
    }

    /// Takes up failures whose answers are there, and unbans whose time is over.
    ///
    /// - Parameter mostUnbans: at once.
    package func tick(now: Double, mostUnbans: Int = .max) -> [JailEvent] {
        var events: [JailEvent] = []
        resume(now: now, &events)
        settle(now)
        for ban in bans.removeEnded(now: now, limit: mostUnbans) {
            events.append(.unbanned(ban, isObserved: settings.isObserving))
        }
        return events
    }

    /// Seconds since 1970 at which `tick` is to be called at the latest; nil where nothing is due.
    package var nextTick: Double? {
        // Who no longer fails is to be forgotten though nobody else fails; that is in no hurry.
        let cleanUp = failures.count > 0 ? nextCleanUp + 60 : nil
        return [waiting.map(\.deadline).min(), bans.nextEnd, cleanUp].compactMap { $0 }.min()
    }

    /// Forgets old failures, as often as that is worth it.
    private func settle(_ now: Double) {
        // The clock may have been set back.
        guard now >= nextCleanUp || now < nextCleanUp - Self.cleanUpInterval else { return }
        nextCleanUp = now + Self.cleanUpInterval
        failures.cleanUp(now: now)
    }
}
