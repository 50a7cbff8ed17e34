import CLinux
import Logging
import Logs
import Rules
import ServiceLifecycle
import Telemetry
import UnixSignals
import Web

/// Starts what runs, once signals are waited for, keeps it in order, and ends server, sources, shippers and store, in this order, within the five seconds of a
/// shutdown.
///
/// The upkeep blocks, so it has a thread of its own.
struct RoadService: Service {
    let agent: Agent
    let road: LogRoad
    let metricsRoad: MetricsRoad
    let rulesRoad: RulesRoad
    let alertingRoad: AlertingRoad
    let jailsRoad: JailsRoad
    let heartbeat: HeartbeatRoad
    let server: WebServer
    let access: WebAccess?
    /// The configuration file, if there is one.
    let path: String?

    /// Between two looks at the configuration file and between two of the store's housekeepings, in seconds.
    private static let lookInterval = 5.0
    private static let upkeepInterval = 60.0
    /// With so many bytes of code resident, what is not in use is let go of.
    private static let residentCode = 4 << 20

    func run() async throws {
        // Rule files are read there, and the upkeep reads them again.
        try await Blocking.run(stackSize: QueryEngine.stackSize) { try agent.begin() }
        let stop = StopToken()
        let upkeep = WorkerThread(name: "upkeep", stackSize: QueryEngine.stackSize) { keepUp(until: stop) }
        try? await gracefulShutdown()
        rulesRoad.queries.cancel()
        try await Blocking.run {
            stop.stop()
            upkeep.join()
            heartbeat.stop()
            let metrics = WorkerThread(name: "stop") { metricsRoad.stop(deadline: 3) }
            let jails = WorkerThread(name: "stop") { jailsRoad.stop() }
            road.stop(deadline: 3)
            metrics.join()
            jails.join()
            // Last, as it takes what the others still bring.
            rulesRoad.stop(deadline: 1)
            alertingRoad.stop()
        }
        await server.stop()
    }

    private func keepUp(until stop: StopToken) {
        var version = path.flatMap { FileVersion($0) }
        if stop.wait(seconds: Self.lookInterval) { return }
        // What only the start needed; by now sources have read what they find.
        clinux_release_code()
        var last = Timestamp.monotonic
        while !stop.isStopped {
            if let path { reload(path, &version) }
            access?.refresh()
            jailsRoad.tell()
            if Timestamp.monotonic.seconds(since: last) >= Self.upkeepInterval {
                last = .monotonic
                road.store.maintain()
                rulesRoad.look()
                alertingRoad.look()
                jailsRoad.look()
                if clinux_resident_file_bytes() > Self.residentCode { clinux_release_code() }
            }
            stop.wait(seconds: path == nil ? Self.upkeepInterval : Self.lookInterval)
        }
    }

    /// A change by rename, by a new symbolic link (Kubernetes) and in place all show.
    private func reload(_ path: String, _ version: inout FileVersion?) {
        let now = FileVersion(path)
        guard now != version, now != nil else { return }
        version = now
        // The failure is logged and counted where it happens.
        try? agent.reload(because: "the file changed")
    }
}

/// Reloads on SIGHUP.
struct ReloadService: Service {
    let agent: Agent

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            // As above.
            try? await Blocking.run(stackSize: QueryEngine.stackSize) { try agent.reload(because: "SIGHUP") }
        }
    }
}

/// What tells one version of a file from another.
private struct FileVersion: Equatable {
    var inode: UInt64
    var size: UInt64
    var modified: Int64

    init?(_ path: String) {
        var status = clinux_file_status()
        guard clinux_status_of_path(path, 1, &status) == 0 else { return nil }
        inode = status.inode
        size = status.size
        modified = status.modification_time
    }
}
