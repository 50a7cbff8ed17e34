import Glibc
import Logging
import Telemetry

/// The stretch of journal that is read a second time: from the first piece of a pending join to the last entry that
/// was dealt with.
struct JournalReplay {
    let last: JournalCursor?
    let cursor: String
}

extension JournalReader {
    /// Finds the place to go on from. After it, `next` gives the first entry to look at.
    mutating func start(_ opened: borrowing Journal, resuming: Bool) throws(JournalError) {
        guard let position else { return try seekFirst(opened) }
        entriesSincePosition = 0
        isPositionStale = false
        let start = resuming ? position.cursor : position.start
        replay = JournalReplay(last: JournalCursor(position.cursor), cursor: position.cursor)
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

    /// Says what cannot be read; throws where that is everything.
    func checkAccess() throws(SourceError) {
        let access = JournalAccess(JournalPlace(directory: journal.path, namespace: journal.namespace))
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
        if opened.isAt(cursor: replay.cursor) {
            self.replay = nil
            return true
        }
        guard let last = replay.last, let current = JournalCursor(try opened.cursor()), current.isNotAfter(last) else {
            // The last entry is gone, or was skipped: this one is new.
            self.replay = nil
            return false
        }
        return true
    }

    /// Names the last entry read, for the next commit and for going on after an error, and counts the numbers that
    /// journald gave to entries which were not among those read.
    mutating func savePosition(_ opened: borrowing Journal) {
        guard isPositionStale else { return }
        isPositionStale = false
        isCommitNeeded = true
        let cursor: String
        do throws(JournalError) {
            cursor = try opened.cursor()
        } catch {
            metrics.count(error)
            guard lastRealtime > 0 else { return }
            // The entry's file has gone. Its time is enough to go on from; entries of the same microsecond may be
            // sent twice, and are the same to Loki.
            cursor = "t=" + String(lastRealtime, radix: 16)
        }
        countGap(from: position?.cursor, to: cursor)
        position = JournalPosition(cursor: cursor)
        entriesSincePosition = 0
    }

    /// Under matches the numbers of other entries are missing by intent, and say nothing.
    private func countGap(from old: String?, to new: String) {
        guard filter.pushed.isEmpty, let old, let before = JournalCursor(old), let after = JournalCursor(new),
            let gap = after.gap(since: before, read: entriesSincePosition)
        else { return }
        metrics.gaps.add(Int(clamping: gap))
        context.logger.warning(
            "journal entries cannot be read: vacuumed, damaged or not permitted",
            metadata: ["source": "\(name)", "entries": "\(gap)"])
    }
}
