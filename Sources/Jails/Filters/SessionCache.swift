import Bytes

/// What is known of the sessions that lines with `<F-MLFID>` tell about: an address from one line, a failure from another.
///
/// A session is forgotten `lifetime` seconds after its first line, or when more than `capacity` are open: then the oldest goes, and
/// is counted. (fail2ban keeps 100, too few for a busy sshd.)
struct SessionCache {
    static let lifetime = 300.0
    static let capacity = 10_000

    /// One session. Its last failure is updated by the next line.
    final class Session {
        let since: Double
        @exclusivity(unchecked) var failure: Failure
        /// Lines of helpers that no failure has taken along yet.
        @exclusivity(unchecked) var helperMatches: [String] = []
        @exclusivity(unchecked) var isGained = false
        /// A failure waits for an address.
        @exclusivity(unchecked) var isPending = false

        init(since: Double, failure: Failure) {
            self.since = since
            self.failure = failure
        }
    }

    private var sessions: [String: Session] = [:]
    /// Names by age; those of ended sessions stay until their turn.
    private var order: [(name: String, session: Session)] = []
    private var first = 0
    /// Sessions that were dropped before their time.
    private(set) var evicted = 0

    var count: Int { sessions.count }

    /// Takes a line's failure into its session, and says what is now known: a failure, or, with `isNoFail`, none.
    ///
    /// - Parameter line: the line as it is kept with failures.
    mutating func merge(_ new: Failure, session name: String, line: RawSpan, now: Double) -> Session {
        expire(now)
        let isGained = new.groups.isFilled(GroupNames.gained)
        let isNoFail = new.groups.isFilled(GroupNames.noFail)
        var isHelper = isGained || isNoFail
        var gains = isGained
        let isForgotten = new.groups.isFilled(GroupNames.forget)
        let session: Session
        if let known = sessions[name] {
            session = known
            let wasHelper = known.failure.isNoFail || known.isGained
            if gains { known.isPending = false }
            // Its lines have been told about already.
            if !wasHelper, !known.isPending { known.failure.matches = [] }
            known.failure.time = new.time
            known.failure.pattern = new.pattern
            known.failure.weight = new.weight
            known.failure.groups.merge(new.groups)
            if isForgotten { sessions[name] = nil }
        } else {
            session = Session(since: now, failure: new)
            session.failure.matches = []
            if !isForgotten { store(session, name) }
        }
        session.failure.isNoFail = isHelper
        session.isGained = isGained
        if !isNoFail { session.failure.groups.remove(GroupNames.noFail) }
        if !isGained { session.failure.groups.remove(GroupNames.gained) }
        session.failure.groups.remove(GroupNames.forget)
        if let user = new.text(GroupNames.user), !session.failure.users.contains(user),
            session.failure.users.count < Failure.mostMatches
        {
            session.failure.users.append(user)
        }
        // Who gets in does not make good the failures of another user.
        if session.isPending || session.failure.users.count > 1 {
            session.isPending = false
            session.failure.isNoFail = false
            session.isGained = false
            isHelper = false
            gains = false
        }
        if !isHelper {
            if !session.helperMatches.isEmpty {
                session.failure.matches = session.helperMatches + session.failure.matches
                session.helperMatches = []
            }
            if !gains { session.failure.matches.append(String(lossy: line)) }
            Self.trim(&session.failure.matches)
        } else if !isForgotten {
            session.helperMatches.append(String(lossy: line))
            Self.trim(&session.helperMatches)
        }
        session.failure.identify()
        return session
    }

    private static func trim(_ lines: inout [String]) {
        if lines.count > Failure.mostMatches { lines.removeFirst(lines.count - Failure.mostMatches) }
    }

    private mutating func store(_ session: Session, _ name: String) {
        sessions[name] = session
        order.append((name, session))
        while sessions.count > Self.capacity, first < order.count {
            if dropFirst() { evicted &+= 1 }
        }
        compact()
    }

    private mutating func expire(_ now: Double) {
        while first < order.count, now - order[first].session.since > Self.lifetime { dropFirst() }
        compact()
    }

    /// True where the oldest was still open.
    @discardableResult
    private mutating func dropFirst() -> Bool {
        let (name, session) = order[first]
        first += 1
        guard sessions[name] === session else { return false }
        sessions[name] = nil
        return true
    }

    private mutating func compact() {
        if first == order.count || first > Self.capacity {
            order.removeFirst(first)
            first = 0
        }
    }
}
