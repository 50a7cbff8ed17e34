import CLinux
import Logging
import Synchronization
import Telemetry

/// The state of a file source's thread and its loop. Not shared with any other thread.
final class FileEngine {
    let name: String
    let context: SourceContext
    let tuning: FileTuning
    let watcher: ChangeWatcher
    let metrics: FileMetrics
    var reader: ChunkReader
    var jobs: [FileReadingJob] = []
    /// In the order in which they were found.
    var files: [FollowedFile] = []
    var filesByPath: [String: FollowedFile] = [:]
    var known = KnownFiles()
    /// As of the last look at the file system.
    var sightings: [String: Sighting] = [:]
    /// To be saved with the next commit; nothing forgets.
    private(set) var changes: [FileIdentity: [UInt8]] = [:]
    /// Since when known files are gone (monotonic).
    var goneSince: [FileIdentity: Timestamp] = [:]
    /// Since when rotated files wait for their active file to come back (monotonic).
    var awaited: [String: Timestamp] = [:]
    var watches: [Int32: FollowedFile] = [:]
    var directories: [Int32: String] = [:]
    var directoryWatches: [String: Int32] = [:]
    let siblings = SiblingIndex()
    /// With more files open than this, each is closed as soon as it has been read to its end.
    let descriptorLimit: Int
    /// How many deliveries give lines to a stream, by its index.
    var streamUses: [Int32] = []
    /// What is wrong, by path or sentence, as shown in readiness.
    var problems: [String: String] = [:]
    var oldestPending: Timestamp?
    /// Found just now, with no position in the store yet.
    var fresh: [(generation: Generation, file: FollowedFile)] = []
    /// Files read since the last commit: each has a position in the next one.
    private var servedSinceCommit = 0
    var nextDiscovery = Timestamp(nanoseconds: 0)
    var lastDiscovery = Timestamp(nanoseconds: 0)
    var nextSweep = Timestamp(nanoseconds: 0)
    var lastCollection = Timestamp.monotonic
    private var committedSinceIdle = false
    /// Something was seen or read since the gauges were set.
    var areGaugesStale = true
    private var lastGauges = Timestamp(nanoseconds: 0)
    private var warnedOfWatches = false

    init(name: String, context: SourceContext, tuning: FileTuning, watcher: ChangeWatcher) {
        self.name = name
        self.context = context
        self.tuning = tuning
        descriptorLimit = tuning.descriptorLimit ?? Self.descriptorLimit()
        self.watcher = watcher
        metrics = FileMetrics(context.metrics, source: name)
        let writer = EntryWriter(metrics: EntryMetrics(context.metrics, source: name))
        reader = ChunkReader(
            output: LineOutput(writer: writer, metrics: metrics), metrics: metrics, chunkSize: tuning.chunkSize)
        for update in context.store.positions(prefix: FileIdentity.keyPrefix) {
            guard let identity = FileIdentity(key: update.key) else { continue }
            guard FilePosition(decoding: update.value) != nil else {
                context.logger.warning(
                    "the position \(update.key) is not readable; its file is read from the beginning")
                continue
            }
            known.setPosition(update.value, of: identity)
        }
    }

    /// Runs until the stop token; `changedJobs` gives the new jobs after a reconfiguration.
    func run(changedJobs: () -> [FileJob]?) throws(SourceError) {
        updateReadiness()
        defer { closeAll() }
        while !context.stop.isStopped {
            if let jobs = changedJobs() { configure(jobs) }
            takeEvents()
            var now = Timestamp.monotonic
            if now >= nextDiscovery { try discover(now) }
            let isSweep = now >= nextSweep
            for file in files where file.isDue || (isSweep && now >= file.nextPoll) {
                look(at: file, now)
                areGaugesStale = true
            }
            try commitFresh()
            var hasMore = false
            for file in files where file.hasMore {
                try serve(file, now)
                hasMore = hasMore || file.hasMore
                areGaugesStale = true
                servedSinceCommit += 1
                if servedSinceCommit >= Self.positionsPerCommit { try commit() }
            }
            now = .monotonic
            if isSweep { finishSweep(now) }
            if areGaugesStale && now.seconds(since: lastGauges) >= tuning.gaugeInterval { updateGauges(now) }
            try commitIfDue(now)
            if !hasMore { wait(now) }
        }
        try commit()
    }

    private func wait(_ now: Timestamp) {
        var until = min(nextDiscovery, nextSweep)
        if let oldestPending { until = min(until, oldestPending.adding(context.commitInterval)) }
        if areGaugesStale { until = min(until, lastGauges.adding(tuning.gaugeInterval)) }
        let left = until.seconds(since: now)
        guard left > 0, !files.contains(where: { $0.isDue }) else { return }
        if oldestPending == nil { trimWhenIdle() }
        // Whatever a busy writer does meanwhile is read in one go.
        let pause = min(tuning.pause, left)
        if oldestPending != nil, context.stop.wait(seconds: pause) { return }
        watcher.wait(seconds: left - (oldestPending == nil ? 0 : pause))
    }

    private func trimWhenIdle() {
        guard committedSinceIdle else { return }
        committedSinceIdle = false
        reader.releaseMemory()
        siblings.forget()
        clinux_trim_heap()
    }

    private func finishSweep(_ now: Timestamp) {
        var next = now.adding(tuning.idleSweep)
        for file in files where !file.isDone { next = min(next, file.nextPoll) }
        nextSweep = max(next, now.adding(min(1, tuning.activeSweep)))
        collect(now)
        parkIdle(now)
        if watcher.isExhausted != warnedOfWatches {
            warnedOfWatches = watcher.isExhausted
            setProblem(
                "watches",
                watcher.isExhausted
                    ? "the kernel has no more inotify watches for us: changes are found by looking every "
                        + "\(tuning.activeSweep) to \(tuning.idleSweep) seconds; raise fs.inotify.max_user_watches"
                    : nil)
        }
    }

