import CLinux
import Glibc

/// What tells one physical file from another: device, inode and time of birth.
///
/// The birth time (0 where the file system keeps none) catches an inode number that was given to another file.
package struct FileIdentity: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    /// Nanoseconds since the epoch.
    package var birth: Int64

    static let keyPrefix = "file:"

    /// The key of this file's position: `file:<device>:<inode>:<birth>`.
    package var key: String { "\(Self.keyPrefix)\(device):\(inode):\(birth)" }

    init(device: UInt64, inode: UInt64, birth: Int64) {
        self.device = device
        self.inode = inode
        self.birth = birth
    }

    /// The identity a position's key names; nil for other keys.
    package init?(key: String) {
        guard key.hasPrefix(Self.keyPrefix) else { return nil }
        let parts = key.dropFirst(Self.keyPrefix.count).split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let device = UInt64(parts[0]), let inode = UInt64(parts[1]),
            let birth = Int64(parts[2])
        else { return nil }
        self.init(device: device, inode: inode, birth: birth)
    }
}

/// The kernel's refusal: an errno and what it was about.
package struct FileError: Error, CustomStringConvertible, Equatable {
    var code: Int32
    var path: String

    package init(code: Int32, path: String) {
        self.code = code
        self.path = path
    }

    package var isMissing: Bool { code == ENOENT || code == ENOTDIR }

    package var description: String {
        let reason = String(cString: strerror(code))
        switch code {
        case EACCES, EPERM:
            return "cannot read \(path): \(reason); let the agent's user read it (a group such as adm, an ACL, or "
                + "CAP_DAC_READ_SEARCH)"
        case EMFILE, ENFILE:
            return "cannot open \(path): \(reason); raise LimitNOFILE"
        case EISDIR: return "cannot follow \(path): it is not a regular file; leave it out with __path_exclude__"
        default: return "cannot read \(path): \(reason)"
        }
    }
}

/// A file's status at one moment.
package struct FileStatus: Sendable {
    package var identity: FileIdentity
    package var size: UInt64
    /// Nanoseconds since the epoch.
    package var modified: Int64
    var linkCount: UInt32
    var mode: UInt32

    package var isRegular: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
    var isDirectory: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }

    /// Status of the file at `path`, symbolic links followed.
    package static func of(path: String) throws(FileError) -> FileStatus {
        var raw = clinux_file_status()
        let code = clinux_status_of_path(path, 1, &raw)
        guard code == 0 else { throw FileError(code: code, path: path) }
        return FileStatus(raw)
    }

    /// Status of an open descriptor.
    package static func of(descriptor: Int32, path: String) throws(FileError) -> FileStatus {
        var raw = clinux_file_status()
        let code = clinux_status_of_descriptor(descriptor, &raw)
        guard code == 0 else { throw FileError(code: code, path: path) }
        return FileStatus(raw)
    }

    private init(_ raw: clinux_file_status) {
        identity = FileIdentity(device: raw.device, inode: raw.inode, birth: raw.birth_time)
        size = raw.size
        modified = raw.modification_time
        linkCount = raw.link_count
        mode = raw.mode
    }
}
