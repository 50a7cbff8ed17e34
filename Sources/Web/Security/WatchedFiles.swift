import CLinux
import Configuration
import Synchronization

/// What tells one version of a file from another: a change by rename, by a new symbolic link (Kubernetes) and in
/// place all show.
struct FileVersion: Equatable, Sendable {
    private var device: UInt64 = 0
    private var inode: UInt64 = 0
    private var size: UInt64 = 0
    private var modified: Int64 = 0
    private var changed: Int64 = 0

    /// All zeros for a file that is not there.
    init(_ path: String) {
        var status = clinux_file_status()
        guard clinux_status_of_path(path, 1, &status) == 0 else { return }
        device = status.device
        inode = status.inode
        size = status.size
        modified = status.modification_time
        changed = status.change_time
    }
}

/// Surroundings that remember which files were read, each as it was before.
final class WatchedFiles: Sendable {
    private let seen = Mutex<[String: FileVersion]>([:])

    var versions: [String: FileVersion] { seen.withLock { $0 } }

    var surroundings: ConfigurationSurroundings {
        let process = ConfigurationSurroundings.process
        return ConfigurationSurroundings(variable: process.variable) { path in
            let version = FileVersion(path)
            self.seen.withLock { $0[path] = version }
            return process.read(path)
        }
    }
}
