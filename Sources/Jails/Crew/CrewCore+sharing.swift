import Bytes

extension CrewCore {
    /// Does in a jail what other hosts have said, whose names are the bans' origins. A host lifts only what no other host wants; of bans from
    /// before this start, only what it has banned first.
    ///
    /// - Returns: whether the store knows of it: not where the jail only observes, or is not there.
    package func take(_ changes: [BanChange], jail name: String, now: Double) -> Bool {
        guard let index = members.firstIndex(where: { $0.plan.settings.name == name }) else { return false }
        let jail = members[index].jail
        for change in changes {
            guard case .peer(let host) = change.ban.origin else { continue }
            let target = change.ban.target
            if case .unban = change {
                wishes[target]?.remove(host)
                guard let ban = jail.ban(of: target), wishes[target]?.isEmpty ?? (ban.origin == change.ban.origin)
                else {
                    continue
                }
                wishes[target] = nil
                surroundings.store.end(ban, why: "lifted by \(host)")
                handle(jail.lift(target), index, now)
                continue
            }
            if jail.ban(of: target) == nil { wishes[target] = [] }
            wishes[target, default: []].insert(host)
            let events = jail.ban(
                target, now: now, duration: change.ban.duration < 0 ? -1 : max(1, change.ban.remaining(at: now)),
                origin: change.ban.origin)
            // That somebody is banned there again does not mean that they get through here.
            handle(events.filter { if case .alreadyBanned = $0 { false } else { true } }, index, now)
        }
        if wishes.count > 2 * jail.counts.banned + 1000 { wishes = wishes.filter { jail.ban(of: $0.key) != nil } }
        return !members[index].plan.settings.isObserving
    }
}
