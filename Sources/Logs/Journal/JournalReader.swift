import Bytes
import CLinux
import Glibc
import Logging
import Telemetry

/// Why reading stops before it is told to.
enum JournalFailure: Error {
    case journal(JournalError)
    case commit(CommitError)
    /// There is no room for what is read; the journal has to be let go meanwhile.
    case storeIsFull
}

/// One run of a journal source: opens the journal, finds its place, follows, and opens again after an error.
struct JournalReader: ~Copyable {
    let name: String
    let journal: JournalConfiguration
    let filter: JournalFilter
    let labelling: JournalLabelling
    let limits: LineLimits
    let context: SourceContext
    let metrics: JournalMetrics
    let plan: JournalPlan
    /// Failures that tests ask for.
    let faults: (any JournalFaults)?

    var fields: JournalFields
    var key = ByteBuffer()
    var lines: JournalLines
    var text = ByteBuffer()
    var streams = JournalStreams()
    var joins: JournalJoins
    var writer: EntryWriter

    /// The last entry that is dealt with, as far as it is known by name.
    var position: JournalPosition?
    /// Entries were dealt with since.
    var isPositionStale = false
    /// The last entry that is known by journald's number, and how many were read since: shows the gaps.
    var numbered: JournalCursor?
    var entriesSinceNumbered: UInt64 = 0
    /// The entry being read, and the last one dealt with; of its very moment there were so many.
    var current = JournalMoment()
    var isCurrentOld = false
    var last = JournalMoment()
    var lastTies = 0
    /// As `lastTies`, of `position`.
    var positionTies = 1
    /// Entries up to here were dealt with before; see `JournalReader+start.swift`.
    var replay: JournalReplay?
    /// First pieces of the joins that a replay takes up again.
    var replayJoins: Set<String> = []

    /// When the oldest pending line was read, on the monotonic clock.
    var pendingSince: Int64?
    /// When the position was last committed.
    var committed = Timestamp.monotonic.nanoseconds
    var isCommitNeeded = false
    var counted = Tally()
    var bytesSinceRelease = 0
    /// Errors in a row without a new entry between them.
    var failures = 0
    /// When the journal was last opened again for the sake of one entry, on the monotonic clock.
    var lastRetry: Int64?

    /// Counted here and added to the metrics once in a while.
    struct Tally {
        var lines = 0
        var bytes = 0
        var stored = 0
    }

    /// Behind the descriptor: what a missed notice would hide is found after this long. Seconds.
    static let sweepInterval = 30.0
    /// Entries after which the journal is told to look for changes while there is a backlog.
    static let processInterval = 1024
    /// Bytes of entries after which mapped pages are given back.
    static let releaseSize = 4 << 20
    static let busyReleaseSize = 64 << 20
    /// Errors in a row after which the supervisor takes over.
    static let failureLimit = 5
    /// An entry that cannot be read is worth opening the journal again, but not every one of many. Seconds.
    static let retryInterval = 10.0
    /// Between two looks for a directory that is not there. Seconds.
    static let absenceInterval = 2.0
    /// How long a commit may wait with the journal open, whose deleted files keep their disk space. Seconds.
    static let patience = 5.0

    init(
        name: String, journal: JournalConfiguration, filter: JournalFilter, labelling: JournalLabelling,
        limits: LineLimits, context: SourceContext, faults: (any JournalFaults)? = nil
    ) {
        self.name = name
        self.journal = journal
        self.filter = filter
        self.labelling = labelling
        self.limits = limits
        self.context = context
        self.faults = faults
        metrics = JournalMetrics(context.metrics, source: name, job: labelling.job)
        fields = JournalFields(limit: limits.maxJoinedSize, keepsAll: journal.json || labelling.inputs == nil)
        plan = JournalPlan(journal, filter: filter, relabelInputs: labelling.inputs, fields: &fields)
        lines = JournalLines(limit: limits.maxLineSize)
        joins = JournalJoins(lineLimit: limits.maxJoinedSize)
        writer = EntryWriter(metrics: EntryMetrics(context.metrics, source: name))
    }

    mutating func run() throws(SourceError) {
        try checkAccess()
        if let saved = context.store.position(JournalSource.positionKey(name)) {
            position = JournalPosition(decoding: saved)
            if position == nil {
                context.logger.error("the saved journal position is damaged; reading from max_age on")
            }
            numbered = position.flatMap { JournalCursor($0.cursor) }
        }
        var isFirst = true
        while !context.stop.isStopped {
            do throws(JournalFailure) {
                try readJournal(resuming: !isFirst)
                break
            } catch {
                isFirst = false
                try recover(from: error)
            }
        }
        do throws(JournalFailure) {
            if isCommitNeeded { try commit() }
        } catch {
            // Without room in the store the lines are read again at the next start.
            if case .commit(.stopped) = error { return }
            throw Self.sourceError(error)
        }
        context.logger.debug("journal source ends")
    }

