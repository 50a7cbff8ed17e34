import Bytes

/// What is known of the sessions that lines with `<F-MLFID>` tell about: an address from one line, a failure from another.
///
/// A session is forgotten `lifetime` seconds after its first line, or when more than `capacity` are open or their lines take more than
/// `lineCapacity`: then the oldest goes, and is counted. (fail2ban keeps 100, too few for a busy sshd.)
///
/// What a session has taken from the heap serves a later one: in the steady state only kept lines allocate.
struct SessionCache {
    static let lifetime = 300.0
    static let capacity = 10_000
    /// Bytes of all lines that are kept.
    static let lineCapacity = 16 << 20
    /// Lines are kept so far, in bytes.
    static let longestLine = 4096
    /// So many sessions that are over keep what they took.
    private static let mostSpare = 256

    /// One session. Its last failure is updated by the next line.
    final class Session {
        @exclusivity(unchecked) fileprivate(set) var failure: Failure
        /// A failure waits for an address.
        @exclusivity(unchecked) var isPending = false
        fileprivate var since = 0.0
        fileprivate var name = ""
        /// Lines of helpers that no failure has taken along yet.
        @exclusivity(unchecked) fileprivate var helperMatches: [String] = []
        /// Bytes of all lines.
        @exclusivity(unchecked) fileprivate var size = 0
        @exclusivity(unchecked) fileprivate var isGained = false
        // Neighbours in the order of their first line; -1 for none.
        @exclusivity(unchecked) fileprivate var older: Int32 = -1
        @exclusivity(unchecked) fileprivate var newer: Int32 = -1

        fileprivate init(_ names: GroupNames) { failure = Failure(time: 0, groups: FailureGroups(names), pattern: 0) }

        /// Tells its failure. The session has none meanwhile, which saves a copy of all its parts.
        func tell(_ body: (Failure) -> Void) {
            var told = Failure.nothing
            swap(&told, &failure)
            body(told)
            swap(&told, &failure)
        }

        /// As if nothing had been said yet, apart from groups.
        fileprivate func clear(keepingCapacity keeps: Bool) {
            failure.id = nil
            failure.isName = false
            failure.isNoFail = false
            failure.users.removeAll(keepingCapacity: keeps)
            failure.matches.removeAll(keepingCapacity: keeps)
            helperMatches.removeAll(keepingCapacity: keeps)
            if !keeps { failure.groups = FailureGroups(failure.groups.names) }
            (isGained, isPending, size) = (false, false, 0)
        }
    }

    private var numbers: [String: Int32] = [:]
    /// By number, open or not.
    private var sessions: [Session] = []
    private var spare: [Int32] = []
    private var oldest: Int32 = -1
    private var newest: Int32 = -1
    private var size = 0
    /// Sessions that were dropped before their time.
    private(set) var evicted = 0

    var count: Int { numbers.count }

    /// Takes what a line says into its session, and says what is now known: a failure, or, with `isNoFail`, none. What it returns is for the
    /// time until the next call.
    ///
    /// - Parameters:
    ///   - groups: what the line says; undefined afterwards.
    ///   - line: as it is kept with failures; UTF-8.
    mutating func merge(
        _ groups: inout FailureGroups, time: Double, pattern: Int, weight: Int, session name: String, line: RawSpan,
        now: Double
    ) -> Session {
        while oldest >= 0, now - sessions[Int(oldest)].since > Self.lifetime { end(oldest) }
        let isGained = groups.isFilled(GroupNames.gained)
        let isNoFail = groups.isFilled(GroupNames.noFail)
        let isForgotten = groups.isFilled(GroupNames.forget)
        var isHelper = isGained || isNoFail
        var gains = isGained
        let user = groups.text(GroupNames.user)
        let session: Session
        let before: Int
        if let number = numbers[name] {
            session = sessions[Int(number)]
            if gains { session.isPending = false }
            // Its lines have been told about already.
            if !session.failure.isNoFail, !session.isGained, !session.isPending {
                session.failure.matches.removeAll(keepingCapacity: true)
                size -= session.size
                session.size = 0
            }
            session.failure.groups.merge(groups)
            before = session.size
            if isForgotten { end(number) }
        } else {
            let number = vacant(groups.names)
            session = sessions[Int(number)]
            session.clear(keepingCapacity: true)
            swap(&session.failure.groups, &groups)
            before = 0
            if isForgotten {
                putAside(number)
            } else {
                open(number, name, now)
            }
        }
        session.failure.time = time
        session.failure.pattern = pattern
        session.failure.weight = weight
        session.failure.isNoFail = isHelper
        session.isGained = isGained
        if !isNoFail { session.failure.groups.remove(GroupNames.noFail) }
        if !isGained { session.failure.groups.remove(GroupNames.gained) }
        session.failure.groups.remove(GroupNames.forget)
        if let user, session.failure.users.count < Failure.mostMatches, !session.failure.users.contains(user) {
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
                session.failure.matches.insert(contentsOf: session.helperMatches, at: 0)
                session.helperMatches.removeAll(keepingCapacity: true)
            }
            if !gains { Self.keep(line, &session.failure.matches, &session.size) }
            Self.trim(&session.failure.matches, &session.size)
        } else if !isForgotten {
            Self.keep(line, &session.helperMatches, &session.size)
            Self.trim(&session.helperMatches, &session.size)
        }
        session.failure.identify()
        if !isForgotten {
            size += session.size - before
            while size > Self.lineCapacity, oldest >= 0, sessions[Int(oldest)] !== session {
                end(oldest)
                evicted &+= 1
            }
        }
        return session
    }

    private static func keep(_ line: RawSpan, _ lines: inout [String], _ size: inout Int) {
        var end = line.byteCount
        if end > longestLine {
            end = longestLine
            while end > 0, line.byte(at: end) & 0xc0 == 0x80 { end -= 1 }
        }
        size += end
        lines.append(String(utf8: line.slice(0, end)))
    }

    private static func trim(_ lines: inout [String], _ size: inout Int) {
        let surplus = lines.count - Failure.mostMatches
        guard surplus > 0 else { return }
        for line in lines.prefix(surplus) { size -= line.utf8.count }
        lines.removeFirst(surplus)
    }

    /// The number of a session that is not open.
    private mutating func vacant(_ names: GroupNames) -> Int32 {
        if let number = spare.popLast() { return number }
        sessions.append(Session(names))
        return Int32(sessions.count - 1)
    }

    private mutating func open(_ number: Int32, _ name: String, _ now: Double) {
        let session = sessions[Int(number)]
        (session.since, session.name, session.older, session.newer) = (now, name, newest, -1)
        if newest >= 0 { sessions[Int(newest)].newer = number } else { oldest = number }
        newest = number
        numbers[name] = number
        if numbers.count > Self.capacity {
            end(oldest)
            evicted &+= 1
        }
    }

    private mutating func end(_ number: Int32) {
        let session = sessions[Int(number)]
        numbers[session.name] = nil
        let (older, newer) = (session.older, session.newer)
        if older >= 0 { sessions[Int(older)].newer = newer } else { oldest = newer }
        if newer >= 0 { sessions[Int(newer)].older = older } else { newest = older }
        size -= session.size
        putAside(number)
    }

    /// The session is still to be told about; the one put aside before it is not.
    private mutating func putAside(_ number: Int32) {
        if spare.count > Self.mostSpare { sessions[Int(spare[spare.count - 1])].clear(keepingCapacity: false) }
        spare.append(number)
    }
}
