import CLinux
import Telemetry

/// Pending updates of packages and whether a restart is due.
///
/// Finding them takes part of a second, so it is done on a thread of its own, once an hour and when dpkg or apt wrote
/// something; pages have what was found last. Of a host with rpm packages only what files say is told: `RPMHost`.
struct UpdatesCollector: Collector {
    static let description = CollectorDescription(
        "updates",
        "Pending package updates of Debian and its kin; there and on hosts with rpm, whether a restart is due.",
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
    private let rpm: RPMHost
    private let interval: Double
    private let state = Condition(State())
    private var lastLook: Timestamp?
    /// Modification times of what was looked at.
    private var seen: [Int64] = []

    init(_ context: CollectorContext) {
        status = context.paths.root("/var/lib/dpkg/status")
        lists = context.paths.root("/var/lib/apt/lists")
        restartFiles = ["/run/reboot-required", "/var/run/reboot-required"].map { context.paths.root($0) }
        rpm = RPMHost(context.paths)
        interval = max(60, context.options.duration("interval") ?? 3600)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        let isAskedFor = restartFiles.contains { Self.modified($0) != nil }
        guard let statusTime = Self.modified(status), let listsTime = Self.modified(lists) else {
            return try collectRPM(isAskedFor: isAskedFor, into: &batch, reader: &reader)
        }
        Self.writeRestart(isAskedFor, into: &batch)
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
        let labels = Self.writeListsTime(listsTime, manager: "apt", into: &batch)
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

    private func collectRPM(
        isAskedFor: Bool, into batch: inout SampleBatch, reader: inout HostReader
    ) throws {
        guard rpm.isThere else {
            Self.writeRestart(isAskedFor, into: &batch)
            throw CollectorError.absent(status)
        }
        if let isNewer = try rpm.isRestartDue(&reader) { Self.writeRestart(isAskedFor || isNewer, into: &batch) }
        if let time = rpm.listsTime() { _ = Self.writeListsTime(time, manager: "dnf", into: &batch) }
    }

    private static func writeRestart(_ isDue: Bool, into batch: inout SampleBatch) {
        batch.sample(
            "tocsin_reboot_required", .gauge,
            "Whether a restart of the host is due: an update asked for it, or with rpm, a newer kernel is installed.",
            isDue ? 1 : 0)
    }

    private static func writeListsTime(
        _ time: Int64, manager: StaticString, into batch: inout SampleBatch
    ) -> SampleBatch.Labels {
        let labels = batch.labels("manager", manager)
        batch.sample(
            batch.family("tocsin_updates_lists_timestamp_seconds", .gauge, "When lists of packages were last fetched."),
            labels, Double(time) / 1e9)
        return labels
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