    /// Waits before another attempt, or gives up.
    private mutating func recover(from failure: JournalFailure) throws(SourceError) {
        switch failure {
        case .commit(.stopped): isCommitNeeded = false
        case .commit: throw Self.sourceError(failure)
        case .storeIsFull:
            context.logger.info("the store has no room; the journal is closed meanwhile")
            do throws(JournalFailure) {
                try commit(stop: context.stop)
            } catch {
                if case .commit(.stopped) = error { isCommitNeeded = false } else { throw Self.sourceError(error) }
            }
        case .journal(let error):
            metrics.count(error)
            failures += 1
            context.logger.warning("journal: \(error); opening it again", metadata: ["source": "\(name)"])
            if failures >= Self.failureLimit {
                // The lines that were read are stored before the supervisor starts anew from the position.
                do throws(JournalFailure) {
                    try commit(stop: context.stop)
                } catch {
                    throw Self.sourceError(error)
                }
                throw SourceError(
                    "journal: \(error), \(failures) times in a row; journalctl --verify names damaged files")
            }
            metrics.reopens.add()
            context.stop.wait(seconds: min(5, 0.1 * Double(1 << failures)))
        }
    }

    private static func sourceError(_ failure: JournalFailure) -> SourceError {
        switch failure {
        case .journal(let error): SourceError("journal: \(error)")
        case .commit(let error): SourceError("journal: \(error)")
        case .storeIsFull: SourceError("journal: the store has no room")
        }
    }

    /// Opens the journal and follows it until told to stop.
    private mutating func readJournal(resuming: Bool) throws(JournalFailure) {
        let opened = try open()
        do throws(JournalError) {
            try start(opened, resuming: resuming)
        } catch {
            throw .journal(error)
        }
        try follow(opened)
    }

    private func open() throws(JournalFailure) -> Journal {
        do throws(JournalError) {
            let opened = try Journal(
                JournalPlace(directory: journal.path, namespace: journal.namespace), faults: faults)
            // A little over the limit, to show that there was more.
            opened.limitFields(to: limits.maxJoinedSize + 128)
            try opened.add(filter)
            return opened
        } catch {
            throw .journal(error)
        }
    }

    // MARK: Following

    private mutating func follow(_ journal: borrowing Journal) throws(JournalFailure) {
        var untilProcess = Self.processInterval
        while !context.stop.isStopped {
            let hasEntry: Bool
            do throws(JournalError) {
                hasEntry = try journal.next()
            } catch {
                savePosition(journal)
                throw .journal(error)
            }
            if hasEntry {
                try take(journal)
                untilProcess -= 1
                if untilProcess & 0xff == 0 || writer.isFull { try keepUp(journal) }
                if untilProcess == 0 {
                    untilProcess = Self.processInterval
                    try process(journal)
                }
            } else {
                try rest(journal)
                untilProcess = Self.processInterval
            }
        }
        savePosition(journal)
        report()
    }

    /// Deals with the current entry.
    @inline(__always)
    private mutating func take(_ journal: borrowing Journal) throws(JournalFailure) {
        do throws(JournalError) {
            if try read(journal) == .old { return }
        } catch {
            return try passOver(error)
        }
        entriesSinceNumbered &+= 1
        failures = 0
        noteCurrent()
        if numbered == nil { nameFirst(journal) }
    }

    /// The current entry is dealt with. During a replay the position stays where the replay leads.
    @inline(__always)
    private mutating func noteCurrent() {
        lastTies = current == last ? lastTies &+ 1 : 1
        last = current
        isPositionStale = replay == nil
    }

    /// One that cannot be read is tried once more with the journal opened anew; then it is counted and passed over,
    /// and missing among the numbers.
    @inline(never)
    private mutating func passOver(_ error: JournalError) throws(JournalFailure) {
        let now = Timestamp.monotonic.nanoseconds
        let isRecent = lastRetry.map { Double(now - $0) / 1e9 < Self.retryInterval } ?? false
        if error.isTruncation || !isRecent {
            lastRetry = now
            saveMoment()
            throw .journal(error)
        }
        metrics.count(error)
        if current.realtime > 0, !isCurrentOld { noteCurrent() }
    }

