import Telemetry

/// A job's part in the reading: what its files have in common.
final class FileReadingJob {
    let job: FileJob
    let name: String
    let lines: Counter
    let bytes: Counter
    var limits: LineLimits { job.configuration.limits }
    /// As just discovered; empty between two discoveries.
    var targets: [String: TailTarget] = [:]
    var directories: Set<String> = []

    init(_ job: FileJob, metrics: FileMetrics) {
        self.job = job
        name = job.configuration.jobName
        lines = metrics.lines(job: name)
        bytes = metrics.bytes(job: name)
    }
}

/// One path that is followed, through all the physical files that stand behind it one after the other.
final class FollowedFile {
    let path: String
    private(set) var format: FileFormat
    /// Nothing more will be written.
    private(set) var isFinished = false
    /// Tells whether labels have changed, at a fraction of their size.
    private var labelHash = 0
    let job: FileReadingJob
    let counts: PathCounts
    /// What is still to be read, oldest first; the active file, where there is one, is the last.
    var queue: [Generation] = []
    /// Read to the end but kept open a while, because a writer may not yet have moved on to the new file.
    var lingering: [Generation] = []
    var active: Generation?
    /// The unfinished lines of a container; nil until there is one.
    var joins: PartialJoins?
    /// By container stream, and last for lines without one.
    var streams: [3 of StreamID?] = [nil, nil, nil]
    var nextSequence: UInt64 = 1
    /// When to look again without being told to (monotonic).
    var nextPoll = Timestamp(nanoseconds: 0)
    /// When it last grew or changed (monotonic).
    var lastChange = Timestamp.monotonic
    /// Told by the kernel, or for another reason, to look at once.
    var isDue = true
    /// Has unread bytes: read on in the next round.
    var hasMore = false
    /// What became of its last active file, which was closed while idle, is to be found out.
    var isSearchDue = false
    /// Its finished target has been read to the end and closed.
    var isDone = false
    /// The trouble last reported, so that it is reported once.
    var trouble: FileError?
    /// Nothing was known of this path when it was first seen: older generations beside it are files of their own.
    var wasUnknown = false
    /// Its path is the name of a rotated generation: another file that appears there later is not one of this file's.
    var isRotatedName = false
    /// It has been there for more than one look at the file system.
    var isSettled = false

    init(target: TailTarget, job: FileReadingJob, metrics: FileMetrics) {
        // A copy, so that all that was made for the discovery can go in one piece.
        path = target.path.compacted
        format = target.format
        self.job = job
        counts = metrics.paths.add(path)
        take(target)
    }

    /// Takes note of what was discovered of it.
    func take(_ target: TailTarget) {
        format = target.format
        isFinished = target.isFinished
        labelHash = target.labels.hashValue
    }

    func isRelabelled(by target: TailTarget) -> Bool {
        format != target.format || labelHash != target.labels.hashValue
    }

    var generations: [Generation] { queue + lingering }

    func takeSequence() -> UInt64 {
        defer { nextSequence += 1 }
        return nextSequence
    }

    /// The position to save for one of its generations.
    func position(of generation: Generation) -> FilePosition {
        var position = FilePosition(path: path)
        position.isCompressed = generation.content?.isCompressed ?? false
        position.isFinished = generation.isFinished
        position.sequence = generation.sequence
        position.modified = generation.modified
        position.offset = generation.offset
        position.size = generation.greatestSize
        position.head = generation.head
        position.tail = generation.tail
        position.cut = generation.cut
        if let joins, joins.isOpen { position.joinStarts = joins.starts(in: generation) }
        return position
    }
}
