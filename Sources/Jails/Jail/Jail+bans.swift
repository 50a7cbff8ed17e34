import Bytes

extension Jail {
    /// Counts a failure of who is not ignored, and bans at the number that is too many.
    func count(_ target: BanTarget, _ failure: Failure, time: Double, now: Double, _ events: inout [JailEvent]) {
        let scoped = widened(target, to: target.scoped(settings.scope), now: now, &events)
        var retries = failures.add(scoped, time: time, matches: failure.matches)
        events.append(.found(target, time: time, retries: retries))
        if retries < settings.maximumRetries, settings.increment.isEnabled,
            let record = surroundings.history.record(of: scoped, in: settings.name), time > record.lastTime
        {
            let extra = banTimes.extraFailures(count: record.count, maximumRetries: settings.maximumRetries)
            if extra > 0, let more = failures.add(extra: extra, to: scoped) {
                retries = more
                events.append(
                    .knownOffender(
                        target, time: time, bans: record.count, weight: extra + 1,
                        maximumRetries: settings.maximumRetries))
            }
        }
        guard retries >= settings.maximumRetries, let ticket = failures.remove(scoped) else { return }
        var ban = Ban(jail: settings.name, target: scoped, time: ticket.last, duration: settings.banTime)
        ban.failures = ticket.failures
        ban.matches = ticket.matches
        ban.groups = failure.textGroups
        put(ban, now: now, &events)
    }

    /// The wider one of two targets, unless it holds somebody who is ignored.
    private func widened(_ target: BanTarget, to wider: BanTarget, now: Double, _ events: inout [JailEvent])
        -> BanTarget
    {
        guard wider != target, let network = wider.network else { return target }
        guard BanTarget.refusal(of: network) == nil, !ignoreList.overlaps(network, now: now) else {
            events.append(.notWidened(target, to: network))
            return target
        }
        return wider
    }

    /// Bans, or finds that it is banned. The duration is the base time so far.
    private func put(_ base: Ban, now: Double, _ events: inout [JailEvent]) {
        var ban = base
        guard ban.end >= now else {
            events.append(.expired(ban.target))
            return
        }
        if let network = ban.target.network, bans[ban.target] == nil, let wider = bans.covering(network),
            wider.end >= ban.end
        {
            events.append(.alreadyBanned(wider, delay: ban.time - wider.time))
            return
        }
        if bans[ban.target] == nil {
            if isHeldBack(ban), !surroundings.admits(settings.name) {
                events.append(.refused(ban.target.description, .tooManyBans))
                return
            }
            grow(&ban)
        }
        if add(ban, now: now, &events) { promote(ban, now: now, &events) }
    }

    /// Whether so many bans at a time matter to it.
    private func isHeldBack(_ ban: Ban) -> Bool {
        switch ban.origin {
        case .failures, .peer: !settings.isObserving
        case .manual, .list: false
        }
    }

    /// Whether the ban is new.
    @discardableResult
    private func add(_ ban: Ban, now: Double, _ events: inout [JailEvent]) -> Bool {
        switch bans.add(ban, now: now) {
        case .added(let lifted):
            if let lifted { events.append(.unbanned(lifted, isObserved: settings.isObserving)) }
            if !settings.isObserving { surroundings.history.add(ban) }
            events.append(.banned(ban, isObserved: settings.isObserving))
            return true
        case .prolonged(let longer):
            if !settings.isObserving { surroundings.history.prolong(longer) }
            events.append(
                .prolonged(longer, delay: ban.time - longer.time, isObserved: settings.isObserving))
        case .standing(let standing): events.append(.alreadyBanned(standing, delay: ban.time - standing.time))
        case .expired: events.append(.expired(ban.target))
        case .full: events.append(.refused(ban.target.description, .full))
        }
        return false
    }

    /// Sets how often it has been banned, and how long therefore.
    private func grow(_ ban: inout Ban) {
        let own = surroundings.history.record(of: ban.target, in: settings.name)
        let counted = settings.increment.countsAllJails ? surroundings.history.record(of: ban.target, in: nil) : own
        // The same lines once more are the same ban.
        let isSame = own.map { ban.time <= $0.lastTime } ?? false
        ban.count = (own?.count ?? 0) &+ (isSame ? 0 : 1)
        ban.duration = banTimes.duration(count: counted?.count ?? 0, random: surroundings.random)
    }

    /// Bans the network of an address when enough of its members are.
    private func promote(_ ban: Ban, now: Double, _ events: inout [JailEvent]) {
        guard settings.scope.promotesAt > 0, let member = ban.target.network else { return }
        let network = member.network(BanTable.promotedBits(member))
        let target = BanTarget.network(network)
        guard network != member, bans.members(of: network) >= settings.scope.promotesAt, bans[target] == nil else {
            return
        }
        guard BanTarget.refusal(of: network) == nil, !ignoreList.overlaps(network, now: now) else {
            events.append(.notWidened(ban.target, to: network))
            return
        }
        var wider = ban
        wider.target = target
        wider.count = 1
        wider.duration = settings.banTime
        wider.failures = 0
        wider.matches = []
        wider.groups = [:]
        put(wider, now: now, &events)
    }

