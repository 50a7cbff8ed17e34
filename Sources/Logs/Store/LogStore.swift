import Bytes
import CLinux
import Glibc
import Logging
import Synchronization
import Telemetry

/// The log of records on disk: what sources commit to, what destinations and readers read from.
///
/// Writers are one at a time (`writer`); everything that readers need is in `state`, held for moments only. The
/// order is writer before state. A record is written, made durable and only then published in `state`.
package final class LogStore: CommitSink, RecordFeed, RecordArchive {
    /// What only the one who writes touches.
    struct Writer: ~Copyable {
        /// The segment written to; nil before the first record and after a segment was given up.
        var file: StoreFile?
        var number: UInt64 = 0
        /// Where the next record goes.
        var end: UInt64 = 0
        var nextSequence: UInt64
        var nextSegment: UInt64
        /// When the segment was begun; records of long ago and of now are not kept in one, or none would ever go.
        var begun = Timestamp(nanoseconds: 0)
        var checkpoint: GenerationFile
        var checkpointed = Timestamp.monotonic
        var isCheckpointDue = false
        var isClosed = false
    }

    struct State: Sendable {
        var configuration: StoreConfiguration
        /// By number; the last one is being written to where it is `active`.
        var segments: [SegmentSummary] = []
        var active: UInt64?
        var positions: [PositionKey: [UInt8]] = [:]
        var destinations: [String: Destination] = [:]
        /// Where counted damage begins, so that it counts once, however many read there, and how many entries it held
        /// that no index names; `damageLimit` at most.
        var damage: [RecordLocation: Int] = [:]
        /// Commits that wait, and why.
        var waiting = 0
        var trouble: String?
        var isClosed = false

        /// Bytes of all segments.
        var size: Int { segments.reduce(0) { $0 + Int($1.end) } }

        func index(_ number: UInt64) -> Int? { segments.firstIndex { $0.number == number } }
    }

    let directory: StoreDirectory
    let segmentDirectory: StoreDirectory
    let checkpointDirectory: StoreDirectory
    let metrics: StoreMetrics
    let readiness: Readiness
    let logger: Logger
    let clock: @Sendable () -> Timestamp
    let faults: DiskFaults
    let opened = Timestamp.monotonic
    let reader: SegmentReader
    let waiters = Waiters()
    let writer: Mutex<Writer>
    let state: Mutex<State>
    /// The destinations' files, by name; held while one is written.
    let destinationFiles = Mutex<[String: GenerationFile]>([:])
    /// Locked while the store is open.
    private let lock: Mutex<StoreFile?>

    /// Opens the store in `directory`, creating what is missing. One agent at a time; damage in it is never an error.
    package convenience init(
        directory: String, configuration: StoreConfiguration, metrics: MetricRegistry, readiness: Readiness,
        logger: Logger
    ) throws(StoreError) {
        try self.init(
            directory: directory, configuration: configuration, metrics: metrics, readiness: readiness,
            logger: logger, clock: { .now }, faults: DiskFaults())
    }

    /// With a clock and disk faults of the caller's.
    init(
        directory: String, configuration: StoreConfiguration, metrics: MetricRegistry, readiness: Readiness,
        logger: Logger, clock: @escaping @Sendable () -> Timestamp, faults: DiskFaults
    ) throws(StoreError) {
        self.directory = StoreDirectory(path: directory)
        segmentDirectory = StoreDirectory(path: directory + "/segments")
        checkpointDirectory = StoreDirectory(path: directory + "/checkpoints")
        self.metrics = StoreMetrics(metrics)
        self.readiness = readiness
        self.logger = logger
        self.clock = clock
        self.faults = faults
        reader = SegmentReader(directory: segmentDirectory)
        do throws(SystemError) {
            try self.directory.create()
            try segmentDirectory.create()
            try checkpointDirectory.create()
        } catch {
            throw StoreError(
                "the store needs a directory it can write: \(error); create it for the agent's user, or name another "
                    + "state_dir")
        }
        lock = Mutex(try Self.lock(directory))

        var checkpoint = GenerationFile(directory: checkpointDirectory, name: "positions", kind: .positions)
        let loaded = checkpoint.load()
        let checkpoints = loaded.bodies.compactMap { PositionCheckpoint(decoding: $0.span.bytes) }
        let destinations = Self.loadDestinations(checkpointDirectory)
        let furthest = destinations.states.values.map(\.state.cursor).max() ?? RecordLocation(segment: 0, offset: 0)
        let damage: [Damage]
        do throws(SystemError) {
            let found = try Recovery(segments: segmentDirectory, checkpoints: checkpoints, furthest: furthest)
            for sentence in loaded.trouble + destinations.trouble + found.trouble {
                logger.warning("store: \(sentence)")
            }
            if found.tornBytes > 0 {
                logger.warning(
                    "store: \(found.tornBytes) bytes of unfinished records cut off; their lines are read again")
            }
            damage = found.damage
            self.metrics.tornBytes.add(found.tornBytes)
            self.metrics.damagedBytes.add(found.damagedBytes)
            var writer = Writer(
                nextSequence: found.nextSequence, nextSegment: found.nextSegment, checkpoint: checkpoint)
            var state = State(configuration: configuration)
            state.segments = found.segments
            state.positions = found.positions
            state.destinations = destinations.states
            if let active = found.active, let last = found.segments.last {
                writer.file = active
                writer.number = last.number
                writer.end = last.end
                writer.begun = last.written
                state.active = last.number
            }
            writer.isCheckpointDue = found.replayed > 0 || checkpoints.isEmpty
            self.writer = Mutex(writer)
            self.state = Mutex(state)
        } catch {
            throw StoreError("cannot read the store: \(error)")
        }
        destinationFiles.withLock { $0 = destinations.files }
        for damage in damage { report(damage) }
        self.metrics.watch(self)
        readiness.set("store", .ok)
    }

    private static func lock(_ directory: String) throws(StoreError) -> StoreFile {
        let path = directory + "/lock"
        do throws(SystemError) {
            let file = try StoreFile(path: path, flags: O_RDWR | O_CREAT)
            var code = clinux_lock_file(file.descriptor)
            // One that is just ending, or a child between fork and exec, holds it for a moment only.
            let patience = Timestamp.monotonic
            while code == EWOULDBLOCK, Timestamp.monotonic.seconds(since: patience) < 1 {
                usleep(20_000)
                code = clinux_lock_file(file.descriptor)
            }
            if code == EWOULDBLOCK {
                var holder = ByteBuffer()
                try? file.read(at: 0, length: 20, into: &holder)
                let process = holder.isEmpty ? "" : " (process \(String(lossy: holder.bytes)))"
                throw SystemError(call: process, path: path, code: EWOULDBLOCK)
            }
            if code != 0 { throw SystemError(call: "lock", path: path, code: code) }
            try file.truncate(to: 0)
            var own = ByteBuffer()
            own.append(String(getpid()))
            try file.write(own.bytes, RawSpan(), at: 0, faults: DiskFaults())
            return file
        } catch {
            if error.code == EWOULDBLOCK {
                throw StoreError(
                    "another agent\(error.call) uses the store in \(directory): stop it, or name another state_dir")
            }
            throw StoreError(
                "the store in \(directory) cannot be written: \(error); give it to the agent's user and make room, "
                    + "or name another state_dir")
        }
    }

    /// Takes a new size and retention; they hold from the next commit on.
    package func reconfigure(_ configuration: StoreConfiguration) {
        state.withLock { $0.configuration = configuration }
        waiters.wake()
    }

    /// Saves everything and gives the directory up. Later commits throw `.closed`; reading goes on.
    package func close() {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        waiters.wake()
        writer.withLock { writer in
            guard !writer.isClosed else { return }
            writer.isClosed = true
            saveCheckpoint(&writer)
            writer.file = nil
        }
        saveDestinations(force: true)
        lock.withLock { $0 = nil }
    }

    /// Does what is due: deletes old segments, saves cursors and positions. Commits and readers do it too as they
    /// come by; call it now and then (a minute) where neither may.
    package func maintain() {
        guard !state.withLock({ $0.isClosed }) else { return }
        saveDestinations(force: false)
        expire()
        writer.withLock { writer in
            if !writer.isClosed, isCheckpointDue(writer) { saveCheckpoint(&writer) }
        }
    }

    // MARK: Positions

    package func position(_ key: String) -> [UInt8]? { state.withLock { $0.positions[PositionKey(key)] } }

    package func positions(prefix: String) -> [PositionUpdate] {
        state.withLock { state in
            state.positions.filter { $0.key.text.utf8.starts(with: prefix.utf8) }
                .map { PositionUpdate(key: $0.key.text, value: $0.value) }.sorted { $0.key < $1.key }
        }
    }

    private static let checkpointInterval: Int64 = 300_000_000_000

    func isCheckpointDue(_ writer: borrowing Writer) -> Bool {
        writer.isCheckpointDue
            || Timestamp.monotonic.nanoseconds - writer.checkpointed.nanoseconds > Self.checkpointInterval
    }

    /// Saves the positions; a failure leaves the older generations, and the records behind them, as they are.
    func saveCheckpoint(_ writer: inout Writer) {
        writer.isCheckpointDue = false
        writer.checkpointed = .monotonic
        let sequence = writer.nextSequence
        let checkpoint = state.withLock { state in
            let end = state.segments.last.map { RecordLocation(segment: $0.number, offset: $0.end) }
            return PositionCheckpoint(
                location: end ?? RecordLocation(segment: 0, offset: 0), nextSequence: sequence,
                positions: state.positions, segments: state.segments)
        }
        do throws(SystemError) {
            try writer.checkpoint.save(checkpoint.encoded())
        } catch {
            metrics.writeErrors.add()
            logger.warning("store: positions not saved: \(error); they are read from the segments at the next start")
        }
    }
}
