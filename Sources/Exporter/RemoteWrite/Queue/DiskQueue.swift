import Bytes
import CLinux
import Glibc
import Logging
import Synchronization
import Telemetry

/// Why a queue cannot be opened.
package struct DiskQueueError: Error, CustomStringConvertible, Sendable {
    package let description: String
}

/// Records on disk that wait to be sent, oldest first: segment files and the cursor up to which they are acknowledged.
///
/// One thread appends, one reads and acknowledges; any may ask. What is appended survives the end of the process at
/// once. It is made durable (`fdatasync`) when it has waited ten seconds, so that a server that takes samples as they
/// come costs the disk nothing: power loss takes at most what came in the last twelve seconds and was not sent. The cursor is
/// written down with each acknowledgement and made durable every thirty seconds; after power loss samples of so long may be
/// sent again.
///
/// At its size the oldest segment goes, at most a sixteenth of the size. What cannot be written is kept in memory, 4 MiB at
/// most, and written when that is possible again.
final class DiskQueue: Sendable {
    static let memoryLimit = 4 << 20
    static let synchronizeSeconds = 10.0
    static let cursorSeconds = 30.0

    struct Segment: Sendable {
        var number: UInt64
        /// Where its last record ends.
        var end: UInt64
        /// Sequence number of its last record.
        var sequence: UInt64 = 0
    }

    /// A record that could not be written yet.
    struct Waiting: Sendable {
        var header: QueueRecordHeader
        var payload: [UInt8]
    }

    struct State: Sendable {
        var segments: [Segment] = []
        /// The one that is written to, the last of `segments`; nil before the first record and after a failure.
        var active: UInt64?
        var waiting: [Waiting] = []
        var waitingBytes = 0
        var cursor = QueuePosition.start
        var maxSize: Int
        var ledger = RecordLedger()
        var trouble: String?

        var size: Int { segments.reduce(waitingBytes) { $0 + Int($1.end) } }
    }

    /// For the thread that appends.
    struct Writer: ~Copyable {
        var file: StoreFile?
        var nextSegment: UInt64
        var nextSequence: UInt64
        /// Since when there is something that is not durable; on the monotonic clock.
        var unsynchronized: Timestamp?
    }

    /// For the thread that acknowledges.
    struct Cursor: ~Copyable {
        var file: GenerationFile
        var saved = Timestamp.monotonic
        var isSaved = true
    }

    let directory: StoreDirectory
    let logger: Logger
    let faults: DiskFaults
    let state: Condition<State>
    let writer: Mutex<Writer>
    let cursor: Mutex<Cursor>
    /// Locked while the queue is open.
    private let lock: Mutex<StoreFile?>
    /// Told what is dropped: samples, exemplars, why.
    private let onDrop: Mutex<@Sendable (Int, Int, DropReason) -> Void>

    /// Opens the queue in `directory`, creating what is missing. One process at a time; damage in it is never an error.
    init(
        directory: String, maxSize: Int, logger: Logger, faults: DiskFaults = DiskFaults(),
        onDrop: @escaping @Sendable (Int, Int, DropReason) -> Void = { _, _, _ in }
    ) throws(DiskQueueError) {
        self.directory = StoreDirectory(path: directory)
        self.logger = logger
        self.faults = faults
        self.onDrop = Mutex(onDrop)
        do throws(SystemError) {
            try self.directory.create()
            let lock = try StoreFile(path: self.directory.file("lock"), flags: O_RDWR | O_CREAT)
            let code = clinux_lock_file(lock.descriptor)
            if code != 0 { throw SystemError(call: "lock", path: lock.path, code: code) }
            self.lock = Mutex(lock)
            var cursor = GenerationFile(directory: self.directory, name: "cursor", kind: .remoteWriteCursor)
            let loaded = cursor.load()
            for sentence in loaded.trouble { logger.warning("remote write queue: \(sentence)") }
            let position = loaded.bodies.lazy.compactMap { QueuePosition(decoding: $0.span.bytes) }.first ?? .start
            var state = State(maxSize: maxSize)
            state.cursor = position
            let last = try Self.recover(&state, self.directory, logger)
            self.state = Condition(state)
            writer = Mutex(Writer(nextSegment: last.segment + 1, nextSequence: last.sequence + 1))
            self.cursor = Mutex(Cursor(file: cursor))
        } catch {
            throw DiskQueueError(
                description: error.code == EWOULDBLOCK || error.code == EAGAIN
                    ? "something else uses the queue in \(directory): stop the other agent, or give this remote_write another name"
                    : "the remote write queue needs a directory it can write: \(error)")
        }
    }

    /// Samples that are not acknowledged.
    var samples: Int { state.withLock { $0.ledger.samples } }
    /// Bytes of the files, and of what waits to be written.
    var size: Int { state.withLock { $0.size } }
    /// When the oldest record that is not acknowledged arrived, milliseconds since 1970.
    var oldestArrival: Int64? { state.withLock { $0.ledger.oldestArrival } }
    /// Why records cannot be written, where they cannot.
    var trouble: String? { state.withLock { $0.trouble } }

    /// Lets another open it. Nothing is appended, read or acknowledged after it.
    func close() { lock.withLock { $0 = nil } }

    /// Segments hold at most so much, unless one record is larger.
    static func segmentLimit(_ maxSize: Int) -> UInt64 { UInt64(min(max(maxSize / 16, 64 << 10), 4 << 20)) }

    /// Goes on for another owner, or its first: with its room, and telling it what is dropped.
    func serve(maxSize: Int, onDrop: @escaping @Sendable (Int, Int, DropReason) -> Void) {
        state.change { $0.maxSize = maxSize }
        self.onDrop.withLock { $0 = onDrop }
    }

    func drop(_ samples: Int, _ exemplars: Int, _ reason: DropReason) {
        guard samples > 0 || exemplars > 0 else { return }
        let tell = onDrop.withLock { $0 }
        tell(samples, exemplars, reason)
    }
}
