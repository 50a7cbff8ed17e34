import Bytes
import CLinux

/// What apt would upgrade, found from dpkg's status and the lists that apt downloaded, without running apt.
///
/// A package is pending where a list has a newer version. Lists whose release is not automatic (backports, experimental)
/// are left out; so are packages on hold. Pins and phased updates are not looked at: apt may hold back some of these.
struct PendingUpdates: Equatable, Sendable {
    var pending = 0
    /// Those of which a list for security has a newer version.
    var security = 0
    /// Packages that are installed and on hold.
    var held = 0
    /// Lists that could not be read, and why.
    var problems: [String] = []

    /// - Parameters:
    ///   - status: `/var/lib/dpkg/status`.
    ///   - lists: `/var/lib/apt/lists`.
    static func find(status: String, lists: String) throws -> PendingUpdates {
        var result = PendingUpdates()
        var installed: [String: String] = [:]
        var native = ""
        try DebianIndex(status).forEach { package in
            let words = package.status.split(separator: " ")
            guard words.count == 3, words[2] == "installed" else { return }
            if package.name == "dpkg" { native = package.architecture }
            if words[0] == "hold" {
                result.held += 1
            } else {
                installed["\(package.name):\(package.architecture)"] = package.version
            }
        }
        var newer: Set<String> = []
        var newerForSecurity: Set<String> = []
        let directory = HostDirectory(lists)
        try directory.refresh()
        let releases = directory.names.filter { $0.hasSuffix("_InRelease") || $0.hasSuffix("_Release") }
        let manual = releases.filter { isNotAutomatic("\(lists)/\($0)") }.map { release in
            String(release.prefix(upTo: release.lastIndex(of: "_") ?? release.endIndex)) + "_"
        }
        for name in directory.names where name.contains("_Packages") {
            if manual.contains(where: { name.hasPrefix($0) }) { continue }
            guard name.hasSuffix("_Packages") || name.hasSuffix("_Packages.lz4") else {
                result.problems.append("\(lists)/\(name): compressed in a way that is not read")
                continue
            }
            let isSecurity = name.contains("security")
            do {
                try DebianIndex("\(lists)/\(name)").forEach { package in
                    var names = ["\(package.name):\(package.architecture)"]
                    // A package may come to be or cease to be of all architectures.
                    if package.architecture == "all" { names.append("\(package.name):\(native)") }
                    if package.architecture == native { names.append("\(package.name):all") }
                    for name in names {
                        guard let version = installed[name], DebianVersion.isNewer(package.version, than: version)
                        else { continue }
                        newer.insert(name)
                        if isSecurity { newerForSecurity.insert(name) }
                    }
                }
            } catch {
                result.problems.append("\(error)")
            }
        }
        result.pending = newer.count
        result.security = newerForSecurity.count
        return result
    }

    /// Whether a release says that its packages are installed only when asked for.
    private static func isNotAutomatic(_ path: String) -> Bool {
        var reader = HostReader()
        guard (try? reader.loadIfPresent(HostFile(path, staysOpen: false))) == true else { return false }
        var lines = LineCursor(reader.text)
        while lines.next() {
            if lines.line.hasPrefix("NotAutomatic: yes" as StaticString) { return true }
            // The checksums follow.
            if lines.line.hasPrefix("MD5Sum:" as StaticString) || lines.line.hasPrefix("SHA256:" as StaticString) {
                return false
            }
        }
        return false
    }
}
