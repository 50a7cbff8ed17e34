import Bytes
import CLinux
import Configuration
import Glibc
import Telemetry

/// One connection to Redis: a command, its reply, the next command. For one thread.
struct RedisConnection: ~Copyable {
    private static let mostBytes = 64 << 20

    private let descriptor: Int32
    private let stop: StopToken
    private var received = ByteBuffer()
    private var used = 0

    deinit { close(descriptor) }

    private init(_ descriptor: Int32, stop: StopToken) {
        self.descriptor = descriptor
        self.stop = stop
    }

    /// Connects and logs in; each step has so many seconds.
    static func open(
        _ settings: RedisSettings, stop: StopToken, timeout: Double = 10
    ) throws(RedisFailure) -> RedisConnection {
        let descriptor: Int32
        switch settings.address {
        case .tcp(let host, let port): descriptor = try connect(host, port, timeout: timeout)
        case .socket(let path): descriptor = try connect(path)
        }
        var connection = RedisConnection(descriptor, stop: stop)
        if let password = settings.password {
            let user = settings.username.isEmpty ? [] : [settings.username]
            try connection.ask(["AUTH"] + user + [password.value], timeout: timeout)
        }
        if settings.database != 0 { try connection.ask(["SELECT", "\(settings.database)"], timeout: timeout) }
        try connection.ask(["PING"], timeout: timeout)
        return connection
    }

    private static func connect(_ host: String, _ port: UInt16, timeout: Double) throws(RedisFailure) -> Int32 {
        var addresses = [clinux_address](repeating: clinux_address(), count: 8)
        let count = clinux_resolve(host, 0, &addresses, 8)
        guard count > 0 else {
            let reason = count < 0 ? String(cString: clinux_resolve_error(-count)) : "no address"
            throw RedisFailure("\(host) cannot be resolved: \(reason)")
        }
        var code: Int32 = 0
        for index in 0..<Int(count) {
            let result = clinux_tcp_connect(&addresses[index], port, Int32(timeout * 1000 / Double(count)))
            if result >= 0 { return result }
            code = -result
        }
        throw RedisFailure("no connection to \(host), port \(port): \(String(cString: strerror(code)))")
    }

    private static func connect(_ path: String) throws(RedisFailure) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw RedisFailure("no socket: \(String(cString: strerror(errno)))") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let result = withUnsafeMutableBytes(of: &address) { bytes in
            for (index, byte) in path.utf8.prefix(107).enumerated() { bytes[2 + index] = byte }
            return Glibc.connect(
                descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                socklen_t(MemoryLayout<sockaddr_un>.size))
        }
        guard result == 0, clinux_set_nonblocking(descriptor) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw RedisFailure("no connection to \(path): \(reason)")
        }
        return descriptor
    }

    /// Sends a command and waits for its reply; throws for an error that Redis answers. Never shows arguments, which may be secret.
    @discardableResult
    mutating func ask(_ command: [String], timeout: Double) throws(RedisFailure) -> RedisReply {
        try send(Self.encoded(command), timeout: timeout)
        return try reply(to: command.first ?? "", timeout: timeout)
    }

    /// Sends several commands at once and waits for as many replies.
    mutating func ask(_ commands: [[String]], timeout: Double) throws(RedisFailure) {
        try send(commands.flatMap { Self.encoded($0) }, timeout: timeout)
        for command in commands { _ = try reply(to: command.first ?? "", timeout: timeout) }
    }

    private static func encoded(_ command: [String]) -> [UInt8] {
        var bytes = Array("*\(command.count)\r\n".utf8)
        for part in command { bytes += Array("$\(part.utf8.count)\r\n\(part)\r\n".utf8) }
        return bytes
    }

    private mutating func reply(to command: String, timeout: Double) throws(RedisFailure) -> RedisReply {
        let deadline = Timestamp.monotonic.adding(seconds: timeout)
        while true {
            switch RedisReply.parse(received.bytes, at: used) {
            case .reply(.error(let message), let end):
                used = end
                throw RedisFailure("answered \(command) with an error: \(BanTextLimit.cut(message, 200))")
            case .reply(let reply, let end):
                used = end
                if used == received.count {
                    received.removeAll()
                    received.release(downTo: 64 << 10)
                    used = 0
                }
                return reply
            case .damaged(let what): throw RedisFailure("is not Redis or speaks another language: \(what)")
            case .incomplete: break
            }
            if used > 0 {
                received.removeFirst(used)
                used = 0
            }
            guard received.count < Self.mostBytes else { throw RedisFailure("answered with more than 64 MiB") }
            try wait(for: POLLIN, until: deadline)
            let descriptor = descriptor
            var code: Int32 = 0
            var isOver = false
            _ = received.appendUninitialized(atLeast: 16 << 10) { room in
                let count = recv(descriptor, room.baseAddress, room.count, 0)
                code = count < 0 ? errno : 0
                isOver = count == 0
                return max(0, count)
            }
            if isOver { throw RedisFailure("closed the connection") }
            if code != 0, code != EAGAIN, code != EINTR {
                throw RedisFailure("the connection broke: \(String(cString: strerror(code)))")
            }
        }
    }

    private mutating func send(_ bytes: [UInt8], timeout: Double) throws(RedisFailure) {
        let deadline = Timestamp.monotonic.adding(seconds: timeout)
        var sent = 0
        while sent < bytes.count {
            let result = bytes.withUnsafeBytes { part in
                Glibc.send(descriptor, part.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if result > 0 {
                sent += result
            } else if errno == EAGAIN {
                try wait(for: POLLOUT, until: deadline)
            } else if errno != EINTR {
                throw RedisFailure("the connection broke: \(String(cString: strerror(errno)))")
            }
        }
    }

    private func wait(for event: Int32, until deadline: Timestamp) throws(RedisFailure) {
        var descriptors = [
            pollfd(fd: descriptor, events: Int16(event), revents: 0),
            pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        let left = max(0, deadline.seconds(since: .monotonic))
        let result = poll(&descriptors, 2, Int32(clamping: Int(left * 1000) + 1))
        if stop.isStopped { throw RedisFailure("stopped") }
        if result == 0 || left == 0 { throw RedisFailure("did not answer in time") }
    }
}
