import Rules
import Telemetry

/// Which alerts no Alertmanager has taken yet, and of which of them people are told from here instead.
///
/// It reads no clock and opens no file. Times are milliseconds since 1970. An alert that fires waits from the first time it was
/// offered and not taken; one that has waited for long enough is local until its end, so that whoever heard from here that it began
/// hears from here that it is over, whoever else does by then.
struct FallbackLedger: Sendable {
    enum Standing: Sendable, Equatable {
        case waiting(since: Int64)
        /// Last offered then.
        case local(seen: Int64)
        /// Over, and its end is still being said.
        case ended(at: Int64)
    }

    /// Nil where it is forgotten.
    struct Change: Sendable, Equatable {
        var id: AlertID
        var standing: Standing?
    }

    private(set) var standings: [AlertID: Standing] = [:]
    /// What to tell of those that wait; after a restart not before they are offered again.
    private var notices: [AlertID: AlertNotice] = [:]
    /// Those that wait and of which that is on disk.
    private var kept: Set<AlertID> = []
    /// To be written.
    private var changes: [Change] = []
    private var nextSweep: Int64 = 0

    /// Milliseconds for which an end is said again and again, and some.
    private static let endTime: Int64 = 20 * 60_000
    /// Milliseconds after which one that nobody says anything of is forgotten.
    private static let silence: Int64 = 4 * 3_600_000

    /// As it was left.
    init(_ changes: [Change] = [], at now: Int64) {
        for change in changes {
            standings[change.id] = change.standing
            // Nobody could say anything of it meanwhile.
            if case .local? = change.standing { standings[change.id] = .local(seen: now) }
            if case .waiting? = change.standing { kept.insert(change.id) } else { kept.remove(change.id) }
        }
    }

    /// Everything that is on disk, as changes.
    var all: [Change] {
        standings.filter { !$0.value.isWaiting || kept.contains($0.key) }.map { Change(id: $0.key, standing: $0.value) }
    }

    mutating func takeChanges() -> [Change] {
        defer { changes = [] }
        return changes
    }

    /// Takes for local what this agent has told of before.
    mutating func adopt(_ ids: some Sequence<AlertID>, at now: Int64) {
        for id in ids where standings[id] == nil { set(id, .local(seen: now)) }
    }

    /// Notes that an alert is offered to Alertmanagers; whether it is to be told of here.
    ///
    /// - Parameter patience: how long one waits; nil for ever.
    mutating func offer(_ notice: AlertNotice, _ id: AlertID, patience: Int64?, at now: Int64) -> Bool {
        if nextSweep <= now { sweep(at: now) }
        switch (standings[id], notice.state) {
        case (nil, .firing):
            standings[id] = .waiting(since: now)
            notices[id] = notice
        case (.waiting(let since)?, .firing):
            guard let patience, since + patience <= now else {
                notices[id] = notice
                return false
            }
            set(id, .local(seen: now))
            return true
        case (.ended?, .firing):
            set(id, nil)
            standings[id] = .waiting(since: now)
            notices[id] = notice
        case (.local?, .firing):
            standings[id] = .local(seen: now)
            return true
        case (nil, .resolved): break
        case (.waiting?, .resolved): set(id, nil)
        case (.local?, .resolved):
            set(id, .ended(at: now))
            return true
        case (.ended?, .resolved): return true
        }
        return false
    }

    /// Notes that an Alertmanager has taken alerts.
    mutating func accept(_ ids: some Sequence<AlertID>) {
        for id in ids where standings[id]?.isWaiting == true { set(id, nil) }
    }

    /// Notes that one has not: since when they wait is to be known after a crash.
    mutating func refuse(_ ids: some Sequence<AlertID>) {
        for id in ids where standings[id]?.isWaiting == true && kept.insert(id).inserted {
            changes.append(Change(id: id, standing: standings[id]))
        }
    }

    /// Those that have waited for long enough.
    mutating func due(patience: Int64, at now: Int64) -> [AlertNotice] {
        let due = notices.filter { id, _ in
            if case .waiting(let since)? = standings[id] { since + patience <= now } else { false }
        }
        for id in due.keys { set(id, .local(seen: now)) }
        return due.values.sorted { AlertOrder.precedes($0.labels, $1.labels) }
    }

    /// When that is the next time; nil where none waits.
    func nextDue(patience: Int64) -> Int64? {
        notices.keys.compactMap { id -> Int64? in
            if case .waiting(let since)? = standings[id] { since + patience } else { nil }
        }.min()
    }

    /// How many wait, and of how many people are told here.
    var counts: (waiting: Int, local: Int) {
        standings.values.reduce(into: (0, 0)) { counts, standing in
            switch standing {
            case .waiting: counts.0 += 1
            case .local: counts.1 += 1
            case .ended: break
            }
        }
    }

    private mutating func set(_ id: AlertID, _ standing: Standing?) {
        let wasKept = kept.remove(id) != nil
        let isNews = standing != nil || wasKept || standings[id]?.isWaiting == false
        standings[id] = standing
        notices[id] = nil
        if isNews { changes.append(Change(id: id, standing: standing)) }
    }

    private mutating func sweep(at now: Int64) {
        nextSweep = now + Self.endTime / 4
        for (id, standing) in standings {
            switch standing {
            case .waiting(let since) where since + Self.silence <= now && notices[id] == nil: set(id, nil)
            case .local(let seen) where seen + Self.silence <= now: set(id, nil)
            case .ended(let end) where end + Self.endTime <= now: set(id, nil)
            default: break
            }
        }
    }
}

extension FallbackLedger.Standing {
    var isWaiting: Bool { if case .waiting = self { true } else { false } }
}
