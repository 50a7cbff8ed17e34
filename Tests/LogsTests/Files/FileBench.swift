import Glibc
import Logging
import Synchronization
import Telemetry

@testable import Logs

/// A temporary directory, a recording store and a file source that can be started, stopped and killed.
final class FileBench: @unchecked Sendable {
    let root: String
    private(set) var sink: RecordingSink
    let metrics = MetricRegistry()
    let readiness = Readiness()
    var format = FileFormat.plain
    var encoding = ""
    var limits = LineLimits()
    var tuning = FileBench.tuning
    var pattern: String
    var exclude = ""
    var relabel: @Sendable (LabelSet) -> LabelSet? = { $0 }
    var discovery: (any TargetDiscovery)?
    private var stop: StopToken?
    private var thread: WorkerThread?
    private(set) var source: FileSource?
    /// What the source ended with.
    let failure = Failure()

    final class Failure: Sendable {
        private let state = Mutex<String?>(nil)
        var text: String? { state.withLock { $0 } }
        func set(_ text: String) { state.withLock { $0 = text } }
        func clear() { state.withLock { $0 = nil } }
    }

    init(_ sink: RecordingSink = RecordingSink()) {
        var template = Array("/tmp/tocsin-files-XXXXXX".utf8CString)
        root = String(cString: mkdtemp(&template))
        self.sink = sink
        pattern = root + "/*.log"
    }

    deinit {
        stopSource()
        _ = Self.run("rm", "-rf", root)
    }

    func path(_ name: String) -> String { root + "/" + name }

    // MARK: The source

    static var tuning: FileTuning {
        var tuning = FileTuning()
        tuning.pause = 0.002
        tuning.activeSweep = 0.02
        tuning.idleSweep = 0.1
        tuning.discoverySpacing = 0.005
        tuning.rotationGrace = 0.05
        tuning.lingerTime = 0.2
        tuning.deletedLingerTime = 0.05
        tuning.forgetAfter = 0.2
        tuning.gaugeInterval = 0.01
        return tuning
    }

    var job: FileJob { job("test") }

    /// The job of this name and label, with the bench's settings or others.
    func job(
        _ name: String, format: FileFormat? = nil, encoding: String? = nil, pattern: String? = nil,
        relabel: (@Sendable (LabelSet) -> LabelSet?)? = nil
    ) -> FileJob {
        var group = FileTargetConfiguration(path: pattern ?? self.pattern)
        group.exclude = exclude
        group.labels = ["job": name]
        let format = format ?? self.format
        var configuration = ScrapeConfiguration(jobName: name, source: .files([group]))
        configuration.limits = limits
        configuration.format = format
        configuration.encoding = encoding ?? self.encoding
        return FileJob(
            configuration: configuration, discovery: discovery ?? GlobDiscovery(groups: [group], format: format),
            relabel: relabel ?? self.relabel)
    }

    /// What a start reads; nil for `job` alone.
    var jobs: [FileJob]?

    /// What was stored under a job's label.
    func texts(of job: String) -> [String] {
        sink.lines.filter { $0.labels.contains("job=\"\(job)\"") }.map(\.text)
    }

    /// Replaces the jobs, of this run and those to come.
    func reload(_ jobs: [FileJob]) {
        self.jobs = jobs
        source?.reconfigure(jobs: jobs)
    }

    func start(commitInterval: Double = 0.01) {
        let stop = StopToken()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var context = SourceContext(store: sink, metrics: metrics, readiness: readiness, logger: logger, stop: stop)
        context.commitInterval = commitInterval
        let source = FileSource(name: "files", jobs: jobs ?? [job], tuning: tuning)
        let started = context
        self.stop = stop
        self.source = source
        thread = WorkerThread(name: "files") { [failure] in
            do throws(SourceError) { try source.run(started) } catch {
                failure.set(error.description)
            }
        }
    }

    /// Ends the source as a service manager would.
    func stopSource() {
        stop?.stop()
        thread?.join()
        stop = nil
        thread = nil
        source = nil
        failure.clear()
    }

    /// As `kill -9`: nothing is stored any more from this moment on.
    func kill() {
        sink.setCommitLimit(0)
        stopSource()
        sink.setCommitLimit(.max)
    }

    var isRunning: Bool { thread != nil }

    func restart() {
        stopSource()
        start()
    }

    // MARK: Waiting

    func wait(_ limit: Double = 10, _ condition: () -> Bool) -> Bool {
        let end = Timestamp.monotonic.nanoseconds + Int64(limit * 1e9)
        while !condition() {
            if Timestamp.monotonic.nanoseconds > end { return false }
            usleep(1000)
        }
        return true
    }

    /// Waits until exactly these lines, in this order, are stored, and sees that no more come after a few looks.
    func expect(_ texts: [String]) -> [String] {
        _ = wait { sink.lines.count >= texts.count }
        return sink.texts
    }

    // MARK: Files

    func write(_ name: String, _ text: String, append: Bool = true) {
        write(name, bytes: Array(text.utf8), append: append)
    }

    func write(_ name: String, bytes: [UInt8], append: Bool = true) {
        let flags = O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC)
        let file = open(path(name), flags, 0o644)
        precondition(file >= 0)
        _ = Glibc.write(file, bytes, bytes.count)
        close(file)
    }

    func move(_ old: String, _ new: String) { _ = rename(path(old), path(new)) }
    func delete(_ name: String) { unlink(path(name)) }
    func truncate(_ name: String, to size: Int = 0) { _ = Glibc.truncate(path(name), size) }

    func copy(_ old: String, _ new: String) { _ = Self.run("cp", path(old), path(new)) }
    func gzip(_ name: String) { _ = Self.run("gzip", path(name)) }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func run(_ arguments: String...) -> Int32 {
        var raw: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in raw { free(pointer) } }
        var pid = pid_t()
        guard let program = raw[0], posix_spawnp(&pid, program, nil, nil, &raw, environ) == 0 else { return -1 }
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        return status
    }
}
