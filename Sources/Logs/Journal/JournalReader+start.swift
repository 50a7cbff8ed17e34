import Glibc
import Logging
import Telemetry

/// The stretch of journal that is read a second time: from the first piece of a pending join to the last entry that
/// was dealt with.
struct JournalReplay {
    let last: JournalCursor?
    let cursor: String
    /// How many entries of the last one's moment are still to come, where it is known by nothing else.
    var ties: Int
}

extension JournalReader {
    /// Finds the place to go on from. After it, `next` gives the first entry to look at.
    mutating func start(_ opened: borrowing Journal, resuming: Bool) throws(JournalError) {
        guard let position else { return try seekFirst(opened) }
        isPositionStale = false
        let start = resuming ? position.cursor : position.start
        replay = JournalReplay(
            last: JournalCursor(position.cursor), cursor: position.cursor, ties: resuming ? positionTies : 1)
        // After an error the joins are still in memory.
        replayJoins = resuming ? [] : Set(position.joins)
        do throws(JournalError) {
            try opened.seek(cursor: start)
        } catch {
            // The files it leads through are damaged: the time leads past them. What was dealt with is known by its
            // number and passed over.
            metrics.count(error)
            guard let realtime = JournalCursor(start)?.realtime else { return try seekFirst(opened) }
            try opened.seek(realtime: realtime)
        }
    }

    /// The very first start: `max_age` back, whatever boots that spans.
    private func seekFirst(_ opened: borrowing Journal) throws(JournalError) {
        let now = Double(Timestamp.now.nanoseconds) / 1000
        let age = journal.maxAge.isFinite ? max(0, journal.maxAge) * 1e6 : now
        if age >= now { try opened.seekHead() } else { try opened.seek(realtime: UInt64(now - age)) }
    }

    /// Waits for what is configured and not there; says what cannot be read, and throws where that is everything.
    func checkAccess() throws(SourceError) {
        let place = JournalPlace(directory: journal.path, namespace: journal.namespace)
        var access = JournalAccess(place)
        if let absence = access.absence {
            context.logger.warning("\(absence)", metadata: ["source": "\(name)"])
            context.readiness.set("source/\(name)", .degraded(absence))
        }
        while access.absence != nil {
            if context.stop.wait(seconds: Self.absenceInterval) { return }
            access = JournalAccess(place)
        }
        if let failure = access.failure { throw SourceError("source \(name): \(failure)") }
        if let emptiness = access.emptiness {
            context.logger.warning("\(emptiness)", metadata: ["source": "\(name)"])
        }
        if let warning = access.warning {
            context.logger.warning("\(warning)", metadata: ["source": "\(name)"])
            context.readiness.set("source/\(name)", .degraded(warning))
        } else {
            context.readiness.set("source/\(name)", .ok)
        }
    }

    /// Whether the current entry was dealt with before. It may still be a piece of a join that was pending then.
    mutating func wasDealtWith(_ opened: borrowing Journal, _ replay: JournalReplay) throws(JournalError) -> Bool {
        guard let last = replay.last, let found = JournalCursor(try opened.cursor()) else {
            self.replay = nil
            return false
        }
        if last.isMoment, found.isOfMoment(last) {
            self.replay?.ties -= 1
            if replay.ties <= 1 { self.replay = nil }
            return replay.ties > 0
        }
        if opened.isAt(cursor: replay.cursor) {
            self.replay = nil
            return true
        }
        if found.isNotAfter(last) { return true }
        // The last entry is gone, or was skipped, and this one is new. Where two entries have neither numbers nor a
        // boot in common, libsystemd orders them by the wall clock: more that were dealt with may follow.
        if found.isComparable(with: last) || (found.realtime ?? .max) > (last.realtime ?? 0) { self.replay = nil }
        return false
    }

    /// Names the last entry read, for the next commit and for going on after an error, and counts the numbers that
    /// journald gave to entries which were not among those read.
    mutating func savePosition(_ opened: borrowing Journal) {
        guard isPositionStale else { return }
        let cursor: String
        do throws(JournalError) {
            cursor = try opened.cursor()
        } catch {
            metrics.count(error)
            return saveMoment()
        }
        isPositionStale = false
        isCommitNeeded = true
        position = JournalPosition(cursor: cursor)
        positionTies = 1
        guard let found = JournalCursor(cursor), found.sequence != nil else { return }
        countGap(to: found)
        numbered = found
        entriesSinceNumbered = 0
    }

    /// The first entry there is to count from.
    @inline(never)
    mutating func nameFirst(_ opened: borrowing Journal) {
        do throws(JournalError) {
            guard let found = JournalCursor(try opened.cursor()), found.sequence != nil else { return }
            numbered = found
            entriesSinceNumbered = 0
        } catch {
            metrics.count(error)
        }
    }

    /// Where the entry's name cannot be read, its file being gone: its time leads there too.
    mutating func saveMoment() {
        guard isPositionStale, last.realtime > 0 else { return }
        isPositionStale = false
        isCommitNeeded = true
        position = JournalPosition(cursor: last.cursor)
        positionTies = lastTies
    }

    /// Under matches the numbers of other entries are missing by intent, and say nothing.
    private func countGap(to found: JournalCursor) {
        guard filter.pushed.isEmpty, let numbered, let gap = found.gap(since: numbered, read: entriesSinceNumbered)
        else { return }
        metrics.gaps.add(Int(clamping: gap))
        context.logger.warning(
            "journal entries cannot be read: vacuumed, damaged or not permitted",
            metadata: ["source": "\(name)", "entries": "\(gap)"])
    }
}
