import Bytes
import CLinux
import Glibc

/// Why a file or directory of a container runtime could not be read: errno.
struct ContainerFileError: Error {
    var code: Int32
    var isMissing: Bool { code == ENOENT || code == ENOTDIR }

    /// One sentence with the remedy.
    func problem(_ path: String, runtime: String) -> String {
        let reason = String(cString: strerror(code))
        guard code == EACCES || code == EPERM else { return "cannot read \(path): \(reason)" }
        return "cannot read \(path): \(reason); give the agent CAP_DAC_READ_SEARCH (AmbientCapabilities= in its unit) "
            + "or run it as root, since \(runtime) keeps its logs to itself"
    }
}

/// The small files and directories that container runtimes keep.
enum ContainerFiles {
    /// Largest description of a container that is read.
    private static let limit = 8 << 20

    /// The names in a directory, sorted, without `.` and `..`.
    static func names(_ path: String) throws(ContainerFileError) -> [String] {
        guard let directory = opendir(path) else { throw ContainerFileError(code: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            // d_name is declared longer than the record may be: read it where it lies.
            let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 19
            let name = String(
                cString: UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self))
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func bytes(_ path: String) throws(ContainerFileError) -> ByteBuffer {
        let descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw ContainerFileError(code: -descriptor) }
        defer { close(descriptor) }
        var buffer = ByteBuffer(capacity: 4096)
        while buffer.count <= limit {
            var code: Int32 = 0
            let count = buffer.appendUninitialized(atLeast: 4096) { room in
                let count = Glibc.read(descriptor, room.baseAddress, room.count)
                if count < 0 { code = errno }
                return max(0, count)
            }
            if code == EINTR { continue }
            guard code == 0 else { throw ContainerFileError(code: code) }
            if count == 0 { return buffer }
        }
        throw ContainerFileError(code: EFBIG)
    }

    /// A JSON file; nil, with a sentence in `problems`, where it cannot be read. One that is not there is no problem.
    static func json(_ path: String, runtime: String, problems: inout [String]) -> JSONValue? {
        do throws(ContainerFileError) {
            let buffer = try bytes(path)
            do throws(JSONError) {
                return try JSONValue(parsing: buffer.bytes)
            } catch {
                problems.append("\(path): \(error); it is read again when it changes")
            }
        } catch {
            if !error.isMissing { problems.append(error.problem(path, runtime: runtime)) }
        }
        return nil
    }

    /// `path`, or its nearest ancestor that is there, to wait in for it to appear.
    static func nearestDirectory(_ path: String) -> String {
        var candidate = path
        while access(candidate, F_OK) != 0, let slash = candidate.lastIndex(of: "/") {
            candidate = String(candidate[..<slash])
            if candidate.isEmpty { return "/" }
        }
        return candidate
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// What a symbolic link points at; nil where `path` is none.
    static func linkTarget(_ path: String) -> String? {
        var target = ByteBuffer()
        let count = target.appendUninitialized(atLeast: 4096) { room in
            guard let start = room.baseAddress?.assumingMemoryBound(to: CChar.self) else { return 0 }
            return max(0, readlink(path, start, room.count))
        }
        return count > 0 ? String(lossy: target.bytes) : nil
    }
}
