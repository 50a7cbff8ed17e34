import Bytes
import CLinux
import Glibc

/// A small JSON file of a container runtime, parsed again only when it has been replaced or written.
struct RuntimeFile {
    let path: String
    private var stamp: Stamp?
    /// What kept it from being read the last time; it is not tried again until it changes.
    private(set) var problem: String?

    /// Largest that is read.
    static let longest: UInt64 = 8 << 20

    private struct Stamp: Equatable {
        var inode: UInt64
        var size: UInt64
        var modified: Int64
    }

    enum Change {
        case none
        case absent
        case unreadable(String)
        case value(JSONValue)
    }

    init(_ path: String) { self.path = path }

    /// What it holds where that has changed since the last call.
    mutating func change(_ reader: inout HostReader) -> Change {
        var status = clinux_file_status()
        let code = clinux_status_of_path(path, 1, &status)
        if code == ENOENT || code == ENOTDIR {
            let was = stamp
            stamp = nil
            return was == nil ? .none : .absent
        }
        let fresh = Stamp(inode: status.inode, size: status.size, modified: status.modification_time)
        if code == 0, fresh == stamp { return problem.map { .unreadable($0) } ?? .none }
        stamp = code == 0 ? fresh : nil
        problem = nil
        do {
            guard code == 0 else { throw HostFileError(path: path, code: code) }
            guard status.size <= Self.longest else { throw HostFileError(path: path, code: EFBIG) }
            try reader.load(HostFile(path))
            return .value(try JSONValue(parsing: reader.text))
        } catch {
            let text = error is JSONError ? "\(path): \(error)" : "\(error)"
            problem = text
            return .unreadable(text)
        }
    }

    /// What a file holds now; nil where it is absent or no JSON.
    static func read(_ path: String, _ reader: inout HostReader) -> JSONValue? {
        var file = RuntimeFile(path)
        guard case .value(let value) = file.change(&reader) else { return nil }
        return value
    }
}