    /// What is due now and then while there is a backlog.
    @inline(never)
    private mutating func keepUp(_ journal: borrowing Journal) throws(JournalFailure) {
        let now = Timestamp.monotonic.nanoseconds
        report()
        if !joins.isEmpty { flushJoins(realtime: last.realtime, now: now) }
        if writer.pendingEntries > 0, pendingSince == nil { pendingSince = now }
        let isDue = pendingSince.map { Double(now - $0) / 1e9 >= context.commitInterval } ?? false
        if writer.isFull || isDue {
            savePosition(journal)
            try commit()
            metrics.lag.set(
                max(0, Timestamp.now.seconds(since: Timestamp(microseconds: Int64(clamping: last.realtime)))))
        }
        if bytesSinceRelease >= Self.busyReleaseSize {
            bytesSinceRelease = Self.releaseSize
            clinux_release_mappings(".journal")
        }
    }

    /// Everything is read: commits what is due and waits for more.
    private mutating func rest(_ journal: borrowing Journal) throws(JournalFailure) {
        if replay != nil {
            // Where it leads is gone, and all after it is read.
            replay = nil
            isPositionStale = entriesSinceNumbered > 0
        }
        savePosition(journal)
        report()
        metrics.lag.set(0)
        var now = Timestamp.monotonic.nanoseconds
        if !joins.isEmpty { flushJoins(realtime: nil, now: now) }
        if writer.pendingEntries > 0, pendingSince == nil { pendingSince = now }
        let isDue = pendingSince.map { Double(now - $0) / 1e9 >= context.commitInterval } ?? false
        let isOld = isCommitNeeded && Double(now - committed) / 1e9 >= Self.sweepInterval
        if isDue || isOld {
            try commit()
            now = Timestamp.monotonic.nanoseconds
        }
        if bytesSinceRelease >= Self.releaseSize, writer.pendingEntries == 0 { releaseMemory() }

        var seconds = journal.isReliable ? Self.sweepInterval : 2
        if let pendingSince { seconds = min(seconds, context.commitInterval - Double(now - pendingSince) / 1e9) }
        if let deadline = joins.nextDeadline { seconds = min(seconds, Double(deadline - now) / 1e9) }
        if let timeout = journal.processTimeout() { seconds = min(seconds, max(timeout, 0.1)) }
        Self.wait(journal, stop: context.stop, seconds: seconds)
        try process(journal)
    }

    private mutating func process(_ journal: borrowing Journal) throws(JournalFailure) {
        // Files that go away take the current entry's name with them.
        savePosition(journal)
        do throws(JournalError) {
            _ = try journal.process()
        } catch {
            throw .journal(error)
        }
    }

    private static func wait(_ journal: borrowing Journal, stop: StopToken, seconds: Double) {
        guard seconds > 0 else { return }
        var watched = [
            pollfd(fd: journal.descriptor, events: journal.events, revents: 0),
            pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        poll(&watched, 2, Int32(clamping: Int((seconds * 1000).rounded(.up))))
    }

    private mutating func releaseMemory() {
        bytesSinceRelease = 0
        fields.releaseMemory()
        lines.metadata.release()
        text.release()
        writer.releaseMemory()
        clinux_release_mappings(".journal")
        clinux_trim_heap()
    }

    private mutating func report() {
        metrics.lines.add(counted.lines)
        metrics.bytes.add(counted.bytes)
        metrics.promtailLines.add(counted.stored)
        bytesSinceRelease += counted.bytes
        counted = Tally()
    }

    /// Stores what is pending together with the position. `savePosition` comes before it.
    private mutating func commit() throws(JournalFailure) {
        do throws(JournalFailure) {
            try commit(stop: StopToken(context.stop, seconds: Self.patience))
        } catch {
            if case .commit(.stopped) = error, !context.stop.isStopped { throw .storeIsFull }
            throw error
        }
    }

    private mutating func commit(stop: StopToken) throws(JournalFailure) {
        guard let position else { return }
        let saved = JournalPosition(cursor: position.cursor, joins: joins.cursors)
        do throws(CommitError) {
            try writer.commit(
                positions: [PositionUpdate(key: JournalSource.positionKey(name), value: saved.encoded)],
                to: context.store, stop: stop)
        } catch {
            throw .commit(error)
        }
        pendingSince = nil
        isCommitNeeded = false
        committed = Timestamp.monotonic.nanoseconds
    }
}
