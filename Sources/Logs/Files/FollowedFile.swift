import Telemetry

/// A job's part in the reading: what its files have in common.
final class FileReadingJob {
    let job: FileJob
    let name: String
    let lines: Counter
    let bytes: Counter
    var limits: LineLimits { job.configuration.limits }
    var directories: Set<String> = []

    init(_ job: FileJob, metrics: FileMetrics) {
        self.job = job
        name = job.configuration.jobName
        lines = metrics.lines(job: name)
        bytes = metrics.bytes(job: name)
    }
}

/// What the jobs want of one path, as just discovered: one or several targets, each with its job.
struct WantedFile {
    var targets: [(job: FileReadingJob, target: TailTarget)] = []

    /// Nothing more will be written.
    var isFinished: Bool { targets.contains { $0.target.isFinished } }

    /// Tells whether jobs, formats or labels have changed, at a fraction of their size.
    var fingerprint: Int {
        var hasher = Hasher()
        for (job, target) in targets {
            hasher.combine(ObjectIdentifier(job))
            hasher.combine(target.format)
            hasher.combine(target.labels)
        }
        return hasher.finalize()
    }
}

/// One path that is followed, through all the physical files that stand behind it one after the other.
final class FollowedFile {
    let path: String
    /// Nothing more will be written.
    var isFinished: Bool
    /// Of what was wanted of it when its deliveries were last made.
    var fingerprint: Int
    /// To whom its lines go; at least one.
    let deliveries: OneOrMore<FileDelivery>
    let counts: PathCounts
    /// What is still to be read, oldest first; the active file, where there is one, is the last.
    var queue: [Generation] = []
    /// Read to the end but kept open a while, because a writer may not yet have moved on to the new file.
    var lingering: [Generation] = []
    var active: Generation?
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
    /// It was met while reading, so only reading shows that it is over.
    var isTroubleOfReading = false
    /// Nothing was known of this path when it was first seen: older generations beside it are files of their own.
    var wasUnknown = false
    /// Its path is the name of a rotated generation: another file that appears there later is not one of this file's.
    var isRotatedName = false
    /// Of a rotated name: the physical file that was found to be none of the active file's; nil where that was not asked.
    var considered: FileIdentity?
    /// It has been there for more than one look at the file system.
    var isSettled = false

    init(path: String, _ wanted: WantedFile, _ deliveries: OneOrMore<FileDelivery>, metrics: FileMetrics) {
        // A copy, so that all that was made for the discovery can go in one piece.
        self.path = path.compacted
        self.deliveries = deliveries
        isFinished = wanted.isFinished
        fingerprint = wanted.fingerprint
        counts = metrics.paths.add(self.path)
    }

    /// Under which the deliveries' places are saved.
    var keys: [String] { deliveries.map(\.key) }

    /// Whether a container's line is unfinished.
    var hasOpenJoins: Bool { deliveries.contains { $0.joins?.isOpen == true } }

    var generations: [Generation] { queue + lingering }

    func takeSequence() -> UInt64 {
        defer { nextSequence += 1 }
        return nextSequence
    }

    /// The position to save for one of its generations.
    func position(of generation: Generation) -> FilePosition {
        var position = FilePosition(path: path)
        position.isCompressed = generation.isCompressed
        position.isFinished = generation.isFinished
        position.sequence = generation.sequence
        position.modified = generation.modified
        position.offset = generation.offset
        position.size = generation.greatestSize
        position.head = generation.head
        position.tail = generation.tail
        position.places = zip(deliveries, generation.cursors).map { delivery, cursor in
            var place = FilePosition.Place(offset: cursor.offset, cut: cursor.cut)
            if let joins = delivery.joins, joins.isOpen { place.joinStarts = joins.starts(in: generation) }
            return place
        }
        if deliveries.count > 1 { position.keys = keys }
        return position
    }
}
