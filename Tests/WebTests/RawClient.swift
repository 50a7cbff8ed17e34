import Glibc
import Logging
import Telemetry
import Web

/// A client that sends exactly the bytes it is told to. Blocks: to be used inside `offThread`.
final class RawClient {
    struct Reply: Sendable, Equatable {
        var status = 0
        /// Names in lower case.
        var headers: [String: String] = [:]
        var body = ""
    }

    /// Other tests run commands meanwhile; a socket that such a command inherits stays open when it is closed here.
    private static let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)

    private let descriptor: Int32
    private var buffered: [UInt8] = []

    /// nil where nobody listens.
    init?(_ address: ListenAddress) {
        switch address {
        case .tcp(let host, let port):
            descriptor = socket(AF_INET, RawClient.kind, 0)
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = in_port_t(UInt16(port).bigEndian)
            inet_pton(AF_INET, host ?? "127.0.0.1", &name.sin_addr)
            let size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
            }
            if result != 0 { return nil }
        case .unix(let path, _):
            descriptor = socket(AF_UNIX, RawClient.kind, 0)
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            let size = socklen_t(MemoryLayout<sockaddr_un>.size)
            let result = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
            }
            if result != 0 { return nil }
        }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if sent <= 0 { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }

    /// More bytes into the buffer; false at the end, on an error and after ten seconds of nothing.
    private func fill() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count > 0 { buffered += chunk[..<count] }
        return count > 0
    }

    /// Waits for some bytes or the end.
    func receiveSome() { _ = fill() }

    func line() -> String? {
        while true {
            if let end = buffered.firstIndex(of: 10) {
                let line = String(decoding: buffered[..<end], as: UTF8.self)
                buffered.removeFirst(end + 1)
                return line.hasSuffix("\r\n") || line.hasSuffix("\r") ? String(line.dropLast()) : line
            }
            if !fill() { return nil }
        }
    }

    func bytes(_ count: Int) -> String? {
        while buffered.count < count { if !fill() { return nil } }
        let text = String(decoding: buffered[..<count], as: UTF8.self)
        buffered.removeFirst(count)
        return text
    }

    /// Status line and header fields.
    func head() -> Reply? {
        guard let first = line() else { return nil }
        let words = first.split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else { return nil }
        var reply = Reply(status: status)
        while let field = line(), !field.isEmpty {
            let parts = field.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            reply.headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
        }
        return reply
    }

    func reply(hasBody: Bool = true) -> Reply? {
        guard var reply = head() else { return nil }
        guard hasBody, let length = reply.headers["content-length"].flatMap({ Int($0) }) else { return reply }
        guard let body = bytes(length) else { return nil }
        reply.body = body
        return reply
    }

    /// One chunk of a chunked body; empty at its end.
    func chunk() -> String? {
        guard let size = line().flatMap({ Int($0, radix: 16) }), let text = bytes(size) else { return nil }
        _ = line()
        return text
    }

    /// Whether the server has closed: everything still to come is thrown away.
    func isClosed() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count == 0 || (count < 0 && errno == ECONNRESET) { return true }
            if count < 0 { return false }
        }
    }
}

/// Runs what blocks on a thread of its own: the server's handlers need those of the cooperative pool.
func offThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        _ = WorkerThread(name: "client") { continuation.resume(returning: body()) }
    }
}

/// Runs `body` against a server with these routes on a port of the kernel's choice.
func withServer<Value: Sendable>(
    _ router: Router, metrics: WebMetrics = WebMetrics(),
    configure: (inout ServerConfiguration) throws -> Void = { _ in },
    _ body: (ListenAddress) async throws -> Value
) async throws -> Value {
    var configuration = ServerConfiguration()
    configuration.addresses = [try ListenAddress("127.0.0.1:0")]
    try configure(&configuration)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let server = WebServer(configuration: configuration, router: router, logger: logger, metrics: metrics)
    let addresses = try await server.start()
    do {
        let value = try await body(addresses[0])
        await server.stop()
        return value
    } catch {
        await server.stop()
        throw error
    }
}

/// One request as it goes over the wire.
func request(_ line: String, _ fields: String...) -> String {
    ([line + " HTTP/1.1", "Host: localhost"] + fields).map { $0 + "\r\n" }.joined() + "\r\n"
}
