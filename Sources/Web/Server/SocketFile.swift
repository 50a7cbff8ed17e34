import CLinux
import Glibc

/// The file of a unix socket, which outlives a process that was killed.
enum SocketFile {
    /// Removes a socket at `path` on which nobody answers; throws where somebody does, or where something else is.
    static func makeRoom(at path: String) throws(WebServerError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw WebServerError(
                "cannot listen on unix:\(path): there is a file that is no socket; move it away or set server.listen "
                    + "to another path")
        }
        if isAnswered(path) { throw WebServerError(listeningOn: .unix(path: path), code: EADDRINUSE) }
        unlink(path)
    }

    private static func isAnswered(_ path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // A listener with a full backlog would make connect wait; it then fails with EAGAIN, and is alive.
        _ = clinux_set_nonblocking(descriptor)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 || errno != ECONNREFUSED
    }
}
