import Alerting
import Configuration

/// `alerting.history:` of the configuration file.
struct HistorySection: Sendable, Equatable, ConfigurationSection {
    /// Seconds.
    var maxAge = 30 * 86_400.0
    /// Bytes.
    var maxSize = 64 << 20
    /// Whether events become lines of the log store, too.
    var isLogged = true

    static let configurationKeys = [
        ConfigurationKey("max_age", "duration", default: "30d", "How long what became of alerts is kept."),
        ConfigurationKey("max_size", "size", default: "64MiB", "Size of the files at which the oldest events go."),
        ConfigurationKey(
            "log", "bool", default: "true",
            "Whether each event is also a line of the log store: `{job=\"tocsin\", stream=\"alerts\"}`."),
    ]

    init() {}

    init(_ reader: MappingReader) {
        maxAge = reader.duration("max_age", in: 3600...10 * 365 * 86_400) ?? maxAge
        maxSize = reader.byteCount("max_size", in: 256 << 10...1 << 40) ?? maxSize
        isLogged = reader.bool("log") ?? isLogged
        reader.finish()
    }

    var limits: HistoryLog.Limits {
        var limits = HistoryLog.Limits()
        limits.maxAge = Int64(maxAge * 1000)
        limits.maxSize = UInt64(clamping: maxSize)
        return limits
    }
}
