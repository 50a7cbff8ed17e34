import Glibc
import PushServer
import Synchronization

/// A mail server that says what it is told to, or breaks off: one thread, one connection after the other.
final class ScriptedSMTP: Sendable {
    let port: UInt16
    private let listener: Int32
    private let heard = Mutex<[String]>([])
    /// What it answers instead of the usual: by `GREETING`, the first word of a command, `LOGIN` for what follows AUTH, or
    /// `END` for the mail's end. An empty answer breaks the connection.
    private let answers: [String: String]

    private static let usual = [
        "GREETING": "220 test", "EHLO": "250-test\r\n250 SIZE 1000000", "MAIL": "250 ok", "RCPT": "250 ok",
        "AUTH": "334 ", "DATA": "354 go on", "END": "250 taken", "QUIT": "221 bye",
    ]

    /// What clients said, mails aside.
    var commands: [String] { heard.withLock { $0 } }

    init(_ answers: [String: String]) {
        self.answers = Self.usual.merging(answers) { $1 }
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        port = PushServer.bind4(listener)
        listen(listener, 8)
        PushServer.thread { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { break }
                talk(connection)
                close(connection)
            }
            close(listener)
        }
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func say(_ connection: Int32, _ key: String) -> Bool {
        let answer = answers[key] ?? "500 unknown command"
        guard !answer.isEmpty else { return false }
        let bytes = Array((answer + "\r\n").utf8)
        return send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    private func talk(_ connection: Int32) {
        guard say(connection, "GREETING") else { return }
        var rest: [UInt8] = []
        var isMail = false
        var isLogin = false
        while let line = Self.line(connection, &rest) {
            if isMail {
                guard line == "." else { continue }
                isMail = false
                guard say(connection, "END") else { return }
                continue
            }
            heard.withLock { $0.append(line) }
            let word = isLogin ? "LOGIN" : line.prefix { $0 != " " }.uppercased()
            isLogin = word == "AUTH"
            guard say(connection, word) else { return }
            isMail = word == "DATA" && answers[word]?.hasPrefix("354") == true
        }
    }

    private static func line(_ connection: Int32, _ rest: inout [UInt8]) -> String? {
        while true {
            if let end = rest.firstIndex(of: 0x0a) {
                let line = rest[..<end].filter { $0 != 0x0d }
                rest.removeFirst(end + 1)
                return String(decoding: line, as: UTF8.self)
            }
            var chunk = [UInt8](repeating: 0, count: 4096)
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            rest += chunk[..<count]
        }
    }
}
