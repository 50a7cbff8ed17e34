import Glibc
import Synchronization
import Telemetry

@testable import Logs

/// dockerd's part of the conversation on a unix socket: answers of the test's making, one connection after the other.
final class FakeDocker: Sendable {
    /// What to send for a request target; the connection is closed after it, or at `stop` where `staysOpen`.
    struct Answer: Sendable {
        var bytes: [UInt8]
        var staysOpen = false
    }

    private let listener: Int32
    private let stop = StopToken()
    private let requests = Mutex<[String]>([])
    private let thread: Mutex<WorkerThread?> = Mutex(nil)

    var targets: [String] { requests.withLock { $0 } }

    init(path: String, answer: @escaping @Sendable (String) -> Answer) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        listen(listener, 16)
        let worker = WorkerThread(name: "fake-docker") { [self] in serve(answer) }
        thread.withLock { $0 = worker }
    }

    private func serve(_ answer: (String) -> Answer) {
        var open: [Int32] = []
        while !stop.isStopped {
            var polls = [
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            poll(&polls, 2, -1)
            if stop.isStopped { break }
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { continue }
            var request = [UInt8](repeating: 0, count: 4096)
            let count = max(0, read(connection, &request, request.count))
            let words = String(decoding: request.prefix(count), as: UTF8.self).split(separator: " ")
            let target = words.count > 1 ? String(words[1]) : ""
            requests.withLock { $0.append(target) }
            let result = answer(target)
            _ = send(connection, result.bytes, result.bytes.count, Int32(MSG_NOSIGNAL))
            if result.staysOpen { open.append(connection) } else { close(connection) }
        }
        for connection in open { close(connection) }
        close(listener)
    }

    func end() {
        stop.stop()
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }

    static func json(_ text: String) -> Answer {
        Answer(bytes: Array("HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)".utf8))
    }
}