    // MARK: Committing

    /// A record holds 65,535 positions at most.
    static let positionsPerCommit = 10_000

    /// Stores where the files found just now begin, before anything is read of them: whatever happens to us and to
    /// their names from then on, they are known again.
    private func commitFresh() throws(SourceError) {
        // What has been read of one meanwhile goes with its lines.
        fresh.removeAll { !$0.generation.isUnread }
        let rotated = fresh.filter { $0.file.generations.count > 1 }
        if !rotated.isEmpty {
            // A new generation's position says that nothing else is to be looked for: those before it go with it, in
            // a shape in which they are known again.
            for (_, file) in rotated {
                for generation in file.queue where generation.isUnread {
                    generation.noteHead()
                    generation.isDirty = true
                }
            }
            try commit()
            fresh.removeAll { !$0.generation.isDirty }
            if fresh.contains(where: { $0.file.generations.count > 1 }) { return }
        }
        while !fresh.isEmpty {
            // Oldest generations first: a later one alone would say that those before it were read.
            let batch = fresh.prefix(Self.positionsPerCommit)
            var updates: [PositionUpdate] = []
            updates.reserveCapacity(batch.count)
            for (generation, file) in batch {
                let encoded = file.position(of: generation).encoded()
                known.setPosition(encoded, of: generation.identity)
                updates.append(PositionUpdate(key: generation.identity.key, value: encoded))
            }
            do {
                var record = RecordBuilder()
                try context.store.commit(&record, positions: updates, policy: .wait, stop: context.stop)
            } catch .stopped {
                return
            } catch {
                throw SourceError("\(name): \(error)")
            }
            for (generation, _) in batch {
                generation.isDirty = false
                // Was to be forgotten until it was found again.
                changes[generation.identity] = nil
            }
            fresh = Array(fresh.dropFirst(batch.count))
            committedSinceIdle = true
        }
    }

    func markPending(_ now: Timestamp) { if oldestPending == nil { oldestPending = now } }

    func commitIfDue(_ now: Timestamp) throws(SourceError) {
        guard let oldestPending else { return }
        if reader.output.writer.isFull || now.seconds(since: oldestPending) >= context.commitInterval { try commit() }
    }

    /// Stores all pending lines with the positions of the files they came from.
    func commit() throws(SourceError) {
        for file in files {
            for generation in file.queue where generation.isDirty { note(generation, of: file) }
            for generation in file.lingering where generation.isDirty { note(generation, of: file) }
        }
        var updates: [PositionUpdate] = []
        updates.reserveCapacity(changes.count)
        for (identity, value) in changes { updates.append(PositionUpdate(key: identity.key, value: value)) }
        do {
            try reader.output.writer.commit(positions: updates, to: context.store, policy: .wait, stop: context.stop)
        } catch .stopped {
            // Nothing was stored: the lines are read again from the positions that are.
            return
        } catch {
            throw SourceError("\(name): \(error)")
        }
        changes.removeAll(keepingCapacity: changes.count < 64)
        servedSinceCommit = 0
        areGaugesStale = true
        oldestPending = nil
        committedSinceIdle = true
    }

    /// Takes a generation's position into the next commit.
    func note(_ generation: Generation, of file: FollowedFile) {
        guard !generation.isReplaying else { return }
        let value = file.position(of: generation).encoded()
        known.setPosition(value, of: generation.identity)
        changes[generation.identity] = value
        generation.isDirty = false
    }

    /// The position known of a physical file.
    func position(of identity: FileIdentity) -> FilePosition? { known.position(of: identity) }

    func forget(_ identity: FileIdentity) {
        guard known.hasPosition(identity) else { return }
        known.setPosition(nil, of: identity)
        goneSince[identity] = nil
        changes[identity] = []
        markPending(.monotonic)
    }

    // MARK: What others see

    func setProblem(_ key: String, _ sentence: String?) {
        guard problems[key] != sentence else { return }
        problems[key] = sentence
        if let sentence { context.logger.warning("\(name): \(sentence)") }
        updateReadiness()
    }

    func updateReadiness() {
        let shown = problems.sorted { $0.key < $1.key }.prefix(5).map(\.value)
        let more = problems.count > shown.count ? " (and \(problems.count - shown.count) more)" : ""
        context.readiness.set(
            "source/\(name)", shown.isEmpty ? .ok : .degraded(shown.joined(separator: "; ") + more))
    }

    private func updateGauges(_ now: Timestamp) {
        areGaugesStale = false
        lastGauges = now
        var lag: UInt64 = 0
        var open = 0
        var active = 0
        for file in files {
            if !file.isDone { active += 1 }
            for generation in file.generations where generation.content != nil {
                open += 1
                if generation.size != .max, generation.size > generation.offset {
                    lag = lag.addingReportingOverflow(generation.size - generation.offset).partialValue
                }
            }
            if let generation = file.active {
                file.counts.readBytes.store(generation.offset, ordering: .relaxed)
                file.counts.fileBytes.store(generation.size, ordering: .relaxed)
            }
        }
        metrics.lagBytes.set(Double(lag))
        metrics.lagSeconds.set(oldestPending.map { now.seconds(since: $0) } ?? 0)
        metrics.openFiles.set(open)
        metrics.watches.set(watcher.watchCount)
        metrics.activeFiles.set(active)
    }
}

extension Timestamp {
    func adding(_ seconds: Double) -> Timestamp {
        Timestamp(nanoseconds: nanoseconds &+ Int64(seconds * 1e9))
    }
}
