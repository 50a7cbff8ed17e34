import Bytes
import Glibc
import Synchronization

/// An HTTP server for tests on a loopback port or a Unix socket: plain sockets, one thread per connection, and every way
/// of failing to answer.
package final class PushServer: Sendable {
    package struct Request: Sendable {
        package var line: String
        /// Names in lowercase.
        package var headers: [String: String]
        package var body: [UInt8]
        /// Number of the connection it came over, from 0.
        package var connection: Int
    }

    package enum Reply: Sendable {
        case status(Int, headers: [String] = [], body: String = "")
        /// 200 with any bytes.
        case bytes([UInt8], headers: [String])
        /// Closes with a reset, unanswered.
        case reset
        /// Says nothing until the client goes.
        case stall
        /// Ends its own side of the connection and says nothing.
        case halfClose
        /// Promises more of a body than it sends, then resets.
        case resetInBody
        /// Sends this, whatever it is, and closes.
        case raw(String)
        /// Answers after so many milliseconds.
        case late(milliseconds: Int)
    }

    package let port: UInt16
    private let listener: Int32
    private let handler: @Sendable (Request) -> Reply
    private let state = Mutex(State())

    private struct State {
        var connections: [Int32: Int] = [:]
        var count = 0
        var requests: [Request] = []
        var isClosed = false
    }

    /// Listens at once: on a free port of 127.0.0.1 (or of ::1), or at `socketPath`.
    package init(ipv6: Bool = false, socketPath: String = "", _ handler: @escaping @Sendable (Request) -> Reply) {
        self.handler = handler
        let family = !socketPath.isEmpty ? AF_UNIX : ipv6 ? AF_INET6 : AF_INET
        listener = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        if socketPath.isEmpty {
            port = ipv6 ? Self.bind6(listener) : Self.bind4(listener)
        } else {
            Self.bindUnix(listener, socketPath)
            port = 0
        }
        listen(listener, 64)
        let descriptor = listener
        Self.thread { [self] in
            while true {
                let connection = accept(descriptor, nil, nil)
                if connection < 0, errno == EINTR || errno == ECONNABORTED { continue }
                guard connection >= 0 else {
                    // Only here: whoever else closed it could have this thread take a connection of the next that gets
                    // the number.
                    Glibc.close(descriptor)
                    return
                }
                let number = state.withLock { state -> Int? in
                    guard !state.isClosed else { return nil }
                    state.connections[connection] = state.count
                    state.count += 1
                    return state.count - 1
                }
                guard let number else {
                    Glibc.close(connection)
                    return
                }
                Self.thread { [self] in serve(connection, number) }
            }
        }
    }

    package var url: String { "http://127.0.0.1:\(port)/loki/api/v1/push" }
    package var requests: [Request] { state.withLock { $0.requests } }
    package var connectionCount: Int { state.withLock { $0.count } }

    package func stop() {
        state.withLock { state in
            state.isClosed = true
            for connection in state.connections.keys { shutdown(connection, Int32(SHUT_RDWR)) }
        }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func serve(_ connection: Int32, _ number: Int) {
        var pending: [UInt8] = []
        loop: while let request = Self.read(connection, number, &pending) {
            state.withLock { $0.requests.append(request) }
            switch handler(request) {
            case .status(let code, let headers, let body):
                Self.send(connection, code, headers, Array(body.utf8), length: body.utf8.count)
            case .bytes(let body, let headers): Self.send(connection, 200, headers, body, length: body.count)
            case .late(let milliseconds):
                usleep(UInt32(milliseconds) * 1000)
                Self.send(connection, 204, [], [], length: 0)
            case .stall:
                var byte: UInt8 = 0
                _ = recv(connection, &byte, 1, 0)
                break loop
            case .halfClose:
                shutdown(connection, Int32(SHUT_WR))
                var byte: UInt8 = 0
                _ = recv(connection, &byte, 1, 0)
                break loop
            case .reset:
                Self.resetOnClose(connection)
                break loop
            case .raw(let text):
                let bytes = Array(text.utf8)
                _ = Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                break loop
            case .resetInBody:
                Self.send(connection, 200, [], Array("beginning".utf8), length: 4096)
                Self.resetOnClose(connection)
                break loop
            }
        }
        state.withLock { _ = $0.connections.removeValue(forKey: connection) }
        Glibc.close(connection)
    }

    private static func resetOnClose(_ connection: Int32) {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(connection, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    private static func send(_ connection: Int32, _ code: Int, _ headers: [String], _ body: [UInt8], length: Int) {
        var head = "HTTP/1.1 \(code) Status\r\n"
        for header in headers { head += header + "\r\n" }
        if code != 204 { head += "Content-Length: \(length)\r\n" }
        let bytes = Array((head + "\r\n").utf8) + body
        _ = Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    private static func read(_ connection: Int32, _ number: Int, _ pending: inout [UInt8]) -> Request? {
        while true {
            if let request = parse(number, &pending) { return request }
            var chunk = [UInt8](repeating: 0, count: 64 << 10)
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            pending += chunk[..<count]
        }
    }

    private static func parse(_ number: Int, _ pending: inout [UInt8]) -> Request? {
        let end = Array("\r\n\r\n".utf8)
        guard pending.count >= 4,
            let head = (0...(pending.count - 4)).first(where: { pending[$0..<($0 + 4)].elementsEqual(end) })
        else { return nil }
        let lines = String(decoding: pending[..<head], as: UTF8.self).split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let name = line.prefix { $0 != ":" }
            headers[name.lowercased()] = String(line.dropFirst(name.count + 1).drop { $0 == " " })
        }
        let length = Int(headers["content-length"] ?? "0") ?? 0
        guard pending.count >= head + 4 + length else { return nil }
        let body = Array(pending[(head + 4)..<(head + 4 + length)])
        pending.removeFirst(head + 4 + length)
        return Request(line: String(lines.first ?? ""), headers: headers, body: body, connection: number)
    }

    package static func thread(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        pthread_detach(thread)
    }

    package static func bind4(_ socket: Int32) -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutableBytes(of: &address) { bytes in
            bind(socket, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, length)
            getsockname(socket, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, &length)
            return UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        }
    }

    private static func bind6(_ socket: Int32) -> UInt16 {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_addr = in6addr_loopback
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        return withUnsafeMutableBytes(of: &address) { bytes in
            bind(socket, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, length)
            getsockname(socket, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, &length)
            return UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        }
    }

    private static func bindUnix(_ socket: Int32, _ path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address) { bytes in
            for (index, byte) in path.utf8.prefix(107).enumerated() { bytes[2 + index] = byte }
            bind(
                socket, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}
