import Configuration
import Glibc

/// `file:/path` of an ignore list: entries apart by white space or commas, comments from `#` or `;` to the end of a line. Looked at once a second
/// at most, and read again when it has changed; while it cannot be read, what was read last holds.
struct IgnoreFile {
    static let prefix = "file:"

    let path: String
    private(set) var entries = IgnoreEntries()
    /// Why it cannot be read.
    private(set) var problem: String?
    private var lookedAt: Double?
    private var seen: Seen?

    /// Seconds.
    private static let interval = 1.0

    /// What tells one state of a file from another.
    private struct Seen: Equatable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let seconds: Int
        let nanoseconds: Int
    }

    init(path: String) { self.path = path }

    mutating func refresh(_ now: Double) {
        if let lookedAt, now >= lookedAt, now - lookedAt < Self.interval { return }
        lookedAt = now
        var status = stat()
        guard stat(path, &status) == 0 else {
            problem = "expected a list of addresses in \(path): \(String(cString: strerror(errno)))"
            seen = nil
            return
        }
        let state = Seen(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        guard state != seen else { return }
        switch ConfigurationSurroundings.process.read(path) {
        case .success(let bytes):
            entries = IgnoreEntries(Self.entries(bytes))
            problem = nil
            seen = state
        case .failure(let failure):
            problem = "expected a list of addresses in \(path): \(failure.reason)"
            seen = nil
        }
    }

    static func entries(_ bytes: [UInt8]) -> [String] {
        var entries: [String] = []
        for line in bytes.split(separator: 0x0a) {
            let text = line.prefix { $0 != 0x23 && $0 != 0x3b }
            entries += text.split { ASCII.isSpace($0) || $0 == 0x2c }.map { String($0) }
        }
        return entries
    }
}