    // MARK: By hand and from before

    /// Bans somebody whatever the failures: a person wants it, or a list, or another host. For the time that failures would give, if
    /// `duration` is nil. Who cannot be banned, and the host itself, is not banned by anybody; who is ignored otherwise, by a person only.
    package func ban(
        _ target: BanTarget, now: Double, duration: Double? = nil, origin: Ban.Origin
    ) -> [JailEvent] {
        switch BanTarget.checked(target.description, isText: target.network == nil) {
        case .failure(let refusal): return [.refused(target.description, refusal.reason)]
        case .success: break
        }
        if let network = target.network {
            let isManual = if case .manual = origin { true } else { false }
            if case .ignored(let reason) = ignoreList.answer(network.description, address: network, now: now),
                !isManual || reason == .ownAddress
            {
                return [.ignored(target, reason)]
            }
            if !network.isAddress,
                isManual ? surroundings.host.overlaps(network, now: now) : ignoreList.overlaps(network, now: now)
            {
                return [.ignored(target, isManual ? .ownAddress : .address)]
            }
        }
        _ = failures.remove(target)
        var ban = Ban(jail: settings.name, target: target, time: now, duration: duration ?? settings.banTime)
        ban.origin = origin
        if duration == nil {
            grow(&ban)
        } else {
            ban.count = (surroundings.history.record(of: target, in: settings.name)?.count ?? 0) &+ 1
        }
        var events: [JailEvent] = []
        add(ban, now: now, &events)
        return events
    }

    /// Lifts the ban of a target, those of networks around it, as nothing less lets it in, and those of all that lie within a network. They
    /// are forgiven: their history in this jail goes, and so do their failures.
    package func unban(_ target: BanTarget) -> [JailEvent] {
        for whom in Set([target, target.scoped(settings.scope)]) {
            _ = failures.remove(whom)
            surroundings.history.remove(whom, in: settings.name)
        }
        var lifted: [Ban] = []
        while let holding = banHolding(target), let ban = bans.remove(holding.target) {
            surroundings.history.remove(ban.target, in: settings.name)
            lifted.append(ban)
        }
        if let network = target.network, !network.isAddress {
            for ban in bans.all where ban.target.network.map(network.contains) ?? false {
                if let ban = bans.remove(ban.target) { lifted.append(ban) }
                surroundings.history.remove(ban.target, in: settings.name)
            }
        }
        return lifted.map { .unbanned($0, isObserved: settings.isObserving) }
    }

    /// Ends the ban of this target alone; what it has done still counts.
    package func lift(_ target: BanTarget) -> [JailEvent] {
        bans.remove(target).map { [.unbanned($0, isObserved: settings.isObserving)] } ?? []
    }

    /// Lifts all bans and forgives all.
    package func unbanAll() -> [JailEvent] {
        bans.all.flatMap { unban($0.target) }
    }

    /// Takes over a ban from before this start. What has ended, who is ignored now, and who cannot be banned, is passed over. What failures
    /// brought is cut to the jail's longest time as it is now, as fail2ban does; so nothing lasts for ever unless the jail's bans do.
    ///
    /// - Returns: the ban, if it holds.
    package func restore(_ restored: Ban, now: Double) -> Ban? {
        let longest = settings.increment.isEnabled ? settings.increment.maximum ?? -1 : settings.banTime
        var ban = restored
        ban.jail = settings.name
        ban.isRestored = true
        if longest >= 0, ban.origin == .failures, ban.duration < 0 || ban.duration > longest { ban.duration = longest }
        if let network = ban.target.network {
            guard BanTarget.refusal(of: network) == nil, !ignoreList.overlaps(network, now: now) else { return nil }
        }
        guard case .added = bans.add(ban, now: now) else { return nil }
        return ban
    }

    // MARK: Looking in

    package var currentBans: [Ban] { bans.all }
    package func ban(of target: BanTarget) -> Ban? { bans[target] }
    /// The ban of somebody, or of a network it lies in.
    package func banHolding(_ target: BanTarget) -> Ban? { bans[target] ?? target.network.flatMap(bans.covering) }

    package var counts: Counts {
        Counts(
            banned: bans.count, bannedTotal: bans.total, failed: failures.count, failedTotal: failures.total,
            evictedTargets: failures.evicted, evictedBans: bans.evicted, waiting: waiting.count)
    }

    /// `Currently banned`, `Total banned` and their like.
    package struct Counts: Sendable, Equatable {
        package var banned: Int
        package var bannedTotal: Int
        package var failed: Int
        package var failedTotal: Int
        package var evictedTargets: Int
        package var evictedBans: Int
        package var waiting: Int
    }

    /// What is wrong with files of the ignore list.
    package var problems: [String] { ignoreList.problems }
}

extension Failure {
    /// Its filled groups, several values of one joined.
    var textGroups: [String: String] {
        var texts: [String: String] = [:]
        for (name, value) in groups {
            switch value {
            case .text(let text): texts[name] = text
            case .list(let parts): texts[name] = parts.joined(separator: ", ")
            }
        }
        return texts
    }
}
