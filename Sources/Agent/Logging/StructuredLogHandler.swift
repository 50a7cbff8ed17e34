import Bytes
import Glibc
import Logging
import Telemetry

/// How the agent's own log lines are written.
enum LogFormat: String, CaseIterable, Sendable { case logfmt, json }

/// The agent's own log: one line per event to standard error, as logfmt or JSON.
struct StructuredLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    let format: LogFormat

    init(level: Logger.Level, format: LogFormat) {
        logLevel = level
        self.format = format
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields: [(String, String)] = [
            ("ts", RFC3339.text(Timestamp.now.nanoseconds)), ("level", Self.name(of: event.level)),
            ("msg", "\(event.message)"),
        ]
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { fields.append((key, "\(value)")) }
        let bytes =
            switch format {
            case .logfmt: Array((fields.map { "\($0)=\(Self.logfmt($1))" }.joined(separator: " ") + "\n").utf8)
            case .json: Self.json(fields)
            }
        // One write, so that lines of several threads do not mix.
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func name(of level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "debug"
        case .info, .notice: "info"
        case .warning: "warn"
        case .error, .critical: "error"
        }
    }

    static func logfmt(_ value: String) -> String {
        let plain =
            !value.isEmpty
            && value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3d && $0 != 0x5c && $0 != 0x7f }
        if plain { return value }
        var writer = JSONWriter()
        writer.string(value)
        return String(lossy: writer.buffer.bytes)
    }

    static func json(_ fields: [(String, String)]) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        for (key, value) in fields {
            writer.key(key)
            writer.string(value)
        }
        writer.endObject()
        writer.endLine()
        return writer.written()
    }
}
