/// Where the kernel's files are: other roots than the usual ones in a container that has the host's mounted elsewhere, and
/// in tests.
package struct HostPaths: Sendable, Equatable {
    package var proc: String
    package var sys: String
    /// Before every mount point, os-release and the like.
    package var root: String
    package var udev: String

    package init(
        proc: String = "/proc", sys: String = "/sys", root: String = "/", udev: String = "/run/udev/data"
    ) {
        func trimmed(_ path: String) -> String {
            path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        }
        self.proc = trimmed(proc)
        self.sys = trimmed(sys)
        self.root = trimmed(root)
        self.udev = trimmed(udev)
    }

    /// `path`, which begins without a slash, below `/proc`.
    package func proc(_ path: String) -> String { "\(proc)/\(path)" }
    package func sys(_ path: String) -> String { "\(sys)/\(path)" }
    package func udev(_ path: String) -> String { "\(udev)/\(path)" }

    /// An absolute path of the host.
    package func root(_ path: String) -> String { root == "/" ? path : root + path }
}
