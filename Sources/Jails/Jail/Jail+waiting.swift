import Bytes

extension Jail {
    /// A failure that needs an answer.
    struct Waiting {
        let failure: Failure
        let time: Double
        let question: Question
        /// When it began to wait, seconds since 1970.
        let since: Double
        /// Then it goes on without the answer.
        let deadline: Double
    }

    enum Question {
        /// The addresses of a name that the log has.
        case name(String)
        /// Whether somebody is ignored.
        case ignored(BanTarget)
    }

    /// Seconds that a name may take.
    private static let nameTimeout = 30.0
    /// Seconds that names of the ignore list may take at first, until failures go on without them.
    private static let listTimeout = 5.0

    /// A failure of a host by its name.
    ///
    /// - Parameter since: when it was put aside, or now.
    func take(
        name: String, _ failure: Failure, time: Double, now: Double, since: Double, _ events: inout [JailEvent]
    ) {
        // A pattern for names also finds addresses.
        if IPNetwork(name) != nil {
            return take(name, isText: false, failure, time: time, now: now, &events)
        }
        switch settings.usesDNS {
        case .raw: take(name, isText: true, failure, time: time, now: now, &events)
        case .ignore: events.append(.refused(name, .name))
        case .resolve, .warn:
            switch surroundings.names.addresses(of: name, now: now) {
            case .known(let addresses):
                if settings.usesDNS == .warn { events.append(.resolved(name, addresses)) }
                for address in addresses {
                    take(address.description, isText: false, failure, time: time, now: now, &events)
                }
            case .unknown: events.append(.refused(name, .unresolved))
            case .pending:
                wait(.name(name), failure, time: time, since: since, for: Self.nameTimeout, &events)
            }
        }
    }

    /// A failure of an address or of what `<F-ID>` took.
    func take(
        _ id: String, isText: Bool, _ failure: Failure, time: Double, now: Double, _ events: inout [JailEvent]
    ) {
        switch BanTarget.checked(id, isText: isText) {
        case .failure(let refusal): events.append(.refused(id, refusal.reason))
        case .success(let target): consider(target, failure, time: time, now: now, &events)
        }
    }

    /// Counts a failure unless who failed is ignored.
    ///
    /// - Parameter since: when it was put aside; nil the first time.
    func consider(
        _ target: BanTarget, _ failure: Failure, time: Double, now: Double, since: Double? = nil,
        _ events: inout [JailEvent]
    ) {
        let since = since ?? now
        let candidate = ignoreCommand.isUsed ? candidate(target, failure, time) : nil
        if let candidate, let isIgnored = ignoreCommand.cached(candidate, now: now) {
            if isIgnored {
                events.append(.ignored(target, .command))
            } else {
                count(target, failure, time: time, now: now, &events)
            }
            return
        }
        // Of a session or a user the address is known beside.
        let address = target.network ?? (failure.text("ip4") ?? failure.text("ip6")).flatMap { IPNetwork($0) }
        switch ignoreList.answer(target.description, address: address, now: now) {
        case .ignored(let reason):
            if let candidate { ignoreCommand.remember(true, for: candidate, now: now) }
            events.append(.ignored(target, reason))
            return
        case .pending where now - since < Self.listTimeout:
            wait(.ignored(target), failure, time: time, since: since, for: Self.listTimeout, &events)
            return
        case .pending, .counted: break
        }
        if let candidate {
            switch ignoreCommand.answer(candidate, answers, now: now, wake: surroundings.wake) {
            case .ignored:
                events.append(.ignored(target, .command))
                return
            case .pending where now - since < IgnoreCommand.timeout + 5:
                wait(.ignored(target), failure, time: time, since: since, for: IgnoreCommand.timeout + 5, &events)
                return
            case .pending, .counted: break
            }
        }
        count(target, failure, time: time, now: now, &events)
    }

    /// Who would be counted, for the tags of commands.
    private func candidate(_ target: BanTarget, _ failure: Failure, _ time: Double) -> Ban {
        var ban = Ban(jail: settings.name, target: target, time: time, duration: settings.banTime)
        (ban.count, ban.failures) = (0, 1)
        (ban.matches, ban.groups) = (failure.matches, failure.textGroups)
        return ban
    }

    /// Takes up those whose answers are there, or whose time is over.
    func resume(now: Double, _ events: inout [JailEvent]) {
        guard !waiting.isEmpty else { return }
        answers = ignoreCommand.takeAnswers()
        let before = waiting
        waiting = []
        for item in before {
            switch item.question {
            case .name(let name):
                if now >= item.deadline, surroundings.names.addresses(of: name, now: now) == .pending {
                    events.append(.refused(name, .unresolved))
                } else {
                    take(name: name, item.failure, time: item.time, now: now, since: item.since, &events)
                }
            case .ignored(let target):
                consider(target, item.failure, time: item.time, now: now, since: item.since, &events)
            }
        }
        answers = [:]
    }

    private func wait(
        _ question: Question, _ failure: Failure, time: Double, since: Double, for timeout: Double,
        _ events: inout [JailEvent]
    ) {
        guard waiting.count < Self.mostWaiting else {
            events.append(.refused(failure.id ?? "", .tooMany))
            return
        }
        waiting.append(
            Waiting(failure: failure, time: time, question: question, since: since, deadline: since + timeout))
    }
}
