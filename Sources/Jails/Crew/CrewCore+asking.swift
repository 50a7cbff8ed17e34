import Bytes
import Logs

/// What others ask of the crew; on its thread.
extension CrewCore {
    /// How each jail is doing, in the order of the configuration.
    package var statuses: [(plan: JailPlan, status: JailStatus)] {
        let problems = problems
        return members.map { member in
            let counts = member.jail.counts
            var status = JailStatus(name: member.plan.settings.name)
            status.isObserving = member.plan.settings.isObserving
            status.sources = member.plan.sources.map(\.description)
            status.actions = member.lanes.map(\.action.name)
            status.failing = counts.failed
            status.failures = UInt64(clamping: counts.failedTotal)
            status.banned = counts.banned
            status.bans = UInt64(clamping: counts.bannedTotal)
            status.evictedFailing = UInt64(clamping: counts.evictedTargets)
            status.evictedBans = UInt64(clamping: counts.evictedBans)
            status.problems =
                problems.filter { ($0.key + " ").hasPrefix("jail \(status.name) ") }.sorted { $0.key < $1.key }.map(
                    \.value)
            return (member.plan, status)
        }
    }

    /// Where no jail has that name.
    package func problem(withName jail: String) -> BanActionError? {
        let names = members.map(\.plan.settings.name)
        if names.contains(jail) { return nil }
        return BanActionError("no jail is named \"\(jail)\"; there are: \(names.joined(separator: ", "))")
    }

    private func indices(_ jail: String?) -> [Int] {
        members.indices.filter { jail == nil || members[$0].plan.settings.name == jail }
    }

    /// The bans that hold, those of jails that only observe among them.
    package func bans(jail: String?, target: BanTarget?) -> [Ban] {
        let found = indices(jail).flatMap { index -> [Ban] in
            guard let target else { return members[index].jail.currentBans }
            return members[index].jail.banHolding(target).map { [$0] } ?? []
        }
        return found.sorted { (one: Ban, other: Ban) -> Bool in
            one.time != other.time ? one.time < other.time : one.target < other.target
        }
    }

    /// Bans by hand, or for a list or another host.
    ///
    /// - Returns: the ban, or the sentence that says why there is none.
    package func ban(
        _ target: BanTarget, jail: String, duration: Double?, origin: Ban.Origin, now: Double
    ) -> Result<Ban, BanActionError> {
        guard let index = indices(jail).first else {
            return .failure(problem(withName: jail) ?? BanActionError("no jail runs"))
        }
        if members[index].plan.settings.isObserving {
            return .failure(
                BanActionError("jail \(jail) only observes: nobody is banned before jails.mode is enforce"))
        }
        if target.network == nil, members[index].plan.actions.allSatisfy(\.isFirewall) {
            return .failure(
                BanActionError("\"\(target)\" is not banned: expected an address or a network for jail \(jail)"))
        }
        if let reason = surroundings.guarding.refusal(of: target) {
            return .failure(BanActionError("\(target) is not banned: \(reason)"))
        }
        let events = members[index].jail.ban(target, now: now, duration: duration, origin: origin)
        handle(events, index, now)
        for event in events {
            switch event {
            case .banned(let ban, _), .prolonged(let ban, _, _), .alreadyBanned(let ban, _): return .success(ban)
            case .ignored(let target, let reason):
                return .failure(BanActionError("\(target) is not banned: it is ignored (\(reason.rawValue))"))
            case .refused(let text, let refusal):
                return .failure(BanActionError("\"\(text)\" is not banned: \(refusal.rawValue)"))
            default: continue
            }
        }
        return .failure(BanActionError("\(target) is not banned: the ban would be over"))
    }

    /// Ends bans of a target, of all within a network, or with nil of everybody, and forgives.
    ///
    /// - Returns: how many bans ended.
    package func unban(_ target: BanTarget?, jail: String?, now: Double) -> Int {
        var count = 0
        for index in indices(jail) {
            let events = target.map { members[index].jail.unban($0) } ?? members[index].jail.unbanAll()
            count += events.count
            handle(events, index, now)
        }
        return count
    }

    /// Ends the bans of whom lists allow by now.
    package func release(now: Double) {
        let listed = surroundings.guarding.listed
        guard !listed.isEmpty else { return }
        for index in members.indices {
            for ban in members[index].jail.currentBans {
                guard let hit = ban.target.network.flatMap(listed.overlapping) else { continue }
                if !members[index].plan.settings.isObserving {
                    surroundings.store.end(ban, why: "\(hit.network) is allowed by the list \(hit.list)")
                }
                handle(members[index].jail.lift(ban.target), index, now)
            }
        }
    }

    private static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    /// What is known of somebody, for people, a line each.
    package func explanation(of target: BanTarget, now: Double) -> [String] {
        var lines: [String] = []
        if let reason = surroundings.guarding.refusal(of: target) {
            lines.append("\(target) is never banned here: \(reason)")
        }
        for member in members {
            let name = member.plan.settings.name
            let jail = member.jail
            if let ban = jail.banHolding(target) {
                let verb = member.plan.settings.isObserving ? "would be banned" : "is banned"
                let whom = ban.target == target ? "" : " with \(ban.target)"
                let time = ban.duration < 0 ? "for ever" : "for another \(Int(max(0, ban.remaining(at: now)))) s"
                lines.append(
                    "[\(name)] \(verb)\(whom) \(time), ban number \(ban.count), after \(Self.counted(ban.failures, "failure")), by \(ban.origin)"
                )
                for match in ban.matches { lines.append("[\(name)]   \(match)") }
            }
            if let ticket = jail.failures[target.scoped(member.plan.settings.scope)] {
                lines.append(
                    "[\(name)] \(Self.counted(ticket.failures, "failure")), which count as \(ticket.retries) of \(member.plan.settings.maximumRetries)"
                )
                for match in ticket.matches { lines.append("[\(name)]   \(match)") }
            }
            if case .ignored(let reason) = jail.ignoreList.answer(
                target.description, address: target.network, now: now)
            {
                lines.append("[\(name)] ignores it: \(reason.rawValue)")
            }
            if let record = surroundings.store.record(of: target, in: name) {
                lines.append("[\(name)] has banned it \(Self.counted(record.count, "time"))")
            }
        }
        if lines.isEmpty { lines.append("nothing is known of \(target)") }
        return lines
    }
}

extension JailSource: CustomStringConvertible {
    package var description: String {
        switch self {
        case .files(let paths): paths.map(\.pattern).joined(separator: ", ")
        case .journal(let place, let match):
            "journal" + (place.directory.isEmpty ? "" : " \(place.directory)")
                + (place.namespace.isEmpty ? "" : " of \(place.namespace)")
                + (match.isEmpty ? "" : ": \(match.lines.joined(separator: " + "))")
        case .stored(let selectors):
            selectors.map { "{\($0.map { "\($0)" }.joined(separator: ", "))}" }.joined(separator: " or ")
        case .bans: "the bans of other jails"
        }
    }
}
