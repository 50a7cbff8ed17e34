import Bytes
import Configuration
import PushServer
import Rules
import Synchronization
import Telemetry
import Testing

@testable import Alerting

/// A configuration of nothing but `global` and `receivers`.
struct ReceiversFile: ConfigurationSection {
    static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("global", "mapping", ""), ConfigurationKey("receivers", "list", ""),
    ]
    var global: GlobalConfiguration
    var receivers: [ReceiverDefinition]
    /// The defaults, read once.
    static let templates = try? NotificationTemplates()

    init(_ reader: MappingReader) {
        global = reader.section("global") ?? GlobalConfiguration()
        receivers = reader.sections("receivers") ?? []
        guard let templates = Self.templates else { return }
        for receiver in receivers { receiver.check(global, templates, reader.context) }
    }

    static func read(
        _ text: String, files: [String: String] = [:]
    ) throws(ConfigurationError) -> ConfigurationFile<ReceiversFile> {
        try ConfigurationFile<ReceiversFile>(
            Array(text.utf8), file: "am.yml",
            surroundings: ConfigurationSurroundings(
                variable: { _ in nil },
                read: { path in
                    files[path].map { .success(Array($0.utf8)) } ?? .failure(FileFailure("No such file or directory"))
                }))
    }
}

/// Receivers as tests make them, and what became of their templates.
final class ReceiverBench: Sendable {
    private let failed = Mutex<[String]>([])
    static let now: Int64 = 1_643_114_263_000

    var failures: [String] { failed.withLock { $0 } }

    /// The first integration of the only receiver of `text`, in which `URL` stands for the server.
    func integration(
        _ text: String, _ server: PushServer, templates: [(name: String, text: String)] = [], timeout: Double = 30,
        files: [String: String] = [:]
    ) throws -> any Integration {
        try integration(
            text, url: "http://127.0.0.1:\(server.port)", templates: templates, timeout: timeout, files: files)
    }

    func integration(
        _ text: String, url: String, templates: [(name: String, text: String)] = [], timeout: Double = 30,
        files: [String: String] = [:]
    ) throws -> any Integration {
        let filled = text.split(separator: "URL", omittingEmptySubsequences: false).joined(separator: url)
        let file: ConfigurationFile<ReceiversFile>
        file = try ReceiversFile.read(filled, files: files)
        var environment = ReceiverEnvironment(
            templates: templates.isEmpty
                ? try #require(ReceiversFile.templates) : try NotificationTemplates(files: templates),
            userAgent: "tocsin/test",
            templateFailed: { kind, key, _ in self.failed.withLock { $0.append("\(kind) \(key)") } },
            clock: { Self.now })
        environment.requestTimeout = timeout
        let integrations = file.contents.receivers.first?.integrations(file.contents.global, environment) ?? []
        return try #require(integrations.first)
    }

    static func body(_ request: PushServer.Request) -> String { String(decoding: request.body, as: UTF8.self) }

    /// A form's fields, decoded.
    static func form(_ request: PushServer.Request) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in body(request).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(decoded)
            fields[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        return fields
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
