import Bytes
import Configuration
import Glibc
import PushServer
import Telemetry

@testable import Alerting

/// A dispatcher with its API on a port of this host.
final class ServedAPI: Sendable {
    let dispatcher: AlertDispatcher
    let server: PushServer
    private let stop = StopToken()

    init(_ text: String, directory: String, externalURL: String) throws {
        var configuration = try AlertingConfigurationTests.read(text).contents
        let environment = ReceiverEnvironment(
            templates: try NotificationTemplates(), userAgent: "test", templateFailed: { _, _, _ in })
        let integrations = configuration.makeIntegrations(environment)
        let dispatcher = AlertDispatcher(
            configuration, integrations: integrations, directory: directory, externalURL: externalURL, stop: stop)
        self.dispatcher = dispatcher
        let api = AlertmanagerAPI(
            about: .init(version: "0.25.0", startedAt: Timestamp.now.milliseconds, configuration: text))
        server = PushServer { request in
            guard let request = Self.request(request) else { return .status(404) }
            let response = dispatcher.respond(to: request, api)
            return .status(
                response.status, headers: ["Content-Type: application/json"],
                body: String(decoding: response.body, as: UTF8.self))
        }
        WorkerThread(name: "alerting") { dispatcher.run() }.detach()
    }

    var url: String { "http://127.0.0.1:\(server.port)" }

    func end() {
        stop.stop()
        dispatcher.wake()
        server.stop()
    }

    private static func request(_ request: PushServer.Request) -> APIRequest? {
        let words = request.line.split(separator: " ")
        guard words.count > 1, words[1].hasPrefix("/api/v2") else { return nil }
        let parts = words[1].dropFirst("/api/v2".count).split(separator: "?", maxSplits: 1)
        var query: [(name: String, value: String)] = []
        for pair in parts.count < 2 ? [] : parts[1].split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1)
            query.append((decoded(sides[0]), sides.count < 2 ? "" : decoded(sides[1])))
        }
        return APIRequest(String(words[0]), decoded(parts[0]), query: query, body: request.body)
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 0x25, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == 0x2b ? 0x20 : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// One request, one answer, over a plain socket.
enum PlainHTTP {
    /// The status, 0 where there was no answer.
    static func post(_ port: UInt16, _ path: String, _ body: String) -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return 0 }
        let text =
            "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        let bytes = Array(text.utf8)
        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return 0 }
        var answer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &answer, answer.count, 0)
        guard count > 12 else { return 0 }
        return Int(String(decoding: answer[9..<12], as: UTF8.self)) ?? 0
    }
}
