import CLinux
import Glibc
import Synchronization
import Telemetry

/// Follows log files of all formats (plain, docker's json-file, CRI, podman) on one thread: through renames,
/// copytruncate, compression, deletion and restarts, each line once.
///
/// Positions are kept by the file's identity under `file:<device>:<inode>:<birth>`; see `FilePosition`.
package final class FileSource: LogSource {
    package let name: String
    private let jobs: Mutex<[FileJob]>
    private let changed = Atomic<Bool>(false)
    /// Readable when the jobs were changed.
    private let wake: Int32
    private let tuning: FileTuning

    package convenience init(name: String = "files", jobs: [FileJob]) {
        self.init(name: name, jobs: jobs, tuning: FileTuning())
    }

    init(name: String, jobs: [FileJob], tuning: FileTuning) {
        self.name = name
        self.jobs = Mutex(jobs)
        self.tuning = tuning
        wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(wake >= 0, "no eventfd: errno \(errno)")
    }

    deinit { close(wake) }

    /// Replaces the jobs. Readers of jobs whose configuration is unchanged are not touched; files that only go from
    /// one job to another are read on from where they were. From any thread.
    package func reconfigure(jobs new: [FileJob]) {
        jobs.withLock { $0 = new }
        changed.store(true, ordering: .releasing)
        var one: UInt64 = 1
        write(wake, &one, 8)
    }

    package func run(_ context: SourceContext) throws(SourceError) {
        let watcher = try ChangeWatcher(
            descriptors: [context.stop.descriptor, wake], usesNotices: tuning.usesNotices)
        let engine = FileEngine(name: name, context: context, tuning: tuning, watcher: watcher)
        changed.store(false, ordering: .releasing)
        engine.configure(jobs.withLock { $0 })
        try engine.run {
            guard self.changed.exchange(false, ordering: .acquiringAndReleasing) else { return nil }
            var count: UInt64 = 0
            read(self.wake, &count, 8)
            return self.jobs.withLock { $0 }
        }
    }
}

/// Intervals and sizes of a file source; in seconds and bytes.
struct FileTuning: Sendable {
    var chunkSize = 256 << 10
    /// Chunks read of one file before it is the next one's turn.
    var chunksPerRound = 8
    /// Between two rounds that read everything there was, so that a busy writer does not wake us for each line.
    var pause = 0.1
    /// Between two looks at a file that changed lately.
    var activeSweep = 2.0
    /// Between two looks at one that did not.
    var idleSweep = 10.0
    /// Between two looks at the file system for new files, beside the kernel's notices.
    var discoveryInterval = 60.0
    /// At least this long between two such looks.
    var discoverySpacing = 0.5
    /// Files that are held open however long nothing comes from them.
    var openFilesKept = 256
    /// Files that may be open at all; half of what the process may open where nothing is said.
    var descriptorLimit: Int?
    /// After this long without a change a file beyond those is closed until it changes.
    var parkAfter = 60.0
    /// Be told of changes by the kernel; else they are only found by looking, as where it has no more watches to give.
    var usesNotices = true
    /// At least this long between two times the gauges are set.
    var gaugeInterval = 0.5
    /// How long after a rotation the old file's last line may still get its newline.
    var rotationGrace = 1.0
    /// How long a rotated file that matches the glob waits for its active file to be there again.
    var rotationPatience = 10.0
    /// How long a rotated file is held open after its end was reached.
    var lingerTime = 60.0
    /// The same for a deleted one.
    var deletedLingerTime = 5.0
    /// How long a file must be gone until its position is forgotten.
    var forgetAfter = 600.0
}
