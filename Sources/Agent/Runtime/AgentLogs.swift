import Bytes
import CLinux
import Glibc
import Logs
import Web

/// Reads lines through the running agent: `GET /api/v1/logs` over a socket of its own.
struct AgentLogs {
    let stateDirectory: String
    /// For the head of an answer, in seconds: the agent sends it before it searches.
    private static let patience = 5

    /// False when no agent with this state directory answers at `address`.
    func stream(_ request: LogRequest, from address: ListenAddress, to printer: EntryPrinter) throws -> Bool {
        guard let socket = Self.connect(address) else { return false }
        defer { close(socket) }
        let head =
            "GET /api/v1/logs?\(request.parameters)&state_dir=\(PercentCoding.encoded(stateDirectory)) HTTP/1.1\r\n"
            + "Host: localhost\r\nConnection: close\r\n\r\n"
        guard Self.send(Array(head.utf8), socket) else { return false }
        var reader = ResponseReader(socket: socket)
        Self.limitReceiving(socket, seconds: Self.patience)
        guard let status = reader.head() else {
            if errno == EAGAIN {
                Terminal.complain(
                    "tocsin logs: what listens at \(address) does not answer within \(Self.patience) s; reading the files"
                )
            }
            return false
        }
        Self.limitReceiving(socket, seconds: 0)
        switch status {
        case 200: break
        case 404, 409: return false
        default:
            let reason = reader.rest()
            throw StoreError("the agent at \(address) answered \(status): \(reason)")
        }
        while let chunk = reader.chunk() {
            if printer.json { EntryPrinter.write(chunk) } else { printer.print(jsonLines: chunk) }
        }
        guard reader.isComplete || request.isFollowing else {
            throw StoreError("the agent at \(address) ended in the middle of its answer")
        }
        return true
    }

    /// How long receiving may take from now on; 0 for ever.
    private static func limitReceiving(_ socket: Int32, seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    private static func send(_ bytes: [UInt8], _ socket: Int32) -> Bool {
        bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            == bytes.count
    }

    /// A connected socket, nil where nobody listens.
    static func connect(_ address: ListenAddress) -> Int32? {
        switch address {
        case .unix(let path, _):
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            let bytes = Array(path.utf8)
            guard bytes.count < MemoryLayout.size(ofValue: name.sun_path) else { return nil }
            withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
            return withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect($0, socklen_t(MemoryLayout<sockaddr_un>.size), AF_UNIX)
                }
            }
        case .tcp(let host, let port):
            var hints = addrinfo()
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var list: UnsafeMutablePointer<addrinfo>?
            let name = host == nil || host == "0.0.0.0" || host == "::" ? "127.0.0.1" : host
            guard getaddrinfo(name, String(port), &hints, &list) == 0 else { return nil }
            defer { freeaddrinfo(list) }
            var entry = list
            while let current = entry?.pointee {
                if let address = current.ai_addr,
                    let socket = connect(address, current.ai_addrlen, current.ai_family)
                {
                    return socket
                }
                entry = current.ai_next
            }
            return nil
        }
    }

    private static func connect(_ address: UnsafePointer<sockaddr>, _ length: socklen_t, _ family: Int32) -> Int32? {
        let socket = Glibc.socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return nil }
        if Glibc.connect(socket, address, length) == 0 { return socket }
        close(socket)
        return nil
    }
}

/// Takes an HTTP/1.1 answer apart: status, then the chunks of a chunked body.
private struct ResponseReader {
    let socket: Int32
    private var buffer: [UInt8] = []
    private(set) var isComplete = false
    private static let longestHead = 64 << 10

    init(socket: Int32) { self.socket = socket }

    /// The status, nil when there is no whole head.
    mutating func head() -> Int? {
        while true {
            if let end = range(of: [13, 10, 13, 10]) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeFirst(end + 4)
                let parts = line.split(separator: " ", maxSplits: 2)
                return parts.count > 1 && parts[0].hasPrefix("HTTP/1.") ? Int(parts[1]) : nil
            }
            guard buffer.count < Self.longestHead, fill() else { return nil }
        }
    }

    /// The next chunk of the body, nil at its end.
    mutating func chunk() -> [UInt8]? {
        while true {
            if let end = range(of: [13, 10]) {
                let text = String(decoding: buffer[..<end], as: UTF8.self).prefix { $0.isHexDigit }
                guard let size = Int(text, radix: 16), size < 1 << 30 else { return nil }
                while buffer.count < end + 2 + size + 2 { guard fill() else { return nil } }
                let chunk = Array(buffer[(end + 2)..<(end + 2 + size)])
                buffer.removeFirst(end + 2 + size + 2)
                if size == 0 {
                    isComplete = true
                    return nil
                }
                return chunk
            }
            guard fill() else { return nil }
        }
    }

    /// What is left, as text, for an error's message.
    mutating func rest() -> String {
        while buffer.count < Self.longestHead, fill() {}
        return String(decoding: buffer, as: UTF8.self)
    }

    private func range(of pattern: [UInt8]) -> Int? {
        buffer.span.bytes.firstRange(of: pattern.span.bytes)
    }

    private mutating func fill() -> Bool {
        var room = [UInt8](repeating: 0, count: 64 << 10)
        let count = room.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { return false }
        buffer.append(contentsOf: room[..<count])
        return true
    }
}
