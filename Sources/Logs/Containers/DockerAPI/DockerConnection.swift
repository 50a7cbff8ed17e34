import Bytes
import CLinux
import Glibc
import Telemetry

/// One request to dockerd over its unix socket and the answer as it comes.
final class DockerConnection {
    let descriptor: Int32
    private let path: String
    private var parser = HTTPResponseParser()

    /// Connects and sends `GET <target>`. Both are immediate on a unix socket.
    init(socket path: String, target: String) throws(DockerAPIError) {
        self.path = path
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw DockerAPIError(description: "the path of docker's socket is too long: \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw DockerAPIError(description: "no socket: \(String(cString: strerror(errno)))")
        }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Self.refused(path, errno) }
        let request = Array("GET \(target) HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n".utf8)
        let sent = send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
        guard sent == request.count, clinux_set_nonblocking(descriptor) == 0 else {
            throw DockerAPIError(description: "docker does not take requests at \(path)")
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    fileprivate static let hostRemedy = "`host` of docker_sd_configs must name docker's socket"

    private static func refused(_ path: String, _ code: Int32) -> DockerAPIError {
        let remedy =
            switch code {
            case ENOENT, ECONNREFUSED: "is docker running? `host` of docker_sd_configs names its socket"
            case EACCES, EPERM: "add the agent's user to the group docker"
            case ENOTSOCK, EPROTOTYPE: Self.hostRemedy
            default: "logs that only docker itself can read are not read until this is gone"
            }
        return DockerAPIError(description: "cannot connect to \(path): \(String(cString: strerror(code))); \(remedy)")
    }

    var status: Int { parser.status }

    enum Progress { case open, ended }

    /// Reads what there is, at most 64 KiB, and appends its part of the body to `body`.
    func receive(into body: inout ByteBuffer) throws(DockerAPIError) -> Progress {
        var code: Int32 = 0
        let count = parser.input.appendUninitialized(atLeast: 64 << 10) { room in
            let count = read(descriptor, room.baseAddress, min(room.count, 64 << 10))
            if count < 0 { code = errno }
            return max(0, count)
        }
        if code == EAGAIN || code == EINTR { return .open }
        guard code == 0 else {
            throw DockerAPIError(description: "docker's answer: \(String(cString: strerror(code)))")
        }
        do throws(DockerAPIError) {
            try parser.drain(into: &body)
        } catch {
            throw DockerAPIError(description: "what answers at \(path) is not docker: \(error); \(Self.hostRemedy)")
        }
        if parser.isDone { return .ended }
        guard count == 0 else { return .open }
        guard parser.mayClose else { throw DockerAPIError(description: "docker's answer at \(path) ended too early") }
        return .ended
    }
}

/// Small requests, answered while the caller waits.
struct DockerClient {
    var path: String
    var stop: StopToken

    private static let timeout = 15.0
    private static let answerLimit = 32 << 20

    /// The answer as JSON; nil for 404.
    func get(_ target: String) throws(DockerAPIError) -> JSONValue? {
        let connection = try DockerConnection(socket: path, target: target)
        var body = ByteBuffer()
        let start = Timestamp.monotonic
        while true {
            var polls = [
                pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            poll(&polls, 2, 1000)
            guard !stop.isStopped else { throw DockerAPIError(description: "stopped") }
            guard Timestamp.monotonic.seconds(since: start) < Self.timeout else {
                throw DockerAPIError(
                    description: "docker at \(path) has not answered \(target) within \(Self.timeout) s")
            }
            if try connection.receive(into: &body) == .ended { break }
            guard body.count <= Self.answerLimit else {
                throw DockerAPIError(description: "docker's answer to \(target) passes \(Self.answerLimit) bytes")
            }
        }
        if connection.status == 404 { return nil }
        do throws(JSONError) {
            guard connection.status == 200 else {
                throw JSONError(
                    description:
                        "status \(connection.status): \(String(lossy: body.bytes.slice(0, min(200, body.count))))")
            }
            return try JSONValue(parsing: body.bytes, limit: Self.answerLimit)
        } catch {
            throw DockerAPIError(
                description: "what answers at \(path) is not docker: \(target) gave \(error); "
                    + DockerConnection.hostRemedy)
        }
    }
}
