import Bytes
import CLinux

/// What files say of updates on a host whose packages are rpm's (Fedora, RHEL and its kin, SUSE).
///
/// Not how many are pending: that depends on module streams, on what dnf is told to leave out, and on repository data that
/// comes in three compressions and two databases; only dnf itself knows.
struct RPMHost {
    private let databases: [String]
    private let caches: [String]
    private let modules: String
    private let images: String
    private let release: HostFile

    init(_ paths: HostPaths) {
        databases = [
            "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages",
            "/usr/lib/sysimage/rpm/Packages.db", "/var/lib/rpm/Packages.db",
        ].map { paths.root($0) }
        caches = ["/var/cache/dnf", "/var/cache/libdnf5"].map { paths.root($0) }
        modules = paths.root("/usr/lib/modules")
        images = paths.root("/boot")
        release = HostFile(paths.proc("sys/kernel/osrelease"))
    }

    var isThere: Bool { databases.contains { Self.modified($0) != nil } }

    /// Whether a newer kernel is installed than the one that runs; nil where no kernel is installed, as in a container.
    func isRestartDue(_ reader: inout HostReader) throws -> Bool? {
        try reader.load(release)
        let running = KernelRelease(String(lossy: reader.text.trimmed))
        let directory = HostDirectory(modules, onlyDirectories: true)
        do throws(HostFileError) {
            try directory.refresh()
        } catch {
            if error.isAbsent { return nil }
            throw error
        }
        // What others than the kernel's package leave behind has modules only. Before RHEL 8 the image is in /boot alone.
        let installed = directory.names.filter {
            Self.modified("\(modules)/\($0)/vmlinuz") != nil || Self.modified("\(images)/vmlinuz-\($0)") != nil
        }
        return installed.isEmpty ? nil : installed.contains { KernelRelease($0).replaces(running) }
    }

    /// When dnf last looked at a repository, in nanoseconds since 1970; nil where it never did.
    func listsTime() -> Int64? {
        var newest: Int64?
        for cache in caches {
            let directory = HostDirectory(cache, onlyDirectories: true)
            // Another user's, or none.
            guard (try? directory.refresh()) != nil else { continue }
            for name in directory.names {
                guard let time = Self.modified("\(cache)/\(name)/repodata/repomd.xml") else { continue }
                newest = max(newest ?? time, time)
            }
        }
        return newest
    }

    private static func modified(_ path: String) -> Int64? {
        var status = clinux_file_status()
        return clinux_status_of_path(path, 1, &status) == 0 ? status.modification_time : nil
    }
}
