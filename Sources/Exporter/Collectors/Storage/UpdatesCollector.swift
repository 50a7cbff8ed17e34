import CLinux
import Telemetry

/// Pending updates of packages and whether a restart is due.
///
/// Finding them takes part of a second, so it is done on a thread of its own, once an hour and when dpkg or apt wrote
/// something; pages have what was found last.
struct UpdatesCollector: Collector {
    static let description = CollectorDescription(
        "updates", "Pending package updates of Debian and its kin, and whether a restart is due.",
        isEnabledByDefault: false,
        options: [
            CollectorOption("interval", .duration, default: "3600", "Seconds after which updates are looked for again.")
        ]
    ) { UpdatesCollector($0) }

    private struct State {
        var found: PendingUpdates?
        var problem: String?
        var isLooking = false
    }

    private let status: String
    private let lists: String
    private let restartFiles: [String]
    private let interval: Double
    private let state = Condition(State())
    private var lastLook: Timestamp?
    /// Modification times of what was looked at.
    private var seen: [Int64] = []

    init(_ context: CollectorContext) {
        status = context.paths.root("/var/lib/dpkg/status")
        lists = context.paths.root("/var/lib/apt/lists")
        restartFiles = ["/run/reboot-required", "/var/run/reboot-required"].map { context.paths.root($0) }
        interval = max(60, context.options.duration("interval") ?? 3600)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        let isDue = restartFiles.contains { Self.modified($0) != nil }
        batch.sample(
            "tocsin_reboot_required", .gauge, "Whether an update asked for a restart of the host.", isDue ? 1 : 0)
        guard let statusTime = Self.modified(status), let listsTime = Self.modified(lists) else {
            throw CollectorError.absent(status)
        }
        let times = [statusTime, listsTime]
        let isOld = lastLook.map { Timestamp.monotonic.seconds(since: $0) >= interval } ?? true
        if isOld || times != seen, !state.withLock({ $0.isLooking }) {
            seen = times
            lastLook = .monotonic
            look()
        }
        // The first page waits for a moment.
        let soon = Timestamp(nanoseconds: Timestamp.monotonic.nanoseconds + 3_000_000_000)
        let (found, problem) =
            state.wait(until: soon) { state -> (PendingUpdates?, String?)? in
                state.found != nil || state.problem != nil ? (state.found, state.problem) : nil
            } ?? (nil, nil)
        let labels = batch.labels("manager", "apt" as StaticString)
        batch.sample(
            batch.family("tocsin_updates_lists_timestamp_seconds", .gauge, "When lists of packages were last fetched."),
            labels, Double(listsTime) / 1e9)
        if let found {
            batch.sample(
                batch.family("tocsin_updates_pending", .gauge, "Packages of which there is a newer version."), labels,
                Double(found.pending))
            batch.sample(
                batch.family(
                    "tocsin_updates_security_pending", .gauge,
                    "Packages of which there is a newer version for security."),
                labels, Double(found.security))
            batch.sample(
                batch.family("tocsin_updates_held", .gauge, "Packages that are not to be updated."), labels,
                Double(found.held))
            for problem in found.problems { reader.odd(problem) }
        }
        if let problem { throw CollectorError.failed(problem) }
    }

    private func look() {
        state.withLock { $0.isLooking = true }
        WorkerThread(name: "updates") { [state, status, lists] in
            var found: PendingUpdates?
            var problem: String?
            do {
                found = try PendingUpdates.find(status: status, lists: lists)
            } catch {
                problem = "\(error)"
            }
            state.change { $0 = State(found: found ?? $0.found, problem: problem, isLooking: false) }
        }.detach()
    }

    /// In nanoseconds since 1970; nil where there is no such file.
    private static func modified(_ path: String) -> Int64? {
        var status = clinux_file_status()
        return clinux_status_of_path(path, 1, &status) == 0 ? status.modification_time : nil
    }
}
