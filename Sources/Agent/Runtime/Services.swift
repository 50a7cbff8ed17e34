import CLinux
import Logging
import Logs
import ServiceLifecycle
import Telemetry
import UnixSignals
import Web

/// Ends server, sources, shippers and store, in this order, within the five seconds of a shutdown.
struct RoadService: Service {
    let road: LogRoad
    let server: WebServer

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(60), tolerance: .seconds(10))
                try? await Blocking.run { road.store.maintain() }
            }
        }
        try await Blocking.run { road.stop(deadline: 3) }
        await server.stop()
    }
}

/// Reloads on SIGHUP and when the configuration file changes.
struct ReloadService: Service {
    let agent: Agent
    let path: String?

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
                    // The failure is logged and counted where it happens.
                    try? await Blocking.run { try agent.reload(because: "SIGHUP") }
                }
            }
            if let path {
                group.addTask { await watch(path) }
            }
            await group.waitForAll()
        }
    }

    /// Looks every few seconds, which a change by rename, by a new symbolic link (Kubernetes) and in place all show.
    private func watch(_ path: String) async {
        await cancelWhenGracefulShutdown {
            var last = FileVersion(path)
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(5), tolerance: .seconds(1))
                let now = FileVersion(path)
                guard now != last, now != nil, !Task.isCancelled else { continue }
                last = now
                try? await Blocking.run { try agent.reload(because: "the file changed") }
            }
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
