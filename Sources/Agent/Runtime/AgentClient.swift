import Bytes
import Glibc
import Web

/// Asks the running agent for a whole answer, over a socket of its own.
struct AgentClient {
    struct Answer {
        var status: Int
        var body: [UInt8]
    }

    /// What went wrong in asking.
    struct Failure: Error, CustomStringConvertible {
        var description: String
        /// Whether nobody is there to ask.
        var isAbsence = false
    }

    let stateDirectory: String
    let addresses: [ListenAddress]
    /// Seconds that a whole answer may take.
    var patience = 30
    private static let largestAnswer = 256 << 20

    /// - Parameter path: with parameters, percent-encoded, as of the following.
    func get(_ path: String) throws(Failure) -> [UInt8] { try ask("GET", path, []) }

    func delete(_ path: String) throws(Failure) { _ = try ask("DELETE", path, []) }

    func post(_ path: String, _ body: [UInt8]) throws(Failure) -> [UInt8] { try ask("POST", path, body) }

    /// The answer of the first address where an agent with this state directory is; throws where there is none, or where it
    /// says that something is wrong.
    private func ask(_ method: String, _ path: String, _ body: [UInt8]) throws(Failure) -> [UInt8] {
        for address in addresses {
            guard let answer = exchange(method, path, body, with: address) else { continue }
            switch answer.status {
            case 200: return answer.body
            case 409: continue
            default: throw Failure(description: Self.reason(answer))
            }
        }
        let places = addresses.map { "\($0)" }.joined(separator: ", ")
        throw Failure(
            description: addresses.isEmpty
                ? "the agent listens nowhere that a command may ask; give it a unix: address in server.listen"
                : "no agent with the state directory \(stateDirectory) answers at \(places)", isAbsence: true)
    }

    /// Prometheus's APIs say it in `error`, Alertmanager's in `message` or as a text for itself.
    static func reason(_ answer: Answer, of server: String = "the agent") -> String {
        let body = answer.body
        if let json = try? JSONValue(parsing: body.span.bytes),
            let error = json["error"]?.string ?? json["message"]?.string ?? json.string
        {
            return error
        }
        return "\(server) answered \(answer.status)"
    }

    private func exchange(_ method: String, _ path: String, _ body: [UInt8], with address: ListenAddress) -> Answer? {
        guard let socket = AgentLogs.connect(address) else { return nil }
        defer { close(socket) }
        var time = timeval(tv_sec: patience, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        let separator = path.contains("?") ? "&" : "?"
        let head =
            "\(method) \(path)\(separator)state_dir=\(PercentCoding.encoded(stateDirectory)) HTTP/1.1\r\n"
            + "Host: localhost\r\nConnection: close\r\nContent-Length: \(body.count)\r\n"
            + (path.hasPrefix("/api/v2/") ? "Content-Type: application/json\r\n\r\n" : "\r\n")
        guard Self.send(Array(head.utf8) + body, socket) else { return nil }
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < Self.largestAnswer {
            let count = room.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
            guard count > 0 else { break }
            bytes += room[..<count]
        }
        return Self.parse(bytes)
    }

    private static func send(_ bytes: [UInt8], _ socket: Int32) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let sent = bytes.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress.map { $0 + offset }, bytes.count - offset, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            offset += sent
        }
        return true
    }

    /// Takes an HTTP/1.1 answer apart, whose body ends with the connection, at its length or with its last chunk.
    static func parse(_ bytes: [UInt8]) -> Answer? {
        let end = [UInt8]("\r\n\r\n".utf8)
        guard let split = bytes.span.bytes.firstRange(of: end.span.bytes) else { return nil }
        let head = String(decoding: bytes[..<split], as: UTF8.self)
        let parts = head.split(separator: " ", maxSplits: 2)
        guard parts.count > 1, parts[0].hasPrefix("HTTP/1."), let status = Int(parts[1]) else { return nil }
        let body = Array(bytes[(split + 4)...])
        guard head.lowercased().contains("transfer-encoding: chunked") else {
            return Answer(status: status, body: body)
        }
        var whole: [UInt8] = []
        var offset = 0
        while let line = body[offset...].firstIndex(of: 0x0a) {
            let digits = String(decoding: body[offset..<line], as: UTF8.self).prefix { $0.isHexDigit }
            guard let size = Int(digits, radix: 16), size <= body.count - line - 1 else { return nil }
            if size == 0 { return Answer(status: status, body: whole) }
            whole += body[(line + 1)..<(line + 1 + size)]
            offset = min(line + 1 + size + 2, body.count)
        }
        return nil
    }
}
