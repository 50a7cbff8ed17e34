import Glibc

/// Who may connect to a unix socket: the mode of its file, and the group that the file is given to.
package struct SocketPermissions: Sendable, Hashable {
    package var mode: UInt32
    /// nil: the process's own.
    package var group: String?

    package init(mode: UInt32 = 0o660, group: String? = nil) {
        self.mode = mode
        self.group = group
    }

    /// From `mode=0660&group=adm`, the query of the address `text`.
    init(_ query: some StringProtocol, of text: String) throws(WebServerError) {
        self.init()
        for option in String(query).split(separator: "&") {
            let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
            switch (parts.first, parts.count) {
            case ("mode", 2):
                guard (3...4).contains(parts[1].utf8.count), let mode = UInt32(parts[1], radix: 8), mode <= 0o777
                else {
                    throw WebServerError("'\(text)': expected an octal mode such as 0660, found '\(parts[1])'")
                }
                self.mode = mode
            case ("group", 2): group = parts[1]
            default:
                throw WebServerError("'\(text)': expected mode=0660 or group=NAME behind the path, found '\(option)'")
            }
        }
    }

    /// `?mode=0600&group=adm`, or nothing where all is as usual.
    var query: String {
        var options: [String] = []
        if mode != SocketPermissions().mode {
            let digits = String(mode, radix: 8)
            options.append("mode=" + String(repeating: "0", count: max(4 - digits.count, 0)) + digits)
        }
        if let group { options.append("group=\(group)") }
        return options.isEmpty ? "" : "?" + options.joined(separator: "&")
    }

    /// The group first, so that nobody of the old one gets in by the new mode.
    func apply(to path: String) throws(WebServerError) {
        if let group {
            let id = try SocketPermissions.groupID(group)
            guard chown(path, uid_t.max, id) == 0 else {
                throw WebServerError(
                    "cannot give unix:\(path) to the group \(group): \(String(cString: strerror(errno))); run the agent "
                        + "as a member of it")
            }
        }
        guard chmod(path, mode) == 0 else {
            throw WebServerError("cannot set the mode of unix:\(path): \(String(cString: strerror(errno)))")
        }
    }

    private static func groupID(_ name: String) throws(WebServerError) -> gid_t {
        if let number = gid_t(name) { return number }
        var entry = group_entry()
        var found: UnsafeMutablePointer<group_entry>?
        var buffer = [CChar](repeating: 0, count: 64 << 10)
        let code = getgrnam_r(name, &entry, &buffer, buffer.count, &found)
        guard code == 0, found != nil else {
            throw WebServerError("there is no group '\(name)' on this host; `getent group` lists those there are")
        }
        return entry.gr_gid
    }
}

/// The C struct, whose name a property above has too.
private typealias group_entry = Glibc.group
