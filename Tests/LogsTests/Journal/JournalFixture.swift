import Glibc
import Logging
import Telemetry

@testable import Logs

/// A directory with journals made by systemd-journal-remote; gone with the value.
final class JournalFixture {
    static let remote = "/usr/lib/systemd/systemd-journal-remote"
    static let isAvailable: Bool = {
        let found = access(remote, X_OK) == 0
        if !found { print("journal tests are skipped: \(remote) is missing (apt-get install systemd-journal-remote)") }
        return found
    }()

    /// Microseconds since 1970 of entry 0.
    static let epoch: UInt64 = 1_763_600_000_000_000
    let path: String

    init() {
        var template = Array("/tmp/tocsin-journal-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
    }

    deinit { if path != "/tmp" { Self.run("/bin/rm", ["-rf", path]) } }

    /// Fields of one entry: names and values.
    typealias Entry = [(String, [UInt8])]

    /// An entry `number` milliseconds after the epoch with the usual fields; `extra` ones come last.
    static func entry(
        _ number: Int, _ message: String?, unit: String = "ssh.service", priority: Int = 6, boot: Int = 1,
        _ extra: [(String, String)] = []
    ) -> Entry {
        var fields: [(String, String)] = [
            ("__REALTIME_TIMESTAMP", "\(epoch + UInt64(number) * 1000)"),
            ("__MONOTONIC_TIMESTAMP", "\(1_000_000 + number * 1000)"),
            ("_BOOT_ID", hex(boot)), ("PRIORITY", "\(priority)"), ("_SYSTEMD_UNIT", unit),
            ("SYSLOG_IDENTIFIER", String(unit.prefix { $0 != "." })), ("_TRANSPORT", "stdout"),
            ("_HOSTNAME", "host1"), ("_PID", "\(100 + number)"), ("_MACHINE_ID", hex(77)),
        ]
        if let message { fields.append(("MESSAGE", message)) }
        fields += extra
        return fields.map { ($0.0, Array($0.1.utf8)) }
    }

    private static func hex(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }

    /// Writes a journal file `name`.journal in the directory, or in `directory` below it.
    func write(_ entries: [Entry], to name: String = "test", in directory: String? = nil) {
        var bytes: [UInt8] = []
        for entry in entries {
            for (field, value) in entry {
                bytes += Array(field.utf8)
                if value.contains(where: { $0 < 0x20 }) {
                    bytes.append(0x0a)
                    withUnsafeBytes(of: UInt64(value.count).littleEndian) { bytes += Array($0) }
                } else {
                    bytes.append(0x3d)
                }
                bytes += value + [0x0a]
            }
            bytes.append(0x0a)
        }
        let target = directory.map { "\(path)/\($0)" } ?? path
        mkdir(target, 0o755)
        let export = "\(path)/\(name).export"
        Self.save(bytes, to: export)
        Self.run(Self.remote, ["-o", "\(target)/\(name).journal", export])
        unlink(export)
    }

    static func save(_ bytes: [UInt8], to path: String) {
        guard let file = fopen(path, "we") else { return }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }

    @discardableResult
    static func run(_ program: String, _ arguments: [String]) -> Int32 {
        var child: pid_t = 0
        var list: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
        list.append(nil)
        defer { for text in list { free(text) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        defer { posix_spawn_file_actions_destroy(&actions) }
        guard posix_spawn(&child, program, &actions, nil, list, environ) == 0 else { return -1 }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        return status
    }

    /// The cursors of all entries, in order.
    func cursors() throws -> [String] {
        let journal = try Journal(JournalPlace(directory: path))
        try journal.seekHead()
        var cursors: [String] = []
        while try journal.next() { cursors.append(try journal.cursor()) }
        return cursors
    }
}

/// A running source and what it stored.
final class JournalRun {
    let sink: JournalRecorder
    let metrics = MetricRegistry()
    let readiness = Readiness()
    let stop = StopToken()
    private let failure = Failure()
    private var thread: WorkerThread?

    private final class Failure: Sendable {
        let text = Gauge()
        let message: @Sendable (String) -> Void = { print("journal source failed: \($0)") }
    }

    /// Starts a source over `journal`, with labels made by `relabel`.
    init(
        _ journal: JournalConfiguration, sink: JournalRecorder = JournalRecorder(), limits: LineLimits = LineLimits(),
        inputs: [String]? = JournalRun.inputs, commitInterval: Double = 0, faults: (any JournalFaults)? = nil,
        relabel: @escaping @Sendable (LabelSet) -> LabelSet? = JournalRun.relabel
    ) {
        self.sink = sink
        var configuration = ScrapeConfiguration(jobName: "test", source: .journal(journal))
        configuration.limits = limits
        let source = JournalSource(
            name: "journal", configuration: configuration, relabel: relabel, relabelInputs: inputs, faults: faults)
        var context = SourceContext(
            store: sink, metrics: metrics, readiness: readiness,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, stop: stop)
        context.commitInterval = commitInterval
        let shared = context
        thread = WorkerThread(name: "journal-test") { [failure] in
            do throws(SourceError) {
                try source.run(shared)
            } catch {
                failure.message(error.description)
                failure.text.set(1)
            }
        }
    }

    static let inputs = ["__journal__systemd_unit", "__journal_priority_keyword"]

    @Sendable static func relabel(_ labels: LabelSet) -> LabelSet? {
        ["unit": labels["__journal__systemd_unit"] ?? "", "level": labels["__journal_priority_keyword"] ?? ""]
    }

    var hasFailed: Bool { failure.text.current == 1 }

    /// Waits until the condition holds, for at most `seconds`.
    @discardableResult
    func wait(seconds: Double = 10, until condition: (JournalRun) -> Bool) -> Bool {
        let limit = Timestamp.monotonic.nanoseconds + Int64(seconds * 1e9)
        while Timestamp.monotonic.nanoseconds < limit {
            if condition(self) { return true }
            usleep(5000)
        }
        return condition(self)
    }

    /// Ends the source.
    func end() {
        stop.stop()
        thread?.join()
        thread = nil
    }

    /// Waits for `count` lines, ends the source and gives their texts.
    func texts(_ count: Int) -> [String] {
        wait { $0.sink.lines.count >= count || $0.hasFailed }
        end()
        return sink.texts
    }

    /// What is wrong though the source goes on, or nil.
    var degradation: String? {
        if case .degraded(let reason) = readiness.all.first?.state { reason } else { nil }
    }

    func counter(_ name: String, _ labels: LabelSet = ["source": "journal"]) -> Int {
        Int(metrics.counter(name, help: "", labels).current)
    }

    deinit { end() }
}
